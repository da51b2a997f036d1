"""The `frame` message of the wire schema (`messages.py`): from the pipeline's frame to its bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgpack  # type: ignore[import-untyped]  # ships none

from jetson_runtime.stream.messages import FRAME, SCHEMA_VERSION
from jetson_runtime.suit.signals import published_outcomes

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame, Ground

_NAN = math.nan


class FrameEncoder:
    """Writes frames of one session. `non_finite` counts frames that claimed to be valid with a NaN or infinity."""

    def __init__(self, session: str, sides: tuple[str, ...]) -> None:
        names = published_outcomes(sides)
        self._session = session
        self._names = [item.name for item in names]
        self._angles = [(i, item.name) for i, item in enumerate(names) if item.outcome.kind == "angle"]
        self._moments = [(i, item.name) for i, item in enumerate(names) if item.outcome.kind == "moment"]
        self._angle_names = [name for _, name in self._angles]
        self._nothing = (_NAN,) * len(names)
        self._pack = msgpack.Packer().pack
        self.non_finite = 0

    def angles(self, frame: Frame) -> dict[str, float]:
        """The network's angles by OpenSim name, NaN while not valid, whatever the config asks to be sent then."""
        outcomes = frame.outcomes if frame.valid else self._nothing
        return {name: outcomes[i] for i, name in self._angles}

    def encode(
        self,
        frame: Frame,
        publish_ns: int,
        angle_imu: Mapping[str, float] | None = None,
        diverging: tuple[str, ...] = (),
    ) -> bytes:
        """The payload of `frame`; never holds a NaN or infinite outcome, velocity, force or age while it says `valid`.

        angle_imu: by OpenSim name, from gravity alone, NaN while unknown; diverging: those far from the network's.
        """
        outcomes, interval = frame.outcomes, frame.interval
        valid = frame.valid
        if valid and not all_finite(frame):
            self.non_finite += 1
            valid = False
            outcomes = interval = (_NAN,) * len(outcomes)
        oldest_ns = frame.oldest_ns
        right, left = frame.ground
        message = {
            "topic": FRAME,
            "v": SCHEMA_VERSION,
            "session": self._session,
            "seq": frame.seq,
            "t": frame.t_ns * 1e-9,
            "t_ns": frame.t_ns,
            "publish_ns": publish_ns,
            "age_ms": (publish_ns - frame.t_ns) * 1e-6,
            "oldest_ms": _NAN if oldest_ns is None else (publish_ns - oldest_ns) * 1e-6,
            "valid": valid,
            "state": frame.state,
            "settling_ms": frame.settling_ms,
            "missing": frame.missing,
            "angle": {name: outcomes[i] for i, name in self._angles},
            "moment": {name: outcomes[i] for i, name in self._moments},
            "moment_valid": frame.moment_valid,
            "velocity": dict(zip(self._angle_names, frame.velocity, strict=True)),
            "ground": {"r": _ground(right), "l": _ground(left)},
            "interval": dict(zip(self._names, interval, strict=True)),
            "unusual": frame.unusual,
            "angle_imu": angle_imu or {},
            "diverging": diverging,
        }
        payload: bytes = self._pack(message)
        return payload


def all_finite(frame: Frame) -> bool:
    """An undefined centre of pressure is NaN by contract and no fault; an infinite one is."""
    finite = math.isfinite
    return (
        all(map(finite, frame.outcomes))
        and all(map(finite, frame.velocity))
        and finite(frame.settling_ms)
        and all(
            finite(side.vgrf) and not math.isinf(side.cop_ap) and not math.isinf(side.cop_ml)
            for side in frame.ground
        )
    )


def _ground(side: Ground) -> dict[str, float | bool | int | None]:
    return {
        "vgrf": side.vgrf,
        "cop_ap": side.cop_ap,
        "cop_ml": side.cop_ml,
        "contact": side.contact,
        "heel_strike_ns": side.heel_strike_ns,
        "toe_off_ns": side.toe_off_ns,
    }
