"""One container for all tests of the unit; it boots with the first of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from installed_service import Installed, WornSuit
from nspawn import UNIT, missing, until

from drivers.emulator.bench import Bench


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("container")
    folder.chmod(0o755)
    with Bench() as bench:
        installed = Installed(folder, WornSuit(folder, bench))
        try:
            yield installed
        finally:
            installed.client.close()
            installed.container.stop()


@pytest.fixture
def service(installed: Installed) -> Iterator[Installed]:
    """The service on the whole suit, running; a test that breaks it mends nothing."""
    installed.remove_faults()
    installed.write_config()
    if not installed.runs():
        installed.container.run("systemctl", "restart", UNIT)
    assert until(installed.runs), installed.container.journal()
    yield installed
    installed.remove_faults()
