"""From the terminal to the laboratory: a virtual wearer's movement played by `second-skin simulate`, the real service,
the real recorder, `second-skin collect` at a pseudo-terminal with a refused tare, a trial done again, a session that is
quit and gone on with; then the importer, and what it made beside the truth."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from operator_at import Operator
from worn_suit import until

from drivers.emulator.gpio_chip import EmulatedChip
from jetson_runtime.client import FrameClient
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, PERIOD_NS
from jetson_runtime.suit.trial import Trial, read_trial, write_trial
from models import cli as lab
from models.analytical import trial_angles
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.medley import _joined
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

STAND_S, LIFTS = 16.0, 5
PROTOCOL = """
subject = "S01"
tare_s = 1.0
rest_s = 0.0
sync_wait_s = 60.0
valid_share = 0.5
conditions = [{ task = "PS1", seconds = 3.0 }, "L3"]
"""
MAP = """
subject = "S01"
[wearer]
mass_kg = {meta.body_mass_kg}
foot_length_m = {meta.foot_length_m}
foot_width_m = {meta.foot_width_m}
[[trials]]
name = "lift"
task = "L"
recording = "recordings/*.mcap"
mark = {{ task = "L3", trial = "{trial}" }}
reference = ["seen.parquet"]
laboratory_pulse = {{ edges_s = [{at_s}] }}
"""
HIP, GYRO = LABEL_NAMES.index("hip_flexion_r"), CHANNEL_INDEX["thigh_r_gyro_z"]
Floats = npt.NDArray[np.floating[Any]]


@pytest.fixture(scope="module")
def movement() -> Trial:
    """Somebody who stands for a while and then lifts five times."""
    subject, donning = Subject.random(2), Donning.random(2)
    stands = generate(subject, "PS1", STAND_S, seed=1, donning=donning)
    lifts = generate(subject, "L3", None, seed=2, donning=donning)
    channels, labels = (
        _joined([getattr(one, name) for one in (stands, lifts)]) for name in ("channels", "labels")
    )
    return Trial(np.arange(len(channels)) / 200.0, channels, labels, lifts.meta)


class Laboratory:
    """The suit on somebody whose movement is known, and everything that runs for it."""

    def __init__(self, folder: Path, movement: Trial) -> None:
        self.folder = folder
        self.movement = movement
        self.endpoint, self.control = f"ipc://{folder}/suit/public", f"ipc://{folder}/suit/control"
        self.client = FrameClient(self.endpoint)
        self.chip = EmulatedChip(folder / "chip", (4,))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.operators: list[Operator] = []

    def start(self) -> None:
        folder = self.folder
        write_trial(folder / "movement.parquet", self.movement)
        (folder / "session.toml").write_text(PROTOCOL)
        played = ("--trial", folder / "movement.parquet", "--loop", "--tcp-port", "0")
        self._run("simulate", "--dir", folder / "suit", *played)
        assert until((folder / "suit" / "simulation.json").exists, 60.0)
        self.simulation = json.loads((folder / "suit" / "simulation.json").read_text())
        config = folder / "suit" / "suit.toml"
        recording = f'[recording]\nfolder = "{folder}/recordings"\nkeep_free_mb = 0\n'
        config.write_text(f'{config.read_text()}\n{recording}[sync]\nchip = "{self.chip.name}"\nline = 4\n')
        self._run("run", "--config", config)
        assert until(lambda: self.client.recv_all(0) and self.client.latest.valid, 120.0)
        self._run("record", "--config", config)
        assert until(lambda: (self.status().get("recording") or {}).get("state") == "recording", 60.0)

    def status(self) -> dict[str, Any]:
        self.client.recv_all(0)
        return self.client.status or {}

    def at(self, second: float) -> None:
        """Waits until the movement is at `second` of a round of it, for the next time."""
        whole = self.simulation["duration_s"]
        now_s = (time.monotonic_ns() - self.simulation["start_ns"]) * 1e-9 % whole
        end_s = time.monotonic() + (second - now_s) % whole
        while time.monotonic() < end_s:
            self.client.recv_all(50)

    def operate(self) -> Operator:
        words = (self.folder / "session.toml", "--endpoint", self.endpoint, "--control", self.control)
        self.operators.append(Operator(*words))
        return self.operators[-1]

    def pulse(self) -> int:
        at_ns = self.chip.drive(4, True)
        self.chip.drive(4, False)
        return at_ns

    def stop_recorder(self) -> None:
        self.processes[-1].send_signal(signal.SIGTERM)
        assert self.processes[-1].wait(120.0) == 0

    def close(self) -> None:
        self.client.close()
        for operator in self.operators:
            operator.close()
        for process in reversed(self.processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10.0)
            process.kill()
            process.wait()
        self.chip.close()

    def _run(self, *words: str | Path) -> None:
        program = [sys.executable, "-m", "jetson_runtime.cli", *map(str, words)]
        self.processes.append(subprocess.Popen(program, stderr=(self.folder / f"{words[0]}.log").open("w")))


@pytest.fixture
def laboratory(tmp_path_factory: pytest.TempPathFactory, movement: Trial) -> Iterator[Laboratory]:
    laboratory = Laboratory(tmp_path_factory.mktemp("lab"), movement)
    try:
        laboratory.start()
        yield laboratory
    finally:
        laboratory.close()


def collected(laboratory: Laboratory) -> dict[str, int]:
    """The session of the test; the instant of the pulse of each trial that was kept."""
    pulses = {}
    first = laboratory.operate()
    first.reads("q: quit")
    laboratory.at(STAND_S + 2.0)  # he lifts
    first.types()
    first.reads(": turned by ")
    first.reads("is taken")
    first.reads("its pulse is awaited")
    laboratory.pulse()
    first.reads("the pulse has come")
    first.reads("q: quit", 30.0)  # GO
    first.reads("time is up")
    first.reads("q: quit")
    first.types("r")
    laboratory.at(1.0)
    first.reads("its pulse is awaited")
    pulses["S01_PS1_2"] = laboratory.pulse()
    first.reads("time is up")
    keep(first)
    first.reads("2 of 2: L3")
    first.reads("q: quit")
    first.types("q")
    assert first.ends() == 1

    second = laboratory.operate()
    second.reads("going on: 1 of 2")
    second.reads("2 of 2: L3")
    second.reads("q: quit")
    laboratory.at(1.0)
    second.types()
    second.reads("its pulse is awaited")
    pulses["S01_L3_1"] = laboratory.pulse()
    second.reads("GO: trial 1 of L3")
    laboratory.at(laboratory.simulation["duration_s"] - 0.3)
    second.types()
    assert f"{LIFTS} repetitions counted, {LIFTS} are wanted" in second.reads("or how many?")
    second.types()
    keep(second)
    second.reads("2 of 2 conditions are kept")
    assert second.ends() == 0
    session = json.loads((laboratory.folder / "session_S01.json").read_text())["id"]
    return {
        "_".join([*name.split("_")[:2], f"{session}-{name[-1]}"]): at_ns for name, at_ns in pulses.items()
    }


def test_a_session_becomes_trials_that_tell_what_was_moved(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    pulses = collected(laboratory)
    laboratory.stop_recorder()
    out = laboratory.folder / "trials"
    status = lab.main(["import-recording", str(laboratory.folder / "recordings"), "--out", str(out)])
    told = capsys.readouterr().out
    # A machine too busy for the suit leaves gaps in the rows, which the check finds; nothing else is wrong.
    faults = [line for line in told.splitlines() if ": error: " in line and "NaN in" not in line]
    assert (status in (0, 1), faults) == (True, []), told
    stood, lifts = sorted(pulses, reverse=True)
    assert f"{stood[:-1]}1: left out: to be done again" in told
    names = [path.stem for path in sorted(out.iterdir())]
    assert names == [lifts, f"{lifts}_neutral", stood, f"{stood}_neutral"]
    trials = {name: read_trial(out / f"{name}.parquet") for name in names}
    for name, at_ns in pulses.items():
        look_at(trials[name], trials[f"{name}_neutral"], name, at_ns)
    lifted = trials[lifts]
    assert (lifted.meta.extra["repetitions"], lifted.meta.extra["repetitions_counted"]) == ("5", "5")
    assert 3.0 <= trials[stood].duration_s < 6.0
    beside_the_truth(lifted, laboratory)
    angles = trial_angles.angles(lifted, trial_angles.tares(trials[f"{lifts}_neutral"]))
    beside_the_suit(lifted, angles, laboratory.folder / "recordings")
    with_motion_capture(lifted, angles, laboratory.folder, capsys)


def beside_the_suit(trial: Trial, angles: dict[str, Floats], recordings: Path) -> None:
    """The laboratory's formulas, tared by the imported stance, say what `angle_imu` of the recorded frames said."""
    first = int(trial.meta.extra["begin_ns"]) // PERIOD_NS
    frames = [
        messages.decode(message.payload)
        for path in sorted(recordings.glob("*.mcap"))
        for message in Reading(path)
        if message.topic == messages.FRAME
    ]
    inside = [frame for frame in frames if 0 <= frame["seq"] - first < len(trial.time_s)]
    for name, values in angles.items():
        apart = np.array([values[frame["seq"] - first] - frame["angle_imu"][name] for frame in inside])
        known = np.abs(apart[np.isfinite(apart)])
        assert len(known) > 0.5 * len(inside)
        assert np.median(known) < 0.1 and np.percentile(known, 99) < 0.5, name


def with_motion_capture(
    lifted: Trial, angles: dict[str, Floats], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A laboratory whose clock was at 7 s as the pulse came, and that saw the angles of the suit."""
    at_pulse_s = 7.0
    seconds = lifted.time_s - float(lifted.meta.extra["sync_s"]) + at_pulse_s
    names = [name for name in LABEL_NAMES if name in angles]
    whole = {
        name: np.interp(seconds, seconds[known], angles[name][known])
        for name in names
        for known in [np.isfinite(angles[name])]
    }
    pq.write_table(pa.table({"time": seconds, **whole}), folder / "seen.parquet")
    about = {"trial": lifted.meta.extra["trial"], "meta": lifted.meta}
    (folder / "map.toml").write_text(MAP.format(at_s=at_pulse_s, **about))
    lab.main(["import-recording", str(folder / "map.toml"), "--out", str(folder / "aligned")])
    told = capsys.readouterr().out
    trial = read_trial(folder / "aligned" / "S01_lift.parquet")
    assert trial.meta.extra["sync_pulses"] == "1", told
    seen = shift(trial.labels[:, HIP], whole["hip_flexion_r"])
    felt = shift(trial.channels[:, GYRO], lifted.channels[:, GYRO])
    assert abs(seen - felt) <= 1, "movement and what was seen of it are the same row"


def shift(one: Floats, other: Floats, most: int = 40) -> int:
    """By how many rows `other` comes after `one`."""
    rows = np.arange(most, min(len(one), len(other)) - most)
    miss = {k: np.nanmean((one[rows] - other[rows + k]) ** 2) for k in range(-most, most + 1)}
    return min(miss, key=lambda k: miss[k])


def keep(operator: Operator) -> None:
    """On a machine so busy that the recorder is silent for seconds, a trial is told to be spoiled."""
    operator.types("k" if "should be done again" in operator.reads("q: quit") else "")


def look_at(trial: Trial, stance: Trial, name: str, pulse_ns: int) -> None:
    _, task, number = name.split("_")
    meta = trial.meta
    assert (meta.subject, meta.task, meta.extra["condition"]) == ("S01", task.rstrip("0123456789"), task)
    assert (meta.extra["trial"], meta.extra["sync"], meta.extra["imu_kind"]) == (number, "pulse", "measured")
    assert stance.meta.task == "other:neutral"
    assert stance.meta.extra["session"] == meta.extra["session"]
    assert 0.9 < stance.duration_s < 1.2
    assert int(meta.extra["begin_ns"]) + float(meta.extra["sync_s"]) * 1e9 == pytest.approx(pulse_ns, abs=2e3)
    assert np.isnan(trial.labels).all()
    assert len(trial.quaternions) == 8
    assert np.isfinite(trial.channels[:, : 6 * 4]).mean() > 0.5


def _played(trial: Trial, laboratory: Laboratory, column: Any) -> Any:
    """`column` of the movement at each row of a trial."""
    since_s = (int(trial.meta.extra["begin_ns"]) - laboratory.simulation["start_ns"]) * 1e-9 + trial.time_s
    rows = np.floor(since_s % laboratory.simulation["duration_s"] * 200.0).astype(int)
    return column[np.clip(rows, 0, len(column) - 1)]


def beside_the_truth(trial: Trial, laboratory: Laboratory) -> None:
    """Each IMU channel is the movement's own at that instant, but for the noise and two rows of its clock."""
    for channel in range(6):
        truth = _played(trial, laboratory, laboratory.movement.channels[:, channel])
        known = np.isfinite(trial.channels[:, channel]) & np.isfinite(truth)
        assert np.corrcoef(trial.channels[known, channel], truth[known])[0, 1] > 0.95, channel
