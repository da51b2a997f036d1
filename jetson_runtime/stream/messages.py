"""THE wire schema: what each message of the stream holds, and how it is written and read.

A message is two ZeroMQ parts, topic and payload; the payload is one MessagePack map with string keys that names its
own `topic`, schema version `v`, `session`, and the instants `t` (s), `t_ns` and `publish_ns` of the service's
CLOCK_MONOTONIC. Fields are only added; a change of meaning raises SCHEMA_VERSION. Needs msgpack alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]  # ships none

from jetson_runtime.suit.signals import CHANNELS, RATE_HZ, published_outcomes

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame, Ground

SCHEMA_VERSION = 1
FRAME, HELLO, STATUS = "frame", "hello", "status"
TOPICS = (FRAME, HELLO, STATUS)

# This long after its sending a frame is not worth returning to a controller.
STALE_NS = 20_000_000

# systemd-timesyncd touches it at the first synchronisation after boot.
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")

_NAN = math.nan


class FrameEncoder:
    """Writes frames of one session. `non_finite` counts frames that claimed to be valid with a NaN or infinity."""

    def __init__(self, session: str, sides: tuple[str, ...]) -> None:
        names = published_outcomes(sides)
        self._session = session
        self._names = [item.name for item in names]
        self._angles = [(i, item.name) for i, item in enumerate(names) if item.outcome.kind == "angle"]
        self._moments = [(i, item.name) for i, item in enumerate(names) if item.outcome.kind == "moment"]
        self._pack = msgpack.Packer().pack
        self.non_finite = 0

    def encode(self, frame: Frame, publish_ns: int) -> bytes:
        """The payload of `frame`; never holds a NaN or infinite outcome, force or age while it says `valid`."""
        outcomes, interval = frame.outcomes, frame.interval
        valid = frame.valid
        if valid and not _all_finite(frame):
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
            "ground": {"r": _ground(right), "l": _ground(left)},
            "interval": dict(zip(self._names, interval, strict=True)),
            "unusual": frame.unusual,
        }
        payload: bytes = self._pack(message)
        return payload


def describe(
    *,
    model: Mapping[str, str],
    engine: str,
    precision: str,
    sides: tuple[str, ...],
    body_mass_kg: float | None,
    coverage: float | None = None,
) -> dict[str, Any]:
    """What `hello` says of a running service. `model`: name and sha256. `body_mass_kg` None: no wearer is set.

    coverage: nominal, of the intervals; None where the model has none.

    `positive` of an outcome says in words which way its number grows.
    """
    return {
        "model": dict(model),
        "engine": engine,
        "precision": precision,
        "rate_hz": RATE_HZ,
        "sides": list(sides),
        "body_mass_kg": body_mass_kg,
        "outcomes": [
            {
                "name": item.name,
                "kind": item.outcome.kind,
                "joint": item.outcome.joint,
                "unit": item.outcome.unit,
                "positive": item.outcome.positive,
            }
            for item in published_outcomes(sides)
        ],
        "channels": [{"name": channel.name, "unit": channel.unit} for channel in CHANNELS],
        "coverage": coverage,
        "tare_time_ns": None,
        "tare_id": None,
    }


def encode_hello(description: Mapping[str, Any], session: str, publish_ns: int) -> bytes:
    """`description` of `describe`, with the host's UTC offset as it is now and whether its clock is synchronised."""
    clock = {
        "utc_minus_monotonic_ns": time.time_ns() - time.monotonic_ns(),
        "clock_synchronised": _clock_synchronised(),
    }
    return _encode(HELLO, session, publish_ns, {**description, **clock})


def encode_status(status: Mapping[str, Any], session: str, publish_ns: int) -> bytes:
    """`status`: what the service's health says of itself, of plain types only (TypeError otherwise)."""
    return _encode(STATUS, session, publish_ns, status)


def decode(payload: bytes) -> dict[str, Any]:
    """The map of one message of any version; ValueError for bytes that are not such a map."""
    try:
        message = msgpack.unpackb(payload)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"not a MessagePack map: {error}") from error
    if not isinstance(message, dict) or not {"topic", "v", "session"} <= message.keys():
        raise ValueError("not a message of the stream: topic, v or session is not there")
    return message


def _encode(topic: str, session: str, publish_ns: int, content: Mapping[str, Any]) -> bytes:
    message = {
        **content,
        "topic": topic,
        "v": SCHEMA_VERSION,
        "session": session,
        "t": publish_ns * 1e-9,
        "t_ns": publish_ns,
        "publish_ns": publish_ns,
    }
    payload: bytes = msgpack.packb(message)
    return payload


def _all_finite(frame: Frame) -> bool:
    """An undefined centre of pressure is NaN by contract and no fault; an infinite one is."""
    finite = math.isfinite
    return (
        all(map(finite, frame.outcomes))
        and finite(frame.settling_ms)
        and all(
            finite(side.vgrf) and not math.isinf(side.cop_ap) and not math.isinf(side.cop_ml)
            for side in frame.ground
        )
    )


def _ground(side: Ground) -> dict[str, float | bool]:
    return {"vgrf": side.vgrf, "cop_ap": side.cop_ap, "cop_ml": side.cop_ml, "contact": side.contact}


def _clock_synchronised() -> bool | None:
    """None where the host's time keeper leaves no mark to read."""
    if _TIMESYNC_MARK.parent.is_dir():
        return _TIMESYNC_MARK.exists()
    return None
