"""`second-skin bench tick`, `scale`, `start` on the smallest sizes, and the parts they are made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("tomli_w")

from live_stream import until

from jetson_runtime import cli
from jetson_runtime.bench import machine, pairs, recording, report, scale, stations, tick
from jetson_runtime.bench.load import Load
from jetson_runtime.bench.scale_networks import Shape, random_bundle
from jetson_runtime.bench.wires import INSOLE_HZ, Wire
from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS


def _bench(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "jetson_runtime.cli", "bench", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_a_tick_under_load_is_told_with_the_machines_floor() -> None:
    result = _bench("tick", "--cases", "subscribers_10", "--seconds", "1", "--engine", "numpy")
    case = result["cases"]["subscribers_10"]
    assert case["engine"] == "numpy"
    assert 20 < case["frames"] <= 230
    assert case["valid_percent"] > 50.0
    assert case["age_ms"]["p50"] <= case["age_ms"]["p99"] <= case["age_ms"]["max"]
    assert case["oldest_ms"]["p50"] > case["age_ms"]["p50"]
    assert case["lateness_ms"]["max"] <= case["age_ms"]["max"]
    assert 0.0 < case["cpu_percent"] < 200.0
    assert case["rss_mb"] > 30.0
    assert set(case["machine_floor"]) == {"late", "p99_ms", "worst_ms"}
    assert case["subscriber_frames"]["fewest"] > 10


def test_start_tells_the_first_frame_and_the_first_valid_one() -> None:
    result = _bench("start", "--engines", "numpy", "--runs", "1")
    start = result["engines"]["numpy"]
    assert 0.0 < start["first_frame_s"] < start["first_valid_s"]
    assert start["first_valid_s"] - start["first_frame_s"] > 1.0, "the history takes 1.24 s to fill"
    assert start["imports_ms"] > start["bundle_ms"] > 0.0


def test_with_a_standby_process_less_is_missing_after_a_kill() -> None:
    sides = _bench("restart", "--runs", "3")["standby"]
    assert sides["with"]["warm"] > sides["without"]["warm"] == 0, sides
    settled = {side: of["first_valid_s"] - of["first_frame_s"] for side, of in sides.items()}
    assert settled["without"] > 1.0, "the history takes 1.24 s to fill"
    assert settled["with"] < 0.5 * settled["without"], sides
    assert all(of["gap_s"] > 0.0 for of in sides.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tick", "--cases", "idle,sunny"], "--cases sunny: choose from idle, "),
        (["start", "--engines", "magic"], "engine magic: "),
    ],
)
def test_a_name_that_is_not_there_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", *words]) == cli.BAD_INPUT
    assert told in capsys.readouterr().err


def test_the_stations_add_up_to_the_whole() -> None:
    result = stations.measure(SHIPPED, "numpy", 330)
    us = result["us"]
    assert set(us) == {*stations.STATIONS, "whole"}
    assert result["ticks"] > 40, "nearly every grid time gives exactly one tick"
    assert us["whole"]["p50"] > us["infer"]["p50"] > us["hand_over"]["p50"] > 0.0
    assert 1.0 < result["whole_over_infer"] < 20.0
    assert "both legs" in stations.table(result)


def test_more_samples_cost_more_and_none_is_lost() -> None:
    slow, fast = (scale.device_rate(rate_hz, 1.0) for rate_hz in (200, 1000))
    assert slow["samples"] == 6 * 199 + 2 * 79
    assert fast["samples"] == 6 * 999 + 2 * 79
    assert slow["ticks"] == pytest.approx(199, abs=2)
    assert fast["parse_ms_per_s"] > slow["parse_ms_per_s"] > 0.0
    assert fast["align_ms_per_s"] > slow["align_ms_per_s"] > 0.0


@pytest.mark.parametrize("shape", [Shape(outcomes=3, channels=27), Shape(legs=2, channels=108)])
def test_networks_of_any_shape_run_and_their_answers_vary(shape: Shape) -> None:
    engine = engines.create("numpy", random_bundle(shape), shape.legs)
    random = np.random.default_rng(0)
    out = np.empty((20, shape.legs, shape.outcomes), np.float32)
    for answer in out:
        engine.step(random.standard_normal((shape.legs, shape.channels)).astype(np.float32), answer)
    assert np.isfinite(out).all()
    assert out.std(axis=0).min() > 0.01


def test_scale_tells_every_shape_once_for_each_engine() -> None:
    result = _bench("scale", "--rounds", "1", "--seconds", "0.5")
    shapes = [tuple(one[key] for key in ("engine", *Shape._fields)) for one in result["networks"]]
    assert len(set(shapes)) == len(shapes)
    numpy_us = {one["outcomes"]: one["hot_us"] for one in result["networks"] if one["engine"] == "numpy"}
    assert numpy_us[16] > numpy_us[1] > 0.0
    assert [one["rate_hz"] for one in result["devices"]] == list(scale.RATES_HZ)


@pytest.mark.parametrize(("name", "rate_hz"), [("imu_back", 200), ("insole_r", INSOLE_HZ)])
def test_a_wire_carries_one_sample_at_its_device_time(name: str, rate_hz: int) -> None:
    wire = Wire(STREAMS[STREAM_INDEX[name]], rate_hz)
    try:
        samples: list[Any] = []
        for device_ns in (1_000_000_000, 1_000_000_000 + wire.period_ns):
            wire.send(device_ns)
            assert wire.device.port.wait(5.0)
            samples += wire.device.feed(*wire.device.port.read())
        assert [sample.device_ns for sample in samples] == [1_000_000_000, 1_000_000_000 + wire.period_ns]
        assert wire.device.counters()["discarded_bytes"] == 0
    finally:
        wire.close()


def test_a_sleeper_tells_how_late_it_was_and_a_hog_takes_a_processor() -> None:
    with Load("sleeper", "0.2") as sleeper, Load("hog") as hog:
        assert until(lambda: machine.cpu_s(hog.pid) > 0.2, 30.0)
        told = sleeper.result()
    assert told["worst_ms"] >= told["p99_ms"] > 0.0


def test_subscribers_count_what_each_of_them_got(ticking: Any) -> None:
    publisher, ticker = ticking()
    with Load("subscribers", publisher.addresses["public"][0], "3") as crowd:
        assert until(lambda: publisher.sent > 0 and ticker.posted > 400, 30.0)
        told = crowd.told()
    assert 0 < told["fewest"] <= told["most"] <= ticker.posted


def test_a_process_that_has_ended_weighs_nothing() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert machine.rss_mb(child.pid) == 0.0
    assert machine.cpu_s(child.pid) == 0.0


def test_the_machine_is_told_in_one_line() -> None:
    facts = machine.Machine().facts()
    assert 0.0 <= facts["steal_percent"] <= 100.0
    line = machine.describe(facts)
    assert "\n" not in line
    assert f"{facts['cores']} cores" in line


def test_a_table_lines_its_columns_up() -> None:
    lines = report.table(("name", "us"), [("a", "1"), ("long one", "1000")]).splitlines()
    assert lines == ["name        us", "a            1", "long one  1000"]


def test_json_goes_to_stdout_alone_and_nan_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    report.say("working")
    report.put({"a": float("nan"), "machine": {}}, "a table", as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"a": None, "machine": {}}
    assert said.err == "working\n"


def test_every_case_is_measured_by_a_subscriber_of_its_own() -> None:
    assert {case.subscribers + 1 for case in tick.CASES.values()} == {1, 10, 100}
    assert {case.fifo for name, case in tick.CASES.items() if name.startswith("normal")} == {False}
    assert messages.FRAME in messages.TOPICS


@pytest.mark.parametrize("name", ["engines", "tick", "scale", "start"])
def test_each_benchmark_explains_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", name, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_bench_names_its_benchmarks_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["bench", "--help"])
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in ("engines", "clock", "tick", "scale", "start"))


@pytest.mark.parametrize("words", ["tick --seconds 0", "tick --minutes inf", "start --runs 0"])
def test_nothing_to_measure_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", *words.split()])
    assert ended.value.code == cli.BAD_INPUT
    assert "invalid" in capsys.readouterr().err


def test_a_recorder_is_measured_beside_none_as_its_unit_starts_it() -> None:
    result = _bench("recording", "--pairs", "1", "--seconds", "1.5", "--engine", "numpy")
    off, on = (result["sides"][side] for side in pairs.SIDES)
    assert min(off["frames"], on["frames"]) > 50
    assert off["recorder_cpu_percent"] == 0.0 < on["recorder_cpu_percent"]
    assert result["lost"] == {"missed": 0, "dropped": 0}
    assert result["ratio"]["age_ms"] == pytest.approx(on["age_ms"]["p99"] / off["age_ms"]["p99"])
    assert result["pair_ratio"]["age_ms"] == result["ratio"]["age_ms"], "there is one pair"
    unit = Path(__file__).resolve().parents[3] / "systemd" / "second-skin-record.service"
    assert f"\nNice={recording.NICE}\n" in unit.read_text()
