"""Tare, wearer and insole zero changed in the middle of a session: the recording holds them, and a replay, of the whole
or of a later part, applies each at the tick at which it took effect."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from person import Person, PersonsSuit
from recorded_suit import RecorderProcess
from worn_suit import ServiceProcess, until

from drivers.emulator.bench import Bench
from jetson_runtime.cli import main
from jetson_runtime.recording.comparison import compare
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages, tap
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit.errors import CommandRefused
from jetson_runtime.suit.signals import STANDARD_GRAVITY
from jetson_runtime.suit.trial import read_trial

HEAVY = {"mass_kg": 100.0, "foot_length_m": 0.25, "foot_width_m": 0.09}


class Recorded:
    """A person in the suit, the service and the recorder."""

    def __init__(self, folder: Path, bench: Bench, part_mb: int) -> None:
        self.suit = PersonsSuit(folder, bench, Person())
        self.folder = folder / "recordings"
        recording = f'[recording]\nfolder = "{self.folder}"\nkeep_free_mb = 0\npart_mb = {part_mb}'
        config = self.suit.write_config(extra=recording)
        self.service = ServiceProcess(config, self.suit.endpoint)
        self.control = ControlClient(self.suit.control)
        self.recorders: list[RecorderProcess] = []

    def record(self) -> None:
        self.recorders.append(RecorderProcess(self.suit.config))
        assert until(lambda: (self.service.status.get("recording") or {}).get("state") == "recording", 60.0)

    def frames_pass(self, count: int) -> None:
        client = self.service.client
        end = client.frames + count

        def passed() -> bool:
            client.recv_all(20)
            return client.frames > end

        assert until(passed, 120.0), self.service.log

    def asks(self, op: str, **arguments: Any) -> None:
        """Again where the machine is so busy that a sensor goes missing for a moment."""
        for _ in range(5):
            try:
                self.control.ask(op, timeout_s=60.0, **arguments)
                return
            except CommandRefused as refusal:
                assert "missing" in refusal.text or "too few" in refusal.text, refusal
                time.sleep(1.0)
        raise AssertionError(self.service.log)

    def ends(self) -> list[Path]:
        """The parts."""
        assert self.recorders[-1].stop() == 0
        return sorted(self.folder.glob("*.mcap"))

    def close(self) -> None:
        self.control.close()
        for recorder in self.recorders:
            if recorder.process.poll() is None:
                recorder.stop()
        self.service.stop()


@pytest.fixture
def recorded(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Recorded]:
    with Bench() as bench:
        recorded = Recorded(tmp_path, bench, getattr(request, "param", 500))
        try:
            assert until(lambda: recorded.service.state() == "running", 60.0), recorded.service.log
            yield recorded
        finally:
            recorded.close()


def told(paths: list[Path], topic: str) -> list[dict[str, Any]]:
    return [messages.decode(m.payload) for path in paths for m in Reading(path) if m.topic == topic]


def forces(paths: list[Path]) -> set[float]:
    """The force on the left foot of each frame, to a tenth of a bodyweight."""
    values = [frame["ground"]["l"]["vgrf"] for frame in told(paths, messages.FRAME) if frame["valid"]]
    return {round(value, 1) for value in values if math.isfinite(value)}


def test_a_session_with_another_tare_wearer_and_zero_in_its_middle_replays_to_the_last_bit(
    recorded: Recorded,
) -> None:
    recorded.record()
    recorded.frames_pass(700)
    recorded.asks("tare", seconds=0.5)
    recorded.frames_pass(200)
    recorded.asks("set_wearer", wearer=HEAVY)
    recorded.frames_pass(400)
    # Loaded for who was there at the start, and not for who is there now.
    recorded.suit.person.force_n = {"r": 0.0, "l": 350.0}
    recorded.frames_pass(100)
    recorded.suit.person.force_n = {"r": 0.06 * 70.0 * STANDARD_GRAVITY, "l": 350.0}
    recorded.frames_pass(100)
    recorded.suit.person.force_n = {"r": 20.0, "l": 350.0}
    time.sleep(0.5)
    recorded.asks("zero_insoles", sides=["r"], seconds=0.5)
    recorded.suit.person.pitch_deg = {"thigh_r": 20.0}
    recorded.frames_pass(200)
    recorded.suit.person.pitch_deg = {}
    time.sleep(0.5)
    recorded.asks("tare", seconds=0.5)
    recorded.frames_pass(300)
    paths = recorded.ends()
    wears = [event for raw in told(paths, messages.RAW) for event in raw["events"] if event[0] == tap.WEAR]
    assert [event[1]["wearer"]["mass_kg"] for event in wears] == [100.0, 100.0]
    assert forces(paths) == {0.5, 0.4}, "350 N of 70 and of 100 kg"
    hips = [frame["angle_imu"]["hip_flexion_r"] for frame in told(paths, messages.FRAME)]
    assert math.isnan(hips[0]) and math.isfinite(hips[-1])
    found = compare(paths)
    assert (found.same, found.different, found.missing, found.gaps) == (True, 0, 0, 0), found
    assert found.equal > 800


def test_without_the_changes_a_replay_is_another(recorded: Recorded, tmp_path: Path) -> None:
    """What the test above rests on: the events are what makes it equal."""
    from jetson_runtime.recording.mcap_file import RecordingFile

    recorded.record()
    recorded.frames_pass(700)
    recorded.asks("set_wearer", wearer=HEAVY)
    recorded.asks("tare", seconds=0.5)
    recorded.frames_pass(400)
    (path,) = recorded.ends()
    for name, dropped in (("wear", tap.WEAR), ("tare", "tare")):
        without = RecordingFile(tmp_path / f"{name}.mcap", {"session": "s"})
        for message in Reading(path):
            content = messages.decode(message.payload)
            if content.get("kind") == dropped:
                continue
            if message.topic == messages.RAW:
                events = [event for event in content["events"] if event[0] != dropped]
                payload = messages.encode_raw(
                    events, content["number"], 0, content["session"], content["t_ns"]
                )
                without.add(message.topic, message.t_ns, payload)
            else:
                without.add(*message)
        without.close()
        found = compare([tmp_path / f"{name}.mcap"])
        assert found.different > 200, name
        keys = {"wear": "ground.l.vgrf", "tare": "angle_imu.hip_flexion_r"}
        assert keys[name] in found.by_key


@pytest.mark.parametrize("recorded", [3], indirect=True)
def test_a_later_part_alone_knows_the_tare_and_the_wearer_that_were_set_before_it(
    recorded: Recorded, tmp_path: Path
) -> None:
    recorded.record()
    recorded.frames_pass(400)
    recorded.asks("set_wearer", wearer=HEAVY)
    recorded.asks("tare", seconds=0.5)
    assert until(lambda: len(list(recorded.folder.glob("*.mcap"))) >= 2, 120.0)
    recorded.frames_pass(900)
    parts = recorded.ends()
    assert compare(parts).same
    alone = compare(parts[1:2])
    assert (alone.same, alone.different, alone.missing) == (True, 0, 0), alone
    out = tmp_path / "part.parquet"
    assert main(["export", str(parts[1]), "--to", "parquet", "--out", str(out)]) == 0
    assert read_trial(out).meta.body_mass_kg == 100.0


def test_a_recorder_that_comes_after_the_changes_knows_them(recorded: Recorded, tmp_path: Path) -> None:
    recorded.asks("set_wearer", wearer=HEAVY)
    recorded.asks("tare", seconds=0.5)
    recorded.frames_pass(200)
    recorded.record()
    recorded.frames_pass(1000)
    paths = recorded.ends()
    found = compare(paths)
    assert (found.same, found.different, found.missing) == (True, 0, 0), found
    assert all(
        math.isfinite(frame["angle_imu"]["knee_angle_l"]) for frame in told(paths, messages.FRAME)[-200:]
    )
    out = tmp_path / "late.parquet"
    assert main(["export", str(paths[0]), "--to", "parquet", "--out", str(out)]) == 0
    assert read_trial(out).meta.body_mass_kg == 100.0
