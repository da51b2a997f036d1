"""`second-skin standby` as a process: whose ports it reads, and when it keeps its hands off them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from worn_suit import until

from jetson_runtime.service.journal import Journal
from jetson_runtime.service.standby import WOKE
from jetson_runtime.service.standby_link import StandbyLink, reach

IDENTITY = {"model": "test"}
# Hands over a port, and dies.
SERVICE = f"""
import os, sys
from pathlib import Path
from jetson_runtime.service.journal import Journal
from jetson_runtime.service.standby_link import reach
link = reach(Path(sys.argv[1]))
link.begin({IDENTITY}, Journal().descriptor)
link.hold(0, {{"path": "wire"}}, int(sys.argv[2]))
os._exit(0)
"""


@pytest.fixture
def wire() -> Iterator[tuple[int, int]]:
    """A port, and the device's end of it."""
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)
    yield theirs, ours
    for descriptor in (theirs, ours):
        os.close(descriptor)


def linked(path: Path) -> StandbyLink:
    """To the process, which may just be hearing the end of another line."""
    found: list[StandbyLink] = []

    def look() -> bool:
        with contextlib.suppress(OSError):
            found.append(reach(path))
        return bool(found)

    assert until(look)
    return found[0]


def test_a_port_of_a_service_that_lives_on_without_its_line_is_not_read(
    standby: Path, wire: tuple[int, int]
) -> None:
    """A line that is closed is no death: the bytes are the service's own."""
    port, device = wire
    journal = Journal()
    link = linked(standby)
    link.begin(IDENTITY, journal.descriptor)
    link.hold(0, {"path": "wire"}, port)
    link.close()
    os.write(device, b"for the service")
    time.sleep(0.2)
    following = linked(standby)
    assert following.legacy is None
    assert os.read(port, 100) == b"for the service"
    following.close()
    journal.close()


def test_what_comes_to_the_port_of_a_dead_service_is_kept_for_the_next(
    standby: Path, wire: tuple[int, int]
) -> None:
    port, device = wire
    subprocess.run(
        [sys.executable, "-c", SERVICE, str(standby), str(port)], pass_fds=(port,), check=True, timeout=60
    )
    os.write(device, b"one")
    following = linked(standby)
    assert following.legacy is not None
    assert (following.legacy.identity, list(following.legacy.held)) == (IDENTITY, [0])
    peeked = following.peek()
    os.write(device, b"two")
    taken = following.take()
    assert peeked and taken
    told = [data for index, data, _ in peeked.reads + taken.reads if index != WOKE]
    assert b"".join(told) == b"onetwo"
    assert (taken.held, taken.lost) == ([0], [])
    following.legacy.close()
    following.close()
