"""Faults as the real driver sees them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.faults import Outlet
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.motion import SensorNoise, at_rest, standing
from drivers.emulator.transport import make_transport
from drivers.emulator.xsensor import EmulatedInsole
from drivers.errors import PortLost, WrongDevice
from drivers.microstrain import imu as imu_driver
from drivers.samples import ImuSample
from drivers.serial_port import SerialPort
from drivers.xsensor import insole as insole_driver


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as running:
        yield running


@pytest.fixture
def outlet(bench: Bench, tmp_path: Path) -> Outlet:
    clock = DeviceClock.seeded(1, time.monotonic_ns())
    imu = EmulatedImu(at_rest, clock, make_transport("cdc", 1), noise=SensorNoise(1))
    return Outlet(bench, tmp_path / "imu", imu)


def bring_up(outlet: Outlet, serial: str | None = None) -> imu_driver.Imu:
    port = SerialPort(str(outlet.port.link), 230_400)
    try:
        return imu_driver.bring_up(port, serial=serial, log=lambda _: None)
    except BaseException:
        port.close()
        raise


def listen(
    imu: imu_driver.Imu, enough: Callable[[list[ImuSample]], bool], timeout_s: float = 5.0
) -> list[ImuSample]:
    """Samples until they are `enough`."""
    samples: list[ImuSample] = []
    end = time.monotonic() + timeout_s
    while not enough(samples):
        assert time.monotonic() < end, f"only {len(samples)} samples, {imu.counters()}"
        if imu.port.wait(0.1):
            samples += imu.feed(*imu.port.read())
    return samples


def count(n: int) -> Callable[[list[ImuSample]], bool]:
    return lambda samples: len(samples) >= n


def test_damaged_packets_are_the_only_ones_lost(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.damage(corrupt_every=10)
    samples = listen(imu, count(200))
    assert 15 <= imu.counters()["bad_checksums"] <= 30
    gaps = [b.device_ns - a.device_ns for a, b in pairwise(samples)]
    assert {round(gap / 5e6) for gap in gaps} == {1, 2}


def test_garbage_between_packets_costs_no_sample(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.damage(garbage_every=2)
    samples = listen(imu, count(200))
    assert imu.counters()["discarded_bytes"] > 1000
    gaps = {round((b.device_ns - a.device_ns) / 5e6) for a, b in pairwise(samples)}
    assert gaps == {1}


def test_byte_by_byte_the_samples_are_the_same(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.damage(one_by_one=True)
    samples = listen(imu, count(100))
    assert {round((b.device_ns - a.device_ns) / 5e6) for a, b in pairwise(samples)} == {1}
    assert imu.counters()["bad_checksums"] == 0


def test_packets_lost_repeated_and_cut_short(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.damage(lose_every=7, repeat_every=5, truncate_every=11)
    samples = listen(imu, count(200))
    steps = [round((b.device_ns - a.device_ns) / 5e6) for a, b in pairwise(samples)]
    assert steps.count(0) > 20
    assert steps.count(2) > 20
    with pytest.raises(ValueError, match="no such fault: burn"):
        outlet.damage(burn=1)


def test_a_stuck_device_repeats_one_reading_until_released(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.stick()
    listen(imu, count(20))
    assert len({sample.accel for sample in listen(imu, count(50))}) == 1
    outlet.release()
    listen(imu, count(20))
    assert len({sample.accel for sample in listen(imu, count(50))}) >= 50


def test_a_silent_device_sends_and_hears_nothing(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.damage(silent=True)
    imu.port.read()
    while imu.port.wait(0.2):
        imu.port.read()
    assert not imu.port.wait(0.2)
    outlet.damage(silent=False)
    assert len(listen(imu, count(10))) >= 10


def test_a_pulled_cable_and_its_return(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    outlet.unplug()
    with pytest.raises(PortLost):
        listen(imu, count(10_000))
    imu.port.close()
    outlet.replug()
    samples = listen(bring_up(outlet), count(10))
    assert samples[-1].device_ns < 5e9  # powered over USB: its clock began with the plug


def test_a_return_under_another_name(outlet: Outlet, tmp_path: Path) -> None:
    outlet.unplug()
    outlet.replug(tmp_path / "ttyUSB5")
    assert (tmp_path / "ttyUSB5").exists()
    assert not (tmp_path / "imu").exists()
    listen(bring_up(outlet), count(10))


def test_a_restart_shows_in_the_devices_time(outlet: Outlet) -> None:
    imu = bring_up(outlet)
    before = listen(imu, count(10))[-1].device_ns
    outlet.restart()
    assert before > 5e9
    assert outlet.device.clock.device_s(time.monotonic_ns()) < 5.0
    imu.port.close()
    assert listen(bring_up(outlet), count(10))[-1].device_ns < 5e9


def test_another_device_on_the_cable_is_told_by_its_serial(outlet: Outlet) -> None:
    bring_up(outlet, serial=outlet.device.serial).port.close()
    outlet.exchange("6253.666666")
    with pytest.raises(WrongDevice, match=r"6253\.666666"):
        bring_up(outlet, serial="6253.104956")
    listen(bring_up(outlet, serial="6253.666666"), count(10))


def test_an_insole_loses_only_its_damaged_frames(bench: Bench, tmp_path: Path) -> None:
    clock = DeviceClock.seeded(2, time.monotonic_ns())
    device = EmulatedInsole(standing(), clock, make_transport("ftdi1", 2), noise=SensorNoise(2))
    outlet = Outlet(bench, tmp_path / "insole", device)
    port = SerialPort(str(outlet.port.link), 921_600)
    insole = insole_driver.bring_up(port, side="r", load_on_n=35.0, load_off_n=20.0, log=lambda _: None)
    outlet.damage(corrupt_every=8, garbage_every=5)
    sequence: list[int] = []
    end = time.monotonic() + 5.0
    while len(sequence) < 80 and time.monotonic() < end:
        if port.wait(0.1):
            sequence += [sample.sequence for sample in insole.feed(*port.read())]
    counters = insole.counters()
    assert len(sequence) >= 80
    assert counters["bad_crc"] + counters["bad_cobs"] + counters["bad_lengths"] > 5
    assert counters["force_disagreements"] == counters["centre_disagreements"] == 0
    assert {b - a for a, b in pairwise(sequence)} <= {1, 2, 3}
