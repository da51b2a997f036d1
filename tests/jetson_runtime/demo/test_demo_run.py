"""`second-skin demo` as a user runs it: what it prints, what it says when something is wrong, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import zmq
from rich.console import Console

from jetson_runtime import cli
from jetson_runtime.client import FrameClient
from jetson_runtime.demo import children, live
from jetson_runtime.demo.demo import SHIPPED_TRIAL
from jetson_runtime.inference.engines.choice import CANDIDATES
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import CHANNEL_FILL, CHANNEL_INDEX, LABEL_NAMES, STREAMS
from jetson_runtime.suit.trial import Trial, TrialMeta, write_trial

KEYS = {
    "seconds",
    "frames",
    "rate_hz",
    "missed_ticks",
    "valid_fraction",
    "age_ms",
    "start_to_first_frame_s",
    "start_to_first_valid_s",
    "engine",
    "rmse",
    "r2",
    "skill",
}


def standing(path: Path, lacking=()) -> Path:
    """Ten seconds of standing still on both feet, as a trial's file."""
    rows = 2000
    channels = np.tile(np.asarray(CHANNEL_FILL, np.float32), (rows, 1))
    for side in "rl":
        channels[:, CHANNEL_INDEX[f"insole_{side}_vgrf"]] = 0.5
    for stream in STREAMS:
        if stream.name in lacking:
            channels[:, stream.channels] = np.nan
    labels = np.zeros((rows, len(LABEL_NAMES)), np.float32)
    labels[:, 0] = np.linspace(0, 1, rows)
    meta = TrialMeta("stand-in", "PS", 70.0, 0.27, 0.10)
    write_trial(path, Trial(np.arange(rows) / 200, channels, labels, meta))
    return path


def free_port() -> int:
    """A port with a free one behind it, at least a moment ago."""
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    port = socket.bind_to_random_port("tcp://127.0.0.1", min_port=20_000, max_port=32_000)
    context.destroy(linger=0)
    return port


def demo(*words):
    return [sys.executable, "-m", "jetson_runtime.cli", "demo", *map(str, words)]


def finished(*words):
    return subprocess.run(demo(*words), check=False, capture_output=True, text=True, timeout=60)


def test_a_demo_from_start_to_its_line_of_json(tmp_path):
    port = free_port()
    trial = standing(tmp_path / "stand.parquet")
    command = demo("--trial", trial, "--seconds", 6, "--json", "--tcp-port", port)
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        FrameClient(f"tcp://127.0.0.1:{port}") as other,
    ):
        heard = other.recv(20_000)
        out, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert heard is not None, "the demo's stream is there for other clients too"
    result = json.loads(out.splitlines()[-1], parse_constant=pytest.fail)
    assert set(result) == KEYS
    assert set(result["rmse"]) == set(result["r2"]) == set(LABEL_NAMES)
    assert set(result["skill"]) == {"constant", "ridge"}
    assert set(result["skill"]["ridge"]) == set(LABEL_NAMES)
    assert result["engine"] in CANDIDATES
    assert result["seconds"] == pytest.approx(6, abs=1)
    assert result["frames"] + result["missed_ticks"] == pytest.approx(200 * result["seconds"], rel=0.02)
    assert result["rmse"]["hip_flexion_r"] is not None
    assert result["r2"]["knee_angle_r"] is None
    assert 0 < result["start_to_first_frame_s"] < result["start_to_first_valid_s"]
    assert "hip_flexion_r" in told
    assert not leftovers()


def test_a_trial_that_lacks_a_device_is_told_and_not_scored(tmp_path):
    trial = standing(tmp_path / "no_back.parquet", lacking=("imu_back",))
    result = finished("--trial", trial, "--seconds", 1.5, "--json", "--tcp-port", 0)
    assert result.returncode == 0, result.stderr
    assert "has no data of imu_back: frames are never valid" in result.stderr.replace("\n", " ")
    line = json.loads(result.stdout)
    assert line["valid_fraction"] is None
    assert line["start_to_first_valid_s"] is None
    assert set(line["rmse"].values()) == {None}
    assert line["frames"] > 100


def test_a_trial_with_a_missing_column_is_one_message(tmp_path):
    import pyarrow.parquet as pq

    trial = standing(tmp_path / "stand.parquet")
    pq.write_table(pq.read_table(trial).drop_columns(["shank_l_gyro_y"]), trial)
    result = finished("--trial", trial, "--seconds", 3)
    assert result.returncode == 2
    assert result.stderr.startswith(f"second-skin: {trial}:")
    assert "shank_l_gyro_y" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_ends_the_demo_and_says_which(tmp_path):
    context = zmq.Context()
    other = context.socket(zmq.PUB)
    port = other.bind_to_random_port("tcp://127.0.0.1", min_port=20_000, max_port=32_000)
    try:
        result = finished("--trial", standing(tmp_path / "s.parquet"), "--seconds", 3, "--tcp-port", port)
    finally:
        context.destroy(linger=0)
    assert result.returncode == 2
    assert f"tcp://127.0.0.1:{port}: another service is running on it" in result.stderr
    assert "Traceback" not in result.stderr
    assert not leftovers()


def test_a_bundle_that_is_none_ends_the_demo_and_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    trial = standing(tmp_path / "s.parquet")
    result = finished("--trial", trial, "--bundle", tmp_path / "empty", "--tcp-port", 0)
    assert result.returncode == 2
    assert "manifest.json" in result.stderr
    assert not leftovers()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_however_it_is_ended_its_children_end_with_it(tmp_path, number):
    trial = standing(tmp_path / "stand.parquet")
    with subprocess.Popen(
        demo("--trial", trial, "--seconds", 60, "--tcp-port", 0), stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 20
        while len(children_of(process.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        started = children_of(process.pid)
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert len(started) == 2
    assert process.returncode == cli.INTERRUPTED
    assert "Traceback" not in told
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert not leftovers()


def test_a_service_that_dies_is_told_with_its_last_words(tmp_path):
    trial = standing(tmp_path / "stand.parquet")
    with subprocess.Popen(
        demo("--trial", trial, "--seconds", 60, "--tcp-port", 0), stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 20
        while not (service := children_of(process.pid, "run")) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(service[0], signal.SIGKILL)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "second-skin run was killed by SIGKILL" in told
    assert not leftovers()


def test_a_child_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "STOP_S", 0.2)
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 0.1; done\n")
    fake.chmod(0o755)
    monkeypatch.setattr(children.sys, "executable", str(fake))
    log = tmp_path / "log"
    with children.Child(["run"], log) as child:
        while "ready" not in log.read_text():
            time.sleep(0.01)
        child.check()
    with pytest.raises(SuitError, match="second-skin run was killed by SIGKILL"):
        child.check()


def test_who_ends_it_while_a_child_starts_leaves_no_child(tmp_path, monkeypatch):
    started = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(children.subprocess, "Popen", Interrupted)
    echo = children.Child(["echo", "--endpoint", f"ipc://{tmp_path}/none"], tmp_path / "log")
    with pytest.raises(KeyboardInterrupt), children.ending_on_signals(), echo:
        pytest.fail("the signal came before the block")
    assert started[0].returncode is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_is_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with children.ending_on_signals():
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_sparkline_spans_its_own_range():
    nan = float("nan")
    assert live.sparkline((0.0, 7.0, nan, 3.5)) == "▁█ ▅"
    assert live.sparkline((2.0, 2.0)) == "▁▁"
    assert live.sparkline((nan, nan)) == ""


def test_without_a_terminal_the_view_draws_nothing(ticking):
    publisher, _ = ticking()
    out = StringIO()
    with (
        FrameClient(publisher.addresses["public"][0]) as client,
        live.View(Console(file=out), client) as view,
    ):
        view.show(client.recv(3000), 0.0)
    assert out.getvalue() == ""


def test_in_a_terminal_the_view_draws_state_outcomes_and_streams(ticking):
    publisher, _ = ticking()
    publisher.set_status({"faults": [{"stream": "imu_back", "text": "is gone", "remedy": "plug it in"}]})
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=150, height=60)
    with FrameClient(publisher.addresses["public"][0]) as client, live.View(console, client) as view:
        frames = []
        while client.status is None or not frames:
            frames = client.recv_all(100) or frames
        view.show(frames[-1], 0.0)
    drawn = out.getvalue()
    assert "RUNNING" in drawn
    assert "imu_back: is gone; plug it in" in drawn
    assert "lower back moment" in drawn
    assert "insole_l" in drawn


def test_the_shipped_trial_lies_beside_the_demo():
    assert SHIPPED_TRIAL.parent.name == "demo"
    assert SHIPPED_TRIAL.name == "trial.parquet"


def children_of(pid: int, command: str = "") -> list[int]:
    """Live processes started by `pid`, those of `second-skin COMMAND` if one is given."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            words = (stat.parent / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if int(fields[1]) == pid and (not command or command in words):
            found.append(int(stat.parent.name))
    return found


def leftovers() -> list[Path]:
    """Folders of demos of this process's user that are not in use by another demo's processes."""
    mine = {word for pid in Path("/proc").glob("[0-9]*/cmdline") for word in _words(pid)}
    folders = Path("/tmp").glob("second-skin-demo-*")
    return [folder for folder in folders if not any(str(folder) in word for word in mine)]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split("\0")
    except OSError:
        return []
