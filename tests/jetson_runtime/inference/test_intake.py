"""One device's way to the aligner: what its driver says of its clock decides how its stamps are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivers.microstrain.imu import Imu
from drivers.samples import InsoleSample
from drivers.xsensor.insole import Insole
from jetson_runtime.inference.intake import Intake
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, Wearer
from jetson_runtime.suit.signals import FRESH_NS, STREAM_INDEX, STREAMS
from jetson_runtime.timing.align import Aligner

RATE_HZ, SECONDS = 75.13, 30
US = 1_000


def _spread_ms(stamp_us: int) -> float:
    """Standard deviation of an insole's sample times about the truth, ms, with stamps cut off to `stamp_us`."""
    config = SuitConfig(
        wearer=Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.10),
        model=ModelTable(bundle=Path("b")),
        streams={"insole_r": StreamConfig(port="/dev/x")},
    )
    aligner = Aligner([FRESH_NS[stream.kind] for stream in STREAMS])
    index = STREAM_INDEX["insole_r"]
    intake = Intake(index, config, aligner)
    period_ns = round(1e9 / RATE_HZ)
    intake.attach(period_ns, Insole.clock_facts)
    late = np.random.default_rng(4).uniform(0, 200_000, round(RATE_HZ * SECONDS))
    errors = []
    for i, jitter in enumerate(late.tolist()):
        true_ns = 9_000_000_000 + i * period_ns
        stamp_ns = true_ns // (stamp_us * US) * stamp_us * US
        receive_ns = true_ns + 6_400_000 + round(jitter)
        intake.take(InsoleSample(stamp_ns, receive_ns, i, 0, 0.0, 0.0, 0.0, None, None, None, (), 4000, 30.0))
        newest_ns = aligner.streams[index].ring.newest_ns
        assert newest_ns is not None
        errors.append((newest_ns - true_ns) / 1e6)
    return float(np.std(errors[len(errors) // 2 :]))


def test_what_the_links_say_of_their_clocks() -> None:
    assert Imu.clock_facts.stamp_resolution_ns == 1
    assert Insole.clock_facts.stamp_resolution_ns is None
    assert Imu.clock_facts.rollover_ns is None


def test_an_insole_that_counts_milliseconds_is_found_out_and_smoothed() -> None:
    fine, coarse = _spread_ms(1), _spread_ms(1000)
    assert fine < 0.03
    assert coarse < 0.06, "stamps of 1 ms have a spread of 0.29 ms of their own"


@pytest.mark.parametrize("stamp_us", [10, 50])
def test_fine_stamps_are_taken_as_they_are(stamp_us: int) -> None:
    assert _spread_ms(stamp_us) < 0.03
