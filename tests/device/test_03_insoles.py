"""03: each insole (behind its bridge) answers, is of its side, and its force follows the wearer's weight."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest

from drivers.serial_port import SerialPort
from drivers.xsensor import insole
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import STANDARD_GRAVITY

SECONDS = 5.0


@pytest.mark.parametrize("side", ["r", "l"])
def test_insole_identifies_streams_and_weighs(
    side: Literal["r", "l"], suit: SuitConfig, open_port: Callable[[str], SerialPort]
) -> None:
    """By hand: the wearer stands still on both feet."""
    assert suit.wearer is not None
    weight_n = suit.wearer.mass_kg * STANDARD_GRAVITY
    device = insole.bring_up(
        open_port(f"insole_{side}"),
        side=side,
        load_on_n=0.05 * weight_n,
        load_off_n=0.03 * weight_n,
        log=print,
    )
    print(f"insole_{side}: {device.info.model} {device.info.serial} at {device.rate_hz} Hz; {device.notes}")
    samples = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if device.port.wait(0.1):
            samples += device.feed(*device.port.read())
    assert abs(len(samples) / SECONDS / device.rate_hz - 1) < 0.03
    force = float(np.median([sample.force_n for sample in samples]))
    print(f"insole_{side}: {force:.0f} N of {weight_n:.0f} N; {device.counters()}")
    assert 0.25 * weight_n < force < 0.75 * weight_n
    assert all(np.isfinite(sample.cop_ap_m) for sample in samples)
