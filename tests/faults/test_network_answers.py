"""Row 23: a network whose answers are no numbers, whatever the sensors say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.panel import lamp
from jetson_runtime.panel.seen import Watcher

NO_NUMBERS = 25
PATIENCE_S = 60.0
# The service, whose network answers NaN while there is a file beside its config.
_PROGRAM = """
import sys
from pathlib import Path
from jetson_runtime import cli
from jetson_runtime.inference.legs import Legs
step, mark = Legs.step, Path(sys.argv[-1]).parent / "numberless"
def numberless(legs, row):
    step(legs, row)
    if mark.exists():
        legs.answers[:] = float("nan")
Legs.step = numberless
sys.exit(cli.main())
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ())
        config = suit.write_config(extra="[realtime]\npriority = 0")
        service = ServiceProcess(config, suit.endpoint, ("-c", _PROGRAM, "run", "--config"))
        try:
            yield service
        finally:
            service.stop()


def _faults(service: ServiceProcess) -> set[int]:
    return {fault["number"] for fault in service.status.get("faults", [])}


def test_row_23_a_network_that_answers_no_numbers_is_a_fault_until_it_answers_some(
    service: ServiceProcess, tmp_path: Path
) -> None:
    assert until(lambda: service.status.get("uptime_s", 0.0) > 3.0, PATIENCE_S), service.log
    assert (service.status["non_finite"], NO_NUMBERS in _faults(service)) == (0, False)
    (tmp_path / "numberless").touch()
    assert until(lambda: NO_NUMBERS in _faults(service), PATIENCE_S)
    watcher = Watcher()

    def blinks() -> bool:
        service.client.recv_all(50)
        frame = service.client.latest
        assert frame is not None
        pattern = lamp.pattern_of(watcher.look(frame, service.client.status, frame.receive_ns))
        number = lamp.number(NO_NUMBERS, lamp.DARK)
        return any(pattern[i : i + len(number)] == number for i in range(len(pattern)))

    assert until(blinks, PATIENCE_S)  # and not "settling, wait"
    assert service.client.latest is not None and not service.client.latest.valid
    assert service.status["non_finite"] > 0
    (tmp_path / "numberless").unlink()
    assert until(lambda: NO_NUMBERS not in _faults(service), PATIENCE_S)
