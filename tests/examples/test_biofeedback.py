"""examples/biofeedback.py as its wearer runs it, beside the service on the emulated suit."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "biofeedback.py"
WAIT_S = 300.0


class Feedback:
    """The example as a process, and what it has printed."""

    def __init__(self, folder: Path, endpoint: str, *words: object, path: str | None = None) -> None:
        self._printed = folder / f"printed-{len(list(folder.glob('printed-*')))}"
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | ({"PATH": path} if path is not None else {})
        with self._printed.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(EXAMPLE), "--endpoint", endpoint, *map(str, words)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def text(self) -> str:
        return self._printed.read_text()

    @property
    def last(self) -> str:
        """The newest line that is whole."""
        return next((line for line in reversed(self.text.split("\n")[:-1]) if line.strip("\a")), "")

    def says(self, *words: str) -> bool:
        assert self.process.poll() is None, self.text
        return all(word in self.last for word in words)

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(30.0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Feedback]]:
    """Starts the example: `start(endpoint, "--limit", 1.5)`."""
    begun: list[Feedback] = []

    def one(endpoint: str, *words: object, path: str | None = None) -> Feedback:
        begun.append(Feedback(tmp_path, endpoint, *words, path=path))
        return begun[-1]

    yield one
    for feedback in begun:
        feedback.process.kill()
        feedback.process.wait()


@contextmanager
def worn(folder: Path, extra: str = "") -> Iterator[tuple[WornSuit, ServiceProcess]]:
    """The suit on somebody who stands, and its service, running."""
    with Bench() as bench:
        suit = WornSuit(folder, bench)
        service = ServiceProcess(suit.write_config(extra=extra), suit.endpoint)
        try:
            assert until(lambda: service.state() == "running", WAIT_S), service.log
            yield suit, service
        finally:
            service.stop()


def test_it_warns_above_the_limit_and_is_silent_while_a_sensor_is_missing(
    tmp_path: Path, start: Callable[..., Feedback]
) -> None:
    with worn(tmp_path) as (suit, service):
        shift = tmp_path / "shift.json"
        low = start(suit.endpoint, "--limit", 1e-6, "--smooth-ms", 0, "--shift", shift, path="")
        high = start(suit.endpoint, "--limit", 50, "--moment", "knee")
        assert until(lambda: low.says("OVER") and high.says("ok", "limit 50.00"), WAIT_S), low.text
        assert until(lambda: "\a" in low.text, WAIT_S)
        suit.unplug("imu_thigh_r")
        assert until(lambda: low.says("SILENT", "imu_thigh_r") and high.says("SILENT"), WAIT_S), low.text
        rung = low.text.count("\a")
        assert until(lambda: (service.stream("imu_thigh_r").get("missing_since_s") or 0) > 1, WAIT_S)
        assert low.text.count("\a") == rung
        assert low.says("SILENT")
        suit.replug("imu_thigh_r")
        assert until(lambda: low.says("OVER"), WAIT_S), low.text
        assert low.end() == 0
        assert "lumbar_extension_moment: " in low.text
        assert high.end(signal.SIGINT) == 0
        assert "\a" not in high.text
        dose = json.loads(shift.read_bytes())["dose"]
        assert dose["valid_ticks"] > 0
        assert dose["invalid_ticks"] > 100
        assert dose["loads"]["lumbar_extension_moment"]["linear_nms"] > 0


def test_a_killed_one_goes_on_with_its_shift_and_a_killed_service_silences_it(
    tmp_path: Path, start: Callable[..., Feedback]
) -> None:
    with worn(tmp_path) as (suit, service):
        shift = tmp_path / "shift.json"
        words = (suit.endpoint, "--quiet", "--limit", 1e-6, "--shift", shift)
        first = start(*words)
        assert until(shift.exists, WAIT_S)
        before = json.loads(shift.read_bytes())["dose"]
        first.process.kill()
        second = start(*words)
        assert until(lambda: second.says("OVER"), WAIT_S), second.text
        service.process.kill()
        assert until(lambda: second.says("SILENT", "nothing heard"), WAIT_S), second.text
        assert second.end() == 0
        told = json.loads(shift.read_bytes())
        assert told["restarts"] == 1
        assert told["mass_kg"] == 70.0
        assert told["dose"]["valid_ticks"] > before["valid_ticks"]
        assert told["dose"]["unheard_ns"] > 0
        assert "gone on with 1 times" in second.text
        assert "\a" not in second.text


def test_a_suit_of_one_side_is_measured_and_the_other_side_named(
    tmp_path: Path, start: Callable[..., Feedback]
) -> None:
    with worn(tmp_path, '[suit]\nsides = "right"') as (suit, _):
        shift = tmp_path / "shift.json"
        words = (suit.endpoint, "--quiet", "--limit", 1e-6, "--moment")
        knee, left = start(*words, "knee", "--shift", shift), start(*words, "knee_l")
        assert until(lambda: knee.says("OVER"), WAIT_S), knee.text
        assert until(lambda: left.says("SILENT", "does not send knee_angle_l_moment"), WAIT_S), left.text
        assert knee.end() == 0
        dose = json.loads(shift.read_bytes())["dose"]
        assert dose["valid_ticks"] > 0
        assert set(dose["loads"]) == {"lumbar_extension_moment", "knee_angle_r_moment"}


def test_a_disk_that_takes_nothing_is_said_once_and_ends_no_warning(
    tmp_path: Path, start: Callable[..., Feedback]
) -> None:
    def warns_still() -> bool:
        told = feedback.text.count("OVER")
        return until(lambda: feedback.text.count("OVER") > told, WAIT_S)

    (tmp_path / "disk").mkdir()
    shift, in_the_way = tmp_path / "disk" / "shift.json", tmp_path / "disk" / ".shift.json.new"
    with worn(tmp_path) as (suit, _):
        in_the_way.mkdir()
        feedback = start(suit.endpoint, "--quiet", "--limit", 1e-6, "--shift", shift)
        assert until(lambda: "cannot be saved" in feedback.text, WAIT_S), feedback.text
        assert warns_still()
        in_the_way.rmdir()
        assert until(shift.exists, WAIT_S), feedback.text
        in_the_way.mkdir()
        assert until(lambda: feedback.text.count("cannot be saved") == 2, WAIT_S), feedback.text
        assert warns_still()
        assert feedback.end() == 2
        assert feedback.text.count("cannot be saved") == 2
        assert f"{shift}, not saved" in feedback.text
        assert "lumbar_extension_moment: " in feedback.text
        assert "Traceback" not in feedback.text


def test_the_tone_goes_to_aplay_and_to_the_bell_where_that_fails(
    tmp_path: Path, start: Callable[..., Feedback]
) -> None:
    def player(name: str, script: str) -> str:
        (tmp_path / name).mkdir()
        program = tmp_path / name / "aplay"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return f"{program.parent}:{os.environ['PATH']}"

    heard = tmp_path / "heard.wav"
    working = player(
        "working", f'test -e "{heard}" || {{ cat > "{heard}.part"; mv "{heard}.part" "{heard}"; }}'
    )
    broken = player("broken", "exit 1")
    with worn(tmp_path) as (suit, _):
        good = start(suit.endpoint, "--limit", 1e-6, path=working)
        bad = start(suit.endpoint, "--limit", 1e-6, path=broken)
        assert until(heard.exists, WAIT_S), good.text
        assert until(lambda: "\a" in bad.text, WAIT_S), bad.text
        assert "\a" not in good.text
    with wave.open(str(heard)) as tone:
        assert tone.getnchannels() == 1
        assert tone.getnframes() / tone.getframerate() == pytest.approx(0.15)


def test_what_cannot_be_is_told(tmp_path: Path, start: Callable[..., Feedback]) -> None:
    (tmp_path / "damaged.json").write_text("{")
    address = f"ipc://{tmp_path}/nobody"
    for words, told in (
        (("--shift", tmp_path / "damaged.json"), "name another file"),
        (("--limit", 0), "--limit is to be above 0"),
        (("--limit", "inf"), "--limit is to be above 0"),
        (("--smooth-ms", "inf"), "--smooth-ms 0 or more"),
        (("--seconds", "nan"), "--seconds is to be 0 or more"),
        (("--seconds", -1), "--seconds is to be 0 or more"),
        (("--shift", tmp_path), "is a folder or a device; name a file"),
        (("--shift", ""), "is a folder or a device; name a file"),
        (("--shift", "/dev/zero"), "is a folder or a device"),
        (("--shift", tmp_path / "no" / "shift.json"), "make the folder, or name a file where you may write"),
        (("--key", tmp_path / "none"), "none"),
    ):
        feedback = start(address, *words)
        assert feedback.process.wait(60.0) == 2
        assert told in feedback.text
        assert "Traceback" not in feedback.text
    quiet = start(address, "--seconds", 1)
    assert quiet.process.wait(60.0) == 0
    assert "SILENT" in quiet.text


def test_two_do_not_add_to_one_shift(tmp_path: Path, start: Callable[..., Feedback]) -> None:
    """Until the first has ended, however it ends."""
    words = (f"ipc://{tmp_path}/nobody", "--shift", tmp_path / "shift.json")
    first = start(*words)
    assert until(lambda: "SILENT" in first.text, 60.0)
    second = start(*words)
    assert second.process.wait(60.0) == 2
    assert "another one adds to it" in second.text
    first.process.kill()
    first.process.wait()
    third = start(*words, "--seconds", 0)
    assert third.process.wait(60.0) == 0, third.text
