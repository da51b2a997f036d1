"""The page's own unit under a real systemd: hardened it still works, and killed it takes nothing with it."""

from __future__ import annotations

import io
import tarfile
import urllib.request

from installed_service import Installed
from nspawn import DASHBOARD, until


def fetched(service: Installed, path: str = "/") -> bytes:
    """What the page's server gives; nothing where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.page}{path}", timeout=30.0) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_the_hardened_page_is_served_and_makes_its_support_archive(service: Installed) -> None:
    journal = service.container.journal
    assert until(lambda: fetched(service)), journal(DASHBOARD)
    shown = service.container.show("ActiveState", "User", "Nice", unit=DASHBOARD)
    assert shown == {"ActiveState": "active", "User": "second-skin", "Nice": "10"}
    with tarfile.open(fileobj=io.BytesIO(fetched(service, "/support"))) as archive:
        lines = archive.extractfile("second-skin/journal.txt")
        assert lines is not None and b"session" in lines.read(), "the service's log may be read"
    assert "Traceback" not in journal(DASHBOARD)
    assert "ermission" not in journal(DASHBOARD)


def test_a_page_that_is_killed_is_back_and_the_service_notices_nothing(service: Installed) -> None:
    assert until(lambda: fetched(service)), service.container.journal(DASHBOARD)
    session = service.session()
    before = service.container.show("MainPID", unit=DASHBOARD)["MainPID"]
    service.container.run("kill", "-KILL", before)
    assert until(lambda: service.container.show("MainPID", unit=DASHBOARD)["MainPID"] not in (before, "0"))
    assert until(lambda: fetched(service)), service.container.journal(DASHBOARD)
    assert service.session() == session
