"""The service's small parts: the table of faults, lateness, and what real-time measures say when not permitted."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from drivers import errors
from jetson_runtime.service import faults
from jetson_runtime.service.defects import DefectLog
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.lateness import Lateness

ENTER = """
import os, resource
from jetson_runtime.service import realtime
from jetson_runtime.suit.config import Realtime
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
if os.geteuid() == 0:
    os.setuid(65534)
print(realtime.enter_process(Realtime(cpus=(4095,))).line())
print(realtime.enter_process(Realtime(priority=0)).scheduling == "")
"""


def _leaves(kind: type[errors.DriverError]) -> list[type[errors.DriverError]]:
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in _leaves(child)] if below else [kind]


def test_every_driver_error_has_a_number_of_its_own() -> None:
    kinds = [kind for kind in _leaves(errors.DriverError) if kind.__module__ == errors.__name__]
    numbers = [faults.of_error(kind("/dev/x: what happened; what to do"), "imu_back") for kind in kinds]
    assert len({problem.fault for problem in numbers}) == len(kinds) >= 7
    assert {problem.text for problem in numbers} == {"/dev/x: what happened"}


def test_a_problem_says_what_and_then_what_to_do() -> None:
    text = str(Problem(Fault.PORT_MISSING, "/dev/x: no such port", "imu_thigh_r"))
    assert text.startswith("/dev/x: no such port; ")
    assert "[streams.imu_thigh_r]" in text


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as raised:
        return raised


def test_an_error_that_no_driver_raises_is_a_defect_of_ours() -> None:
    problem = faults.of_error(ValueError("off; on"), "imu_back")
    assert (problem.fault, int(problem.fault)) == (Fault.DEFECT, 16)
    assert str(problem) == "internal error: ValueError: off; on; restart the service and send the log"


def test_a_defect_is_told_once_a_stream_and_place(caplog: pytest.LogCaptureFixture) -> None:
    log = DefectLog(logging.getLogger("test"))
    for stream in ("imu_back", "imu_back", "insole_r"):
        for number in range(3):
            log.tell(stream, _raised(ValueError(f"number {number}")))
    assert [record.args for record in caplog.records] == [("imu_back",), ("insole_r",)]
    assert "Traceback" in caplog.text
    assert "number 0" in caplog.text
    log.tell("imu_back", _raised(KeyError("another")))
    log.tell("imu_back", OSError("never raised"))
    assert len(caplog.records) == 4


def test_lateness_forgets_old_ticks_but_not_the_worst() -> None:
    lateness = Lateness()
    assert lateness.summary_ms() == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    lateness.add(9_000_000)
    for _ in range(5_000):
        lateness.add(-1_000_000)
        lateness.add(1_000_000)
    summary = lateness.summary_ms()
    assert summary["max"] == 9.0
    assert (summary["p50"], summary["p99"]) == (0.5, 1.0)


def test_measures_that_are_not_permitted_are_told_with_their_remedies_in_one_line() -> None:
    """In a process that gives up root's rights once it has read its modules."""
    result = subprocess.run([sys.executable, "-c", ENTER], capture_output=True, text=True, check=True)
    told, normal = result.stdout.splitlines()
    for remedy in ("LimitRTPRIO", "LimitMEMLOCK", "[realtime] cpus"):
        assert told.count(remedy) == 1
    assert normal == "True"
