"""`second-skin bench engines` on a short run: what it tells, and how the figures must stand to each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetson_runtime.bench import engines as bench
from jetson_runtime.bench.crew import Crew
from jetson_runtime.bench.floor import Floor
from jetson_runtime.bench.processes import Worker, WorkerLost
from jetson_runtime.bench.rails import Rails, Watch
from jetson_runtime.bench.ways import FLOOR_WAYS, WAYS, WayToRun, one_thread
from jetson_runtime.bench.worker import error_of, hot, paced
from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.bundle import GOLDEN, SHIPPED

KEYS = {"hot_us", "paced_p50_us", "paced_p99_us", "max_abs_error", "cpu_percent", "rss_mb", "tick_mj"}


def _bench(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "jetson_runtime.cli", "bench", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    names = "native_fp32,numpy_both,onnxruntime,onnxruntime_window"
    return _bench("engines", "--only", names, "--seconds", "1")


def test_every_way_tells_the_same_figures(result: dict[str, Any]) -> None:
    assert result["floor_us"] > 0.0
    assert result["rounds"] >= 1
    assert {"numpy_both", "onnxruntime", "onnxruntime_window"} <= set(result["engines"])
    for way in result["engines"].values():
        assert set(way) >= KEYS
        assert way["paced_p99_us"] >= way["paced_p50_us"] > 0.0
        assert way["hot_us"] > 0.0
        assert way["rss_mb"] > 10.0
    assert "native_fp32" in {**result["engines"], **result["absent"]}


def test_every_engine_is_the_network(result: dict[str, Any]) -> None:
    for name, way in result["engines"].items():
        assert 0.0 < way["max_abs_error"] <= 5e-6, name


def test_a_window_costs_many_times_a_stream(result: dict[str, Any]) -> None:
    ways = result["engines"]
    assert ways["onnxruntime_window"]["hot_us"] > 5.0 * ways["onnxruntime"]["hot_us"]


def test_a_name_that_is_no_way_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from jetson_runtime import cli

    assert cli.main(["bench", "engines", "--only", "numpy,magic"]) == cli.BAD_INPUT
    assert "--only magic: choose from native_fp32" in capsys.readouterr().err


def test_an_engine_that_is_wrong_is_told_by_its_error() -> None:
    model = bundle.load(SHIPPED)
    with np.load(SHIPPED / GOLDEN) as golden:
        rows, outcomes = golden["rows"][:40], golden["outcomes"][:40]
    sd = np.asarray(model.manifest.outcome_sd)
    right = bench_way(engines.create("numpy", model, 1))
    assert error_of(right, rows, outcomes, sd) < 5e-6
    assert error_of(bench_way(engines.create("numpy", model, 1)), rows, outcomes + 0.1 * sd, sd) > 0.09


def bench_way(engine: Any) -> Any:
    engine.window = 1
    return engine


def test_a_package_that_is_not_here_is_named_and_not_started() -> None:
    assert (
        WayToRun("x", "jetson_runtime.bench.worker", (), needs=("no_such_package",)).missing()
        == "no_such_package"
    )
    assert WayToRun("x", "no_such_package.module", ()).missing() == "no_such_package.module"
    assert not WayToRun("numpy", "jetson_runtime.bench.worker", ("numpy",), needs=("numpy",)).missing()


def test_the_issues_names_are_the_ways_names() -> None:
    names = [way.name for way in WAYS]
    wanted = "native_fp32 native_fp16 numpy onnxruntime openvino pytorch_tcn torch_windows onnxruntime_window"
    assert set(wanted.split()) <= set(names)
    assert len(set(names)) == len(names)


def test_the_floor_reads_half_the_bytes_in_half_precision() -> None:
    model = bundle.load(SHIPPED)
    rows = np.zeros((1, 54), np.float32)
    times = {}
    for precision in ("fp32", "fp16"):
        floor = Floor(model, precision)  # type: ignore[arg-type]
        times[precision] = np.median(hot(lambda floor=floor: floor.step(rows, rows), 0.1))  # type: ignore[misc]
    assert 0.0 < times["fp16"] < times["fp32"]


def test_paced_calls_keep_to_the_grid_and_skip_what_they_overran() -> None:
    starts: list[float] = []

    def slow() -> None:
        starts.append(time.monotonic())
        time.sleep(0.012)

    taken = paced(slow, 0.2)
    assert 3 <= len(taken) <= 0.2 / 0.012 + 1
    assert min(taken) >= 12_000_000
    gaps = np.diff(starts)
    assert gaps.min() > 0.012


def test_a_worker_that_cannot_make_its_way_says_why_and_one_that_dies_what_it_said_last(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "jetson_runtime.bench.worker", "numpy", "--bundle", str(tmp_path)]
    worker = Worker(command, one_thread())
    try:
        assert "manifest.json: no such file" in worker.ready(60.0)["absent"]
    finally:
        worker.close()
    worker = Worker([sys.executable, "-c", "raise SystemExit('gone for good')"], dict(os.environ))
    try:
        with pytest.raises(WorkerLost, match="gone for good"):
            worker.ready(60.0)
    finally:
        worker.close()


def _asked(worker: Worker, do: str, **order: Any) -> dict[str, Any]:
    worker.tell(do, **order)
    return worker.answer(60.0)


def test_a_way_that_is_lost_is_absent_from_then_on_and_the_others_go_on(tmp_path: Path) -> None:
    numpy_way = next(way for way in WAYS if way.name == "numpy")
    broken = WayToRun("broken", "jetson_runtime.bench.worker", ("floor", "--legs", "many"))
    with Crew([FLOOR_WAYS[0], numpy_way, broken], bundle.load(SHIPPED), tmp_path) as crew:
        assert crew.names == [FLOOR_WAYS[0].name, "numpy"]
        assert "invalid int value" in crew.absent["broken"]
        assert crew.ask("numpy", "no such order") is None
        assert crew.names == [FLOOR_WAYS[0].name]
        assert "no such order" in crew.absent["numpy"]
        assert set(crew.ask_all("memory")) == {FLOOR_WAYS[0].name}


def test_a_floor_worker_obeys_until_it_is_closed() -> None:
    worker = Worker(FLOOR_WAYS[0].command(SHIPPED), one_thread())
    try:
        assert worker.ready(60.0) == {"ready": True}
        assert _asked(worker, "settle", file=str(SHIPPED / GOLDEN))["by"] in ("native", "blas")
        assert len(_asked(worker, "hot", seconds=0.0)["ns"]) >= 3
        looks: list[int] = []
        worker.tell("paced", seconds=0.3)
        answer = worker.answer(meanwhile=lambda: looks.append(1))
        assert len(answer["ns"]) > 10
        assert answer["wall_s"] >= 0.29
        assert len(looks) >= 2
    finally:
        worker.close()


def _monitor(root: Path, milliamperes: int) -> None:
    folder = root / "class" / "hwmon" / "hwmon0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text("ina3221\n")
    (folder / "in1_input").write_text("5000\n")
    (folder / "curr1_input").write_text(f"{milliamperes}\n")


def test_energy_is_the_power_above_idle_for_one_tick(tmp_path: Path) -> None:
    _monitor(tmp_path, 1000)
    rails = Rails(tmp_path)
    assert rails.idle_watts == pytest.approx(5.0)
    watch = Watch(rails)
    _monitor(tmp_path, 1200)
    watch.look()
    watch.look()
    assert watch.tick_mj() == pytest.approx(1.0 * 5.0)


def test_without_a_power_monitor_there_is_no_energy(tmp_path: Path) -> None:
    watch = Watch(Rails(tmp_path))
    watch.look()
    assert watch.tick_mj() is None


def test_the_table_shows_every_way_and_who_is_not_here(result: dict[str, Any]) -> None:
    lines = bench._table({**result, "absent": {"openvino": "openvino is not installed"}}).splitlines()
    assert {line.split()[0] for line in lines[1 : 1 + len(result["engines"])]} == set(result["engines"])
    assert lines[-1] == "not here: openvino: openvino is not installed"
