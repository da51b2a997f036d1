"""The topic `pressure`: both insoles' newest maps, made by the publisher's thread, and only while somebody listens.

The reactor does nothing for it: each frame refers to the newest samples, and these to the bytes that were sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from drivers.samples import InsoleSample
from drivers.xsensor.pressure import pressures_kpa
from jetson_runtime.stream.messages import PRESSURE, encode_pressure
from jetson_runtime.suit.signals import SIDES, STREAM_INDEX

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame

PERIOD_NS = 50_000_000


class PressureTopic:
    """Of one session; used by the publisher's thread alone."""

    def __init__(self, session: str) -> None:
        self._session = session
        # What is subscribed to and begins the topic's name; '' is everything.
        self._prefixes: set[bytes] = set()
        self._next_ns = 0

    def heed(self, asked: Iterable[bytes], ended: Iterable[bytes]) -> None:
        """What somebody has just subscribed to, and what nobody is subscribed to any more."""
        self._prefixes.update(prefix for prefix in asked if PRESSURE.encode().startswith(prefix))
        self._prefixes.difference_update(ended)

    def next(self, frame: Frame | None, now_ns: int) -> bytes | None:
        """The payload that is due with the newest `frame`; None while none is, or nobody listens."""
        if not self._prefixes or frame is None or now_ns < self._next_ns:
            return None
        late_ns = now_ns - self._next_ns
        self._next_ns = now_ns + PERIOD_NS - (late_ns if late_ns < PERIOD_NS else 0)
        return encode_pressure({side: _told(frame, side) for side in SIDES}, self._session, now_ns)


def _told(frame: Frame, side: str) -> dict[str, Any] | None:
    """One insole as it reads: its zero is not taken off.

    t_ns: of the sampling. kpa: of the live cells, row-major from the toes, empty where the device sends no map. cells:
    the place of each, row x columns + column, both from 0. Lengths in m, the centre from the grid's middle.
    """
    name = f"insole_{side}"
    sensed = frame.sensed[STREAM_INDEX[name]]
    if sensed is None or name in frame.missing:
        return None
    t_ns, sample = sensed
    if not isinstance(sample, InsoleSample) or sample.grid is None:
        return None
    grid = sample.grid
    return {
        "t_ns": t_ns,
        "force_n": sample.force_n,
        "cop_ap_m": sample.cop_ap_m,
        "cop_ml_m": sample.cop_ml_m,
        "loaded": not math.isnan(sample.cop_ap_m),
        "rows": grid.rows,
        "columns": grid.columns,
        "pitch_m": grid.pitch_m,
        "cells": [place for place, live in enumerate(grid.live) if live],
        "kpa": pressures_kpa(sample.cells),
    }
