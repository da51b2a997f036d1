"""The recorder's unit beside the service's: what a kill, a stop and a power-off of the machine leave on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed_service import Installed
from nspawn import RECORDER, until

from jetson_runtime.recording import catalogue
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import RATE_HZ


@pytest.fixture
def recorded(service: Installed) -> Installed:
    """Service and recorder running, and a second of this session on the disk."""
    if service.container.show("ActiveState", unit=RECORDER)["ActiveState"] != "active":
        service.container.run("systemctl", "restart", RECORDER)
    session = service.session()
    assert until(lambda: any(map(a_second_long, parts(service, session)))), told(service)
    return service


def parts(installed: Installed, session: str) -> list[Path]:
    """The files of one session, in order."""
    return sorted(installed.recordings.glob(f"*_{session}_*.mcap"))


def read(path: Path) -> tuple[list[int], bool]:
    """The numbers of the frames that can be read, and whether nothing that the devices sent is missing between."""
    of: dict[str, list[int]] = {messages.FRAME: [], messages.RAW: []}
    for message in Reading(path):
        if message.topic in of:
            content = messages.decode(message.payload)
            of[message.topic].append(content.get("number", content.get("seq")))
    raw = of[messages.RAW]
    return of[messages.FRAME], raw == list(range(raw[0], raw[0] + len(raw)))


def a_second_long(path: Path) -> bool:
    """A file that is being written, by now."""
    entry = catalogue.look(path)
    return entry.state == catalogue.OPEN and entry.frames > RATE_HZ


def told(installed: Installed) -> str:
    return installed.container.journal(RECORDER) + installed.container.journal()


def stopped_in_order(installed: Installed) -> bool:
    shown = installed.container.show("ActiveState", "Result", "ExecMainStatus", unit=RECORDER)
    return shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def test_row_18_after_a_sigkill_of_the_service_the_old_session_is_whole_and_the_new_is_recorded(
    recorded: Installed,
) -> None:
    before, recorder = recorded.session(), recorded.container.show("MainPID", unit=RECORDER)
    recorded.client.recv_all(20)
    newest = recorded.client.latest
    assert newest is not None
    recorded.container.run("kill", "-KILL", str(recorded.pid()))
    assert until(lambda: recorded.state() and recorded.client.session != before), told(recorded)
    after = recorded.session()
    assert until(lambda: any(map(a_second_long, parts(recorded, after)))), told(recorded)
    old = parts(recorded, before)[-1]
    assert catalogue.look(old).state == catalogue.WHOLE
    seen, gapless = read(old)
    assert gapless
    assert seen[-1] > newest.seq - RATE_HZ, "up to a second before the kill"
    assert recorded.container.show("MainPID", unit=RECORDER) == recorder, "the same recorder"


def test_row_53_a_stop_of_the_recorder_gives_the_file_its_end_and_the_service_goes_on(
    recorded: Installed,
) -> None:
    session = recorded.session()
    recorded.container.run("systemctl", "stop", RECORDER)
    assert stopped_in_order(recorded), told(recorded)
    assert "timed out" not in recorded.container.journal(RECORDER)
    assert {catalogue.look(path).state for path in parts(recorded, session)} == {catalogue.WHOLE}
    assert recorded.session() == session


def test_a_recorder_that_is_killed_comes_back_by_itself_and_the_service_notices_nothing(
    recorded: Installed,
) -> None:
    session, files = recorded.session(), len(parts(recorded, recorded.session()))
    restarts = recorded.container.show("NRestarts")
    pid = recorded.container.show("MainPID", unit=RECORDER)["MainPID"]
    recorded.container.run("kill", "-KILL", pid)
    assert until(lambda: len(parts(recorded, session)) > files), told(recorded)
    cut, fresh = parts(recorded, session)[-2:]
    assert until(lambda: a_second_long(fresh)), told(recorded)
    assert recorded.container.show("MainPID", unit=RECORDER)["MainPID"] not in (pid, "0")
    assert (recorded.session(), recorded.container.show("NRestarts")) == (session, restarts)
    assert catalogue.look(cut).state == catalogue.CUT
    (seen, gapless), (then, _) = read(cut), read(fresh)
    assert gapless
    assert then[0] > seen[-1]
    repaired = catalogue.repair(cut).entry
    assert repaired is not None and repaired.frames == len(seen)
    assert catalogue.look(cut).state == catalogue.WHOLE


def test_row_53_a_power_off_during_a_recording_gives_the_file_its_end(recorded: Installed) -> None:
    session = recorded.session()
    try:
        assert recorded.container.stop() == 0
        files = parts(recorded, session)
        assert {catalogue.look(path).state for path in files} == {catalogue.WHOLE}
        assert all(gapless for _, gapless in map(read, files))
    finally:
        recorded.boot()
