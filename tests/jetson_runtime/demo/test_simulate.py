from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from trials import META, standing_trial

from drivers.emulator.clock import DeviceClock
from drivers.microstrain import imu as imu_driver
from drivers.serial_port import SerialPort
from drivers.xsensor import insole as insole_driver
from jetson_runtime.demo import simulate as simulate_command
from jetson_runtime.suit import config
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import CHANNEL_INDEX, STANDARD_GRAVITY, STREAM_INDEX, STREAM_NAMES, STREAMS
from jetson_runtime.suit.trial import Trial, write_trial


def command(directory: Path, trial: Path, *options: str) -> list[str]:
    words = [sys.executable, "-m", "jetson_runtime.cli", "simulate"]
    return [*words, "--dir", str(directory), "--trial", str(trial), "--tcp-port", "0", *options]


class Simulation:
    """`second-skin simulate` as a process."""

    def __init__(self, directory: Path, trial: Trial, *options: str) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        write_trial(directory / "trial.parquet", trial)
        self.process = subprocess.Popen(
            command(directory, directory / "trial.parquet", *options), stderr=subprocess.PIPE, text=True
        )
        ready = directory / "simulation.json"
        end = time.monotonic() + 20
        while not ready.exists():
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.02)
        self.told: dict[str, Any] = json.loads(ready.read_text())

    def port(self, name: str) -> Path:
        return self.directory / "ports" / name

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            assert self.process.stderr
            self.process.stderr.close()


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[..., Simulation]]:
    with ExitStack() as stack:

        def start(trial: Trial, *options: str, directory: Path = tmp_path / "suit") -> Simulation:
            simulation = Simulation(directory, trial, *options)
            stack.callback(lambda: simulation.process.poll() is None and simulation.stop())
            return simulation

        yield start


def read_imu(path: Path, count: int) -> tuple[imu_driver.Imu, list[Any]]:
    """The device on `path`, brought up by the real driver, and so many of its samples."""
    return _read(imu_driver.bring_up(SerialPort(str(path), 230_400), log=lambda _: None), count)


def read_insole(path: Path, side: Any, count: int) -> tuple[insole_driver.Insole, list[Any]]:
    port = SerialPort(str(path), 921_600)
    return _read(
        insole_driver.bring_up(port, side=side, load_on_n=34.0, load_off_n=21.0, log=lambda _: None), count
    )


def _read(device: Any, count: int) -> tuple[Any, list[Any]]:
    samples: list[Any] = []
    end = time.monotonic() + 10
    while len(samples) < count:
        assert time.monotonic() < end
        if device.port.wait(0.1):
            samples += device.feed(*device.port.read())
    device.port.close()
    return device, samples


def test_it_leaves_ports_a_config_that_loads_and_the_truth(simulate: Callable[..., Simulation]) -> None:
    simulation = simulate(standing_trial(), "--seed", "5", "--loop")
    assert sorted(os.listdir(simulation.directory / "ports")) == sorted(STREAM_NAMES)
    suit = config.load(simulation.directory / "suit.toml")
    assert set(suit.streams) == set(STREAM_NAMES)
    assert suit.wearer is not None
    assert (suit.wearer.mass_kg, suit.wearer.foot_length_m, suit.wearer.foot_width_m) == (70.0, 0.27, 0.10)
    assert suit.model.bundle.parts[-3:] == ("models", "bundles", "demo")
    assert {stream.serial for stream in suit.streams.values()} == {
        item["serial"] for item in simulation.told["devices"]
    }
    assert suit.output.public == (f"ipc://{simulation.directory}/public",)
    assert (simulation.told["duration_s"], simulation.told["loop"]) == (2.0, True)
    assert abs(simulation.told["start_ns"] - time.monotonic_ns()) < 20e9
    clocks = [item["clock"]["skew_ppm"] for item in simulation.told["devices"]]
    assert len(set(clocks)) == len(STREAM_NAMES)


def test_the_real_drivers_measure_the_trial(simulate: Callable[..., Simulation]) -> None:
    simulation = simulate(standing_trial())
    suit = config.load(simulation.directory / "suit.toml")
    for name in ("imu_back", "imu_thigh_l"):
        imu, samples = read_imu(simulation.port(name), 100)
        assert imu.info.serial == suit.streams[name].serial
        assert imu.rate_hz == 200
        in_segment = (
            np.asarray([sample.accel for sample in samples]) @ MOUNTINGS[suit.streams[name].mounting].T
        )
        assert in_segment.mean(axis=0) == pytest.approx([0, STANDARD_GRAVITY, 0], abs=0.01)
        assert len({sample.gyro for sample in samples}) == len(samples)
    for name in ("insole_r", "insole_l"):
        insole, samples = read_insole(simulation.port(name), STREAMS[STREAM_INDEX[name]].side, 40)
        assert insole.rate_hz == 80
        sample = samples[-1]
        assert sample.force_n == pytest.approx(0.5 * 70 * STANDARD_GRAVITY, rel=1e-3)
        assert sample.cop_ap_m == pytest.approx(-0.05 * META.foot_length_m, abs=1e-4)
        assert sample.cop_ml_m == pytest.approx(0.0, abs=1e-4)
        assert insole.counters()["force_disagreements"] == insole.counters()["centre_disagreements"] == 0


def test_each_row_plays_at_the_host_time_that_simulation_json_says(
    simulate: Callable[..., Simulation],
) -> None:
    trial = standing_trial(4000)
    rows = np.arange(4000)
    trial.channels[:, CHANNEL_INDEX["pelvis_gyro_x"]] = rows * 1e-3
    trial.channels[:, CHANNEL_INDEX["insole_l_vgrf"]] = rows * 2.5e-4
    simulation = simulate(trial, "--imu-noise", "0", "--lead-in", "0")
    start_ns = simulation.told["start_ns"]
    clocks = {item["stream"]: DeviceClock(**item["clock"]) for item in simulation.told["devices"]}

    def playing(name: str, samples: list[Any]) -> np.ndarray:
        device_s = np.asarray([sample.device_ns for sample in samples]) * 1e-9
        return (clocks[name].host_ns(device_s) - start_ns) / 5e6

    _, samples = read_imu(simulation.port("imu_pelvis"), 200)
    rate = np.asarray([sample.gyro for sample in samples]) @ MOUNTINGS["x_up_z_back"].T
    assert rate[:, 0] * 1e3 == pytest.approx(playing("imu_pelvis", samples), abs=0.01)
    _, samples = read_insole(simulation.port("insole_l"), "l", 80)
    force = np.asarray([sample.force_n for sample in samples]) / (META.body_mass_kg * STANDARD_GRAVITY)
    assert force / 2.5e-4 == pytest.approx(playing("insole_l", samples), abs=0.3)


def test_other_rates_are_as_asked(simulate: Callable[..., Simulation]) -> None:
    simulation = simulate(
        standing_trial(), "--imu-base-rate", "500", "--insole-rate", "75.13", "--insole-stamp-us", "1000"
    )
    imu, _ = read_imu(simulation.port("imu_shank_r"), 10)
    assert (imu.base_rate_hz, imu.rate_hz) == (500, 250)
    insole, samples = read_insole(simulation.port("insole_r"), "r", 20)
    assert insole.rate_hz == 75.13
    assert {int(step) for step in np.diff([sample.device_ns for sample in samples])} == {
        13_000_000,
        14_000_000,
    }


def test_a_device_without_data_is_not_there(simulate: Callable[..., Simulation]) -> None:
    trial = standing_trial()
    trial.channels[:, STREAMS[STREAM_INDEX["imu_back"]].channels] = np.nan
    simulation = simulate(trial)
    names = set(STREAM_NAMES) - {"imu_back"}
    assert set(os.listdir(simulation.directory / "ports")) == names
    assert set(config.load(simulation.directory / "suit.toml").streams) == names


def test_a_short_trial_waits_for_the_network_to_settle(simulate: Callable[..., Simulation]) -> None:
    before_ns = time.monotonic_ns()
    simulation = simulate(standing_trial(200))
    assert simulation.told["start_ns"] - before_ns > 4e9
    simulation.stop()
    chosen = simulate(standing_trial(200), "--lead-in", "0.5")
    assert chosen.told["start_ns"] - time.monotonic_ns() < 0.5e9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_end_takes_the_ports_away(simulate: Callable[..., Simulation], number: int) -> None:
    simulation = simulate(standing_trial())
    simulation.process.send_signal(number)
    assert simulation.process.wait(10) == 0
    assert os.listdir(simulation.directory / "ports") == []
    assert not (simulation.directory / "simulation.json").exists()


def test_a_folder_with_a_long_name_gets_sockets_with_a_short_one(
    simulate: Callable[..., Simulation], tmp_path: Path
) -> None:
    simulation = simulate(standing_trial(), directory=tmp_path / ("long" * 30))
    suit = config.load(simulation.directory / "suit.toml")
    sockets = Path(suit.output.public[0].removeprefix("ipc://")).parent
    assert sockets.is_dir()
    assert simulation.stop() == 0
    assert not sockets.exists()


def test_a_trial_with_a_missing_column_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "trial.parquet"
    write_trial(path, standing_trial())
    pq.write_table(pq.read_table(path).drop_columns(["shank_l_gyro_y", "knee_angle_r"]), path)
    done = subprocess.run(
        command(tmp_path / "suit", path), check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert done.stderr.startswith("second-skin: ")
    for word in (str(path), "shank_l_gyro_y", "knee_angle_r", "missing"):
        assert word in done.stderr
    assert not (tmp_path / "suit").exists()


def test_a_trial_without_any_device_is_refused(tmp_path: Path) -> None:
    trial = standing_trial()
    trial.channels[:] = np.nan
    path = tmp_path / "trial.parquet"
    write_trial(path, trial)
    done = subprocess.run(
        command(tmp_path / "suit", path), check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "no value of any device" in done.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--insole-rate", "0"], "1 to 200 Hz"),
        (["--lead-in", "-1"], "--lead-in"),
        (["--imu-base-rate", "333"], "--imu-base-rate"),
        (["--tcp-port", "70000"], "give 1 to 65533"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, options: list[str], word: str) -> None:
    parser = argparse.ArgumentParser()
    simulate_command.add_arguments(parser)
    with pytest.raises(SystemExit) as exit_of, contextlib.redirect_stderr(io.StringIO()) as told:
        parser.parse_args(["--dir", str(tmp_path), "--trial", "any", *options])
    assert exit_of.value.code == 2
    assert word in told.getvalue()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write_trial(tmp_path / "trial.parquet", standing_trial())
    words = command(tmp_path / "file" / "suit", tmp_path / "trial.parquet")
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "choose another --dir" in done.stderr
