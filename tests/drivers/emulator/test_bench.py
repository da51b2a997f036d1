from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.motion import at_rest
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.transport import make_transport


def imu(seed: int) -> EmulatedImu:
    return EmulatedImu(at_rest, DeviceClock.seeded(seed, time.monotonic_ns()), make_transport("cdc", seed))


def test_a_port_that_nobody_reads_holds_up_no_other(tmp_path: Path) -> None:
    """The first port is full from the start; the devices stream at 100 Hz, as at power-up."""
    ports = [PtyPort(tmp_path / str(i)) for i in range(3)]
    while ports[0].dropped_writes < 200:
        ports[0].write(bytes(34))
        time.sleep(0.0001)  # the kernel moves what is written on to where the reader finds it
    dropped_before = ports[0].dropped_writes
    with Bench() as bench:
        for i, port in enumerate(ports):
            bench.add(port, imu(i))
        with open(ports[2].link, "rb", buffering=0) as host:
            received = 0
            end = time.monotonic() + 5.0
            while received < 100 * 34 and time.monotonic() < end:
                received += len(host.read(4096) or b"")
    assert received >= 100 * 34
    assert ports[0].dropped_writes > dropped_before + 10
    assert ports[1].dropped_writes == ports[2].dropped_writes == 0


def test_orders_run_in_the_benchs_thread_and_give_back_results_and_errors() -> None:
    with Bench() as bench:
        assert bench.do(lambda: threading.current_thread().name) == "emulator"
        with pytest.raises(ZeroDivisionError):
            bench.do(lambda: 1 // 0)
        assert bench.do(lambda: 7) == 7


def test_leaving_the_bench_takes_its_ports_away(tmp_path: Path) -> None:
    with Bench() as bench:
        bench.add(PtyPort(tmp_path / "imu"), imu(0))
        assert (tmp_path / "imu").exists()
    assert not (tmp_path / "imu").is_symlink()
