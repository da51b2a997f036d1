from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.motion import SensorNoise, at_rest
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.transport import make_transport

CLIENT = Path(__file__).with_name("vendor_client.py")


def test_the_vendors_own_client_identifies_configures_and_reads_the_emulated_imu(tmp_path: Path) -> None:
    if subprocess.run([sys.executable, "-c", "import mscl"], check=False, capture_output=True).returncode:
        pytest.skip("pymscl, the vendor's own client, cannot be imported here")
    clock = DeviceClock.seeded(4, time.monotonic_ns())
    imu = EmulatedImu(at_rest, clock, make_transport("cdc", 4), noise=SensorNoise(4))
    with Bench() as bench:
        bench.add(PtyPort(tmp_path / "imu"), imu)
        client = subprocess.run(
            [sys.executable, str(CLIENT), str(tmp_path / "imu"), "2.0"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert client.returncode == 0, client.stderr
    told = json.loads(client.stdout.splitlines()[-1])
    assert told["ping"] is True
    assert [text.strip() for text in told["info"]] == ["3DM-GX5-25", "6253-4220", "6253.104956", "1.1.53"]
    assert told["base_rates"] == [1000, 500]
    assert told["format"] == [[0x8004, 200], [0x8005, 200], [0x800A, 200], [0x8012, 200]]
    packets = [packet for packet in told["packets"] if "gpsCorrelTimestampTow" in packet]
    assert len(packets) > 300
    assert np.mean([packet["scaledAccelZ"] for packet in packets]) == pytest.approx(-1.0, abs=1e-3)
    assert np.std([packet["scaledGyroX"] for packet in packets]) == pytest.approx(8.7e-4, rel=0.3)
    assert np.abs(np.diff([packet["gpsCorrelTimestampTow"] for packet in packets]) - 0.005).max() < 1e-6
