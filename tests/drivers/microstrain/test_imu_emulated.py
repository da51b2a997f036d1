"""Bring-up of the emulated 3DM-GX5-25, which streams from power-up as the real one does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.mip_commands import ImuIdentity
from drivers.emulator.motion import at_rest
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.transport import make_transport
from drivers.errors import PortLost, WrongDevice
from drivers.microstrain.imu import Imu, bring_up
from drivers.samples import ImuSample
from drivers.serial_port import SerialPort


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as running:
        yield running


def plug_in(bench: Bench, link: Path, *, base_rate_hz: int = 1000, idle_misses: int = 0) -> EmulatedImu:
    device = EmulatedImu(
        at_rest,
        DeviceClock.seeded(7, time.monotonic_ns()),
        make_transport("cdc", 7),
        identity=ImuIdentity(serial="6253.70707"),
        base_rate_hz=base_rate_hz,
        idle_misses=idle_misses,
    )
    bench.add(PtyPort(link), device)
    return device


def start(link: Path, serial: str | None = None) -> Imu:
    return bring_up(SerialPort(str(link)), serial=serial, log=lambda line: None)


def collect(imu: Imu, n: int) -> list[ImuSample]:
    samples: list[ImuSample] = []
    while len(samples) < n and imu.port.wait(2.0):
        samples += imu.feed(*imu.port.read())
    return samples


@pytest.mark.parametrize(("base", "rate", "step_ns"), [(1000, 200, 5_000_000), (500, 250, 4_000_000)])
def test_streams_without_a_gap_at_the_rate_it_chose(
    bench: Bench, tmp_path: Path, base: int, rate: int, step_ns: int
) -> None:
    plug_in(bench, tmp_path / "imu", base_rate_hz=base)
    imu = start(tmp_path / "imu", serial="6253.70707")
    samples = collect(imu, 60)
    assert imu.rate_hz == rate
    assert bool(imu.notes) == (base % 200 != 0)
    assert {b.device_ns - a.device_ns for a, b in itertools.pairwise(samples)} == {step_ns}
    assert all(sample.accel == (0.0, 0.0, -9.80665) and sample.quaternion is not None for sample in samples)
    counters = imu.counters()
    assert counters["discarded_bytes"] == counters["without_time"] == counters["other_packets"] == 0
    imu.port.close()


def test_streaming_and_deaf_to_the_first_two_idles(bench: Bench, tmp_path: Path) -> None:
    device = plug_in(bench, tmp_path / "imu", idle_misses=2)
    imu = start(tmp_path / "imu")
    assert len(collect(imu, 10)) >= 10
    assert device.idle_misses == 0
    imu.port.close()


def test_a_second_start_after_a_crash(bench: Bench, tmp_path: Path) -> None:
    device = plug_in(bench, tmp_path / "imu")
    start(tmp_path / "imu").port.close()
    assert device.streaming
    imu = start(tmp_path / "imu")
    assert len(collect(imu, 10)) >= 10
    imu.port.close()


def test_wrong_serial_number(bench: Bench, tmp_path: Path) -> None:
    plug_in(bench, tmp_path / "imu")
    with pytest.raises(WrongDevice, match=r"6253\.70707.*6253\.1"):
        start(tmp_path / "imu", serial="6253.1")


def test_unplugged_while_streaming_and_back_again(bench: Bench, tmp_path: Path) -> None:
    plug_in(bench, tmp_path / "imu")
    imu = start(tmp_path / "imu")
    collect(imu, 5)
    bench.do(bench.ports[0].unplug)
    with pytest.raises(PortLost):
        collect(imu, 1000)
    imu.port.close()
    bench.do(bench.ports[0].plug)
    again = start(tmp_path / "imu")
    assert len(collect(again, 5)) >= 5
    again.port.close()


def test_a_power_cycle_loses_the_format_and_a_new_bring_up_restores_it(bench: Bench, tmp_path: Path) -> None:
    device = plug_in(bench, tmp_path / "imu")
    imu = start(tmp_path / "imu")
    before = collect(imu, 5)[-1]
    bench.do(lambda: device.restart(time.monotonic_ns()))
    imu.port.close()
    time.sleep(0.4)
    again = start(tmp_path / "imu")
    after = collect(again, 5)[0]
    assert after.device_ns < before.device_ns
    again.port.close()
