"""A sweep that is killed, or loses a worker, ends with the numbers of an unbroken one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ray", reason="ray is not installed: pip install '.[sweep]'")

import stand_in  # noqa: E402
from made_up_trials import made_up_trial  # noqa: E402

from jetson_runtime.suit.trial import write_trial  # noqa: E402
from models.data import dataset  # noqa: E402
from models.data.dataset import Recording  # noqa: E402
from models.sweep import driver, plan, run, spec, state, tables  # noqa: E402
from models.sweep.errors import SweepError  # noqa: E402
from models.sweep.work import train_and_score  # noqa: E402
from models.training import opening  # noqa: E402

# The stand-in and the made-up trials are modules of the tests, the laboratory is the checkout's.
PATHS = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[3])]
RAY = {"num_cpus": 2, "object_store_memory": 100_000_000}
SWEEP = """
ablations = ["all", "only insoles"]
base = "quick"
folds = ["s0", "s1"]
[recipe]
batch = 2
outputs = 8
min_epochs = 1
max_epochs = 3
epoch_steps = 2
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all tests of this module that need one; its workers can import the stand-in."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(PATHS))
        driver.start_here(**RAY)
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """SWEEP.toml, and a folder of four people's trials."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "data").mkdir()
    for k in range(4):
        write_trial(folder / "data" / f"s{k}.parquet", made_up_trial(f"s{k}", k, 3.0))
    (folder / "sweep.toml").write_text(SWEEP)
    return folder / "sweep.toml", folder / "data"


@pytest.fixture
def few(recordings: list[Recording]) -> list[Recording]:
    return recordings[:3]


# Without a cluster, and before there is one.


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_is_not_there(tmp_path: Path, few: list[Recording], scheme: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(SweepError, match=f"--address {address}: no Ray cluster can be reached there"):
            run.run(spec.Spec(), few, tmp_path, address=address)


def test_without_ray_the_extra_is_named(
    tmp_path: Path, few: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SweepError, match=r"pip install '\.\[lab,sweep\]'"):
        run.run(spec.Spec(), few, tmp_path)


def test_other_data_in_the_same_folder_is_refused(tmp_path: Path, few: list[Recording]) -> None:
    state.open_sweep(tmp_path, {}, opening.data_hash(few[:2]))
    with pytest.raises(SweepError, match=r"begun with other data .* choose another --run"):
        run.run(spec.Spec(), few, tmp_path)


def test_two_sweeps_in_one_folder_are_refused(tmp_path: Path, few: list[Recording]) -> None:
    with state.held(tmp_path, 0.0, ""), pytest.raises(SweepError, match="wait for the sweep that runs in it"):
        run.run(spec.Spec(), few, tmp_path)


def test_a_fold_that_cannot_be_trained_is_told_before_anything_runs(
    tmp_path: Path, few: list[Recording]
) -> None:
    unknown = [replace(one, labels=np.full_like(one.labels, np.nan)) for one in few]
    with pytest.raises(ValueError, match="fold s0: hip_flexion is NaN in every trial for training"):
        run.run(spec.Spec(), unknown, tmp_path / "out")
    with pytest.raises(SweepError, match="a job cannot be given 0 cores"):
        run.run(spec.Spec(), few, tmp_path, cpus=0.0)


def test_a_node_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    assert driver.seen_from_here(tmp_path / "token")[0] == ""
    (tmp_path / "token").write_text("abc")
    assert driver.seen_from_here(tmp_path / "token")[0] == "abc"


def test_results_half_written_are_no_results(tmp_path: Path) -> None:
    place = state.job_folder(tmp_path, "one")
    place.mkdir(parents=True)
    (place / "done.json.new").write_text('{"rows": [')
    assert state.done(tmp_path, "one") is None
    (place / "done.json").write_text('{"rows": [')
    with pytest.raises(SweepError, match=r"done.json: is damaged .* remove it and run the sweep again"):
        state.done(tmp_path, "one")


def test_a_disk_without_room_is_known_by_what_torch_says_there(
    tmp_path: Path, few: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch has an error of its own for it, with no number."""

    def work(*_: object) -> list[dict[str, object]]:
        raise RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed writing file")

    job = plan.jobs(spec.Spec(), [one.subject for one in few])[0]
    with pytest.raises(RuntimeError, match="inline_container"):
        driver.attempt(work, job, few, tmp_path)
    monkeypatch.setattr(driver, "_ROOM", 1 << 62)
    with pytest.raises(OSError, match="No space left on device") as raised:
        driver.attempt(work, job, few, tmp_path)
    assert state.disk_full(raised.value)


# With one.


def test_killed_in_the_middle_and_run_again_it_ends_as_an_unbroken_one(
    tmp_path: Path, asked: tuple[Path, Path], cluster: None
) -> None:
    """kill -9 of the command, then of a worker while the same command is run again."""
    file, data = asked
    recordings = dataset.load(data)
    jobs = plan.jobs(spec.load(file), [one.subject for one in recordings])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    torch.set_num_threads(1)
    for job in jobs:
        driver.attempt(train_and_score, job, recordings, whole)
    tables.write(whole, jobs)

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}
    words = ["sweep", str(file), str(data), "--run", str(broken)]
    command = subprocess.Popen([sys.executable, "-m", "models.cli", *words], env=environment)
    _wait_for(lambda: bool(list(broken.glob("jobs/*/done.json"))), command)
    _wait_for(lambda: _half_done(broken), command)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    before = {path: path.stat().st_mtime_ns for path in broken.glob("jobs/*/done.json")}
    assert 0 < len(before) < len(jobs)
    assert not (broken / "results.csv").exists()

    said: list[str] = []
    work = stand_in.killed_while_it_trains
    assert run.run(spec.load(file), recordings, broken, work=work, say=said.append) == 0
    assert any(f"4 jobs, {len(before)} of them done before" in line for line in said)
    assert (broken / "killed").exists(), "no worker died"
    assert {path: path.stat().st_mtime_ns for path in before} == before, "a finished job was done again"
    for name in ("results.csv", "results.md", "ablation.csv", "ablation.md"):
        assert (broken / name).read_text() == (whole / name).read_text(), name
    assert len((whole / "results.csv").read_text().splitlines()) == 1 + len(jobs) * 8


def test_more_than_this_machine_has_is_refused_not_waited_for(
    tmp_path: Path, few: list[Recording], cluster: None
) -> None:
    with pytest.raises(SweepError, match="no node has 1 cores and 64 GPUs"):
        run.run(spec.Spec(), few, tmp_path, gpus=64.0, say=lambda _: None)


def test_a_job_that_fails_is_told_and_the_others_are_done(
    tmp_path: Path, few: list[Recording], cluster: None
) -> None:
    said: list[str] = []
    assert run.run(spec.Spec(), few, tmp_path, work=stand_in.fails_for_s1, say=said.append) == 1
    assert any("s1 has no label of knee_angle" in line and "not done: s1_all" in line for line in said)
    jobs = plan.jobs(spec.Spec(), ["s0", "s1", "s2"])
    assert {row["fold"] for row in tables.rows(tmp_path, jobs)} == {"s0", "s2"}
    with pytest.raises(SweepError, match="the disk is full; free some space and run the same command again"):
        run.run(spec.Spec(), few, tmp_path, work=stand_in.fills_the_disk, say=said.append)


def _half_done(folder: Path) -> bool:
    """Some job has a checkpoint and is not done."""
    return any(
        not (path.parents[2] / "done.json").exists() for path in folder.glob("jobs/*/run/*/hip_flexion.pt")
    )


def _wait_for(
    condition: Callable[[], bool], command: subprocess.Popen[bytes], patience_s: float = 900.0
) -> None:
    last = time.monotonic() + patience_s
    while not condition():
        assert command.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < last
        time.sleep(0.02)
