"""A defect of the program that one device brings out: the others go on, and it is told."""

from __future__ import annotations

from pathlib import Path

from worn_suit import ServiceProcess, WornSuit, serial_of, until

from drivers.emulator.bench import Bench

DEFECTIVE = """
import sys
from itertools import count
from pathlib import Path
from drivers.microstrain.imu import Imu
from jetson_runtime.service import bringup, main

make, numbers = Imu.__init__, count(1)

def broken_feed(data, receive_ns):
    if data:
        raise ZeroDivisionError("a bug in feed")
    return []

def make_broken(self, link, info, *rest):
    make(self, link, info, *rest)
    if info.serial == "SERIAL":
        self.feed = broken_feed

def broken_bring_up(port, **options):
    raise ValueError(f"a bug in bring-up, try {next(numbers)}")

Imu.__init__, bringup.insole.bring_up = make_broken, broken_bring_up
sys.exit(main.run(Path(sys.argv[1])))
"""


def test_a_defect_in_one_device_leaves_the_others_alone_and_is_retried(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ("imu_back", "imu_pelvis", "insole_r", "insole_l"))
        only = {f"insole_{side}": f'port = "{suit.path(f"insole_{side}")}"' for side in "rl"}
        only["insole_l"] = 'serial = "X4.999"'
        suit.write_config(streams=only, extra=f'[discovery]\nports = ["{suit.path("insole_l")}"]')
        program = ("-c", DEFECTIVE.replace("SERIAL", serial_of("imu_pelvis")))
        service = ServiceProcess(suit.config, suit.endpoint, program)
        try:
            for name in ("insole_r", "insole_l"):
                assert until(lambda name=name: "bug in bring-up" in service.stream(name).get("detail", ""))
            assert until(lambda: "bug in feed" in service.stream("imu_pelvis").get("detail", "")), service.log
            assert until(lambda: "try 7" in str(service.status.get("faults"))), service.log
            assert until(lambda: service.stream("imu_back").get("valid")), service.log
            faults = {fault["stream"]: fault for fault in service.status["faults"]}
            for name in ("imu_pelvis", "insole_r", "insole_l"):
                assert faults[name]["number"] == 16
                assert faults[name]["text"].startswith("internal error: ")
                assert faults[name]["remedy"] == "restart the service and send the log"
            assert "imu_back" not in faults
            assert service.log.count("Traceback") == 3
            assert service.log.count("internal error; it is retried") == 3
        finally:
            assert service.stop() == 0
