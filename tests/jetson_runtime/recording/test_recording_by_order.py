"""Recording by command: the service passes the wish on, the recorder obeys it, and it outlives both of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded_suit import RecordedSuit, RecorderProcess
from worn_suit import ServiceProcess, until

from drivers.emulator.bench import Bench
from jetson_runtime import cli
from jetson_runtime.recording import catalogue
from jetson_runtime.recording.catalogue import WHOLE
from jetson_runtime.recording.comparison import compare
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.recording.wanted import Wanted
from jetson_runtime.stream import messages
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit import wish as wishes
from jetson_runtime.suit.errors import CommandRefused
from jetson_runtime.suit.state import Instant
from jetson_runtime.suit.wish import RecordWish

NOT_OBEYED = 52
PATIENCE_S = 60.0


class OrderedSuit(RecordedSuit):
    """With somebody who gives commands."""

    def ask(self, action: str, **labels: str) -> dict[str, Any]:
        with ControlClient(self.suit.control) as control:
            return control.ask("record", action=action, **labels)

    def reaches(self, state: str) -> bool:
        """Waits until the recorder says so, of the wish that holds."""

        def is_there() -> bool:
            wish = self.service.status.get("record")
            told = self.told()
            return told.get("state") == state and told.get("obeys") == (wish["number"] if wish else None)

        return until(is_there, PATIENCE_S)

    def restart_service(self) -> None:
        self.service.process.kill()
        self.service.stop()
        self.service = ServiceProcess(self.config, self.suit.endpoint)
        assert until(lambda: self.service.status, PATIENCE_S), self.service.log

    def restart_recorder(self) -> RecorderProcess:
        self.recorders[-1].kill()
        return self.record()

    def faults(self) -> set[int]:
        return {fault["number"] for fault in self.service.status.get("faults", ())}


def ordered(folder: Path, begin: str) -> Iterator[OrderedSuit]:
    with Bench() as bench:
        suit = OrderedSuit(folder, bench, f'keep_free_mb = 0\nbegin = "{begin}"')
        try:
            assert until(lambda: suit.service.status, PATIENCE_S), suit.service.log
            yield suit
        finally:
            suit.close()


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[OrderedSuit]:
    """Whose recorder waits to be asked."""
    yield from ordered(tmp_path, "when_asked")


@pytest.fixture
def eager(tmp_path: Path) -> Iterator[OrderedSuit]:
    """Whose recorder records from its start on."""
    yield from ordered(tmp_path, "at_once")


def events(path: Path) -> list[dict[str, Any]]:
    told = [messages.decode(m.payload) for m in Reading(path) if m.topic == messages.EVENT]
    return [event for event in told if event["kind"] == messages.RECORD]


def test_a_recorder_that_waits_begins_a_file_at_each_start_and_ends_it_at_the_stop(
    waiting: OrderedSuit,
) -> None:
    recorder = waiting.record()
    assert waiting.reaches("stopped"), recorder.log
    assert waiting.frames_pass(200)
    assert waiting.files() == []
    asked = waiting.ask("start", subject="S01", task="L3", trial="1")
    assert (asked["number"], asked["wanted"], asked["recorder"]) == (1, True, "stopped")
    assert waiting.reaches("recording"), recorder.log
    assert waiting.frames_pass(400)
    waiting.ask("start", subject="S01", task="L3", trial="2")
    assert until(lambda: len(waiting.files()) == 2, PATIENCE_S)
    assert waiting.frames_pass(900)
    waiting.ask("stop")
    assert waiting.reaches("stopped"), recorder.log
    assert "asked to stop" in waiting.told()["why"]
    assert waiting.frames_pass(200)
    first, second = waiting.files()
    entries = [catalogue.look(path) for path in (first, second)]
    assert [entry.state for entry in entries] == [WHOLE, WHOLE]
    assert [[entry.facts.get(name) for name in wishes.LABELS] for entry in entries] == [
        ["S01", "L3", "1"],
        ["S01", "L3", "2"],
    ]
    assert [(event["number"], event["wanted"]) for event in events(second)] == [(2, True), (3, False)]
    assert waiting.told()["missed"] == 0
    assert compare([second]).same
    assert recorder.stop() == 0


def test_one_that_records_at_once_stops_when_asked_and_the_stop_outlives_service_and_recorder(
    eager: OrderedSuit,
) -> None:
    recorder = eager.record()
    assert eager.reaches("recording"), recorder.log
    eager.ask("stop")
    assert eager.reaches("stopped"), recorder.log
    before = eager.files()
    eager.restart_service()
    assert eager.service.status["record"]["wanted"] is False
    assert eager.reaches("stopped"), recorder.log
    assert eager.frames_pass(200)
    recorder = eager.restart_recorder()
    assert eager.reaches("stopped"), recorder.log
    assert eager.frames_pass(200)
    assert eager.files() == before
    assert NOT_OBEYED not in eager.faults()


def test_a_start_outlives_service_and_recorder_with_what_it_is_of(waiting: OrderedSuit) -> None:
    recorder = waiting.record()
    waiting.ask("start", subject="S02")
    assert waiting.reaches("recording"), recorder.log
    waiting.restart_service()
    assert waiting.reaches("recording"), recorder.log
    recorder = waiting.restart_recorder()
    assert until(lambda: waiting.told().get("file") == str(waiting.files()[-1]), PATIENCE_S), recorder.log
    assert waiting.reaches("recording"), recorder.log
    assert {catalogue.look(path).facts["subject"] for path in waiting.files()} == {"S02"}


def test_a_wish_that_nobody_fulfils_is_a_fault_until_somebody_does(waiting: OrderedSuit) -> None:
    asked = waiting.ask("start")
    assert asked["recorder"] is None
    assert NOT_OBEYED not in waiting.faults()
    assert until(lambda: NOT_OBEYED in waiting.faults(), PATIENCE_S), waiting.service.status
    recorder = waiting.record()
    assert until(lambda: NOT_OBEYED not in waiting.faults(), PATIENCE_S), waiting.service.status
    assert waiting.reaches("recording"), recorder.log
    waiting.ask("stop")
    assert waiting.reaches("stopped"), recorder.log
    assert recorder.stop() == 0
    assert NOT_OBEYED not in waiting.faults()


def test_the_terminal_asks_and_says_whether_a_recorder_runs(
    waiting: OrderedSuit, capsys: pytest.CaptureFixture[str]
) -> None:
    control = ["--control", waiting.suit.control]
    assert cli.main(["recording", "start", "--subject", "S03", "--task", "L3", *control]) == 1
    told = capsys.readouterr().out
    assert "which is kept, but no recorder runs: systemctl start" in told
    assert until(lambda: waiting.service.status["record"], PATIENCE_S)
    wish = waiting.service.status["record"]
    assert (wish["wanted"], wish["subject"], wish["task"]) == (True, "S03", "L3")
    assert cli.main(["recording", "stop", *control]) == 0
    assert capsys.readouterr().out.endswith("; no recorder runs\n")
    assert cli.main(["recording", "stop", "--json", *control]) == 0
    assert json.loads(capsys.readouterr().out)["wanted"] is False
    with pytest.raises(CommandRefused) as refused:
        waiting.ask("stop", subject="S03")
    assert refused.value.code == "bad_argument"


def session(wish: dict[str, Any] | None) -> dict[str, Any]:
    return {"topic": messages.SESSION, "record": wish}


def event(number: int, wanted: bool, **labels: str) -> dict[str, Any]:
    return {
        "topic": messages.EVENT,
        "kind": messages.RECORD,
        "number": number,
        "wanted": wanted,
        **labels,
    }


def test_the_config_holds_until_somebody_has_asked() -> None:
    for begin in ("at_once", "when_asked"):
        wanted = Wanted(begin)  # type: ignore[arg-type]
        assert wanted.on is (begin == "at_once")
        assert not wanted.heed(session(None))
        assert wanted.heed(event(1, begin != "at_once"))
        assert wanted.on is (begin != "at_once")


def test_a_status_from_before_the_order_undoes_nothing_and_one_told_twice_is_one() -> None:
    wanted = Wanted("when_asked")
    wanted.heed(session({"number": 4, "wanted": False}))
    assert wanted.heed(event(5, True, subject="S01"))
    stale = {"topic": messages.STATUS, "record": {"number": 4, "wanted": False}}
    assert not wanted.heed(stale)
    assert not wanted.heed(event(5, True))
    assert (wanted.on, wanted.labels) == (True, {"subject": "S01"})
    lost = {"topic": messages.STATUS, "record": {"number": 6, "wanted": False}}
    assert wanted.heed(lost), "its event was lost"
    assert (wanted.on, wanted.labels) == (False, {})


def test_a_session_with_other_settings_decides_anew() -> None:
    wanted = Wanted("at_once")
    wanted.heed(session({"number": 9, "wanted": False}))
    assert not wanted.on
    assert wanted.heed(session(None))
    assert wanted.on


def test_a_wish_is_read_back_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    assert wishes.load(tmp_path) == (None, "")
    wish = RecordWish(number=1, wanted=True, at=Instant.now(), subject="S01")
    wishes.save(tmp_path, wish)
    assert wishes.load(tmp_path) == (wish, "")
    path = tmp_path / wishes.FILE
    path.write_bytes(path.read_bytes()[:20])
    found, damage = wishes.load(tmp_path)
    assert found is None
    assert wishes.FILE in damage
