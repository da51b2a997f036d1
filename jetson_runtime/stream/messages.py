"""THE wire schema: what each message of the stream holds, and how it is written and read.

A message is two ZeroMQ parts, topic and payload; the payload is one MessagePack map with string keys that names its
own `topic`, schema version `v`, `session`, and the instants `t` (s), `t_ns` and `publish_ns` of the service's
CLOCK_MONOTONIC. Fields are only added; a change of meaning raises SCHEMA_VERSION. Needs msgpack alone.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships none

from jetson_runtime.suit.signals import CHANNELS, RATE_HZ, published_outcomes

SCHEMA_VERSION = 1
FRAME, HELLO, STATUS, EVENT = "frame", "hello", "status", "event"
TOPICS = (FRAME, HELLO, STATUS, EVENT)
# On public addresses beside them, and made only while somebody has subscribed to it.
PRESSURE = "pressure"
# On the local address alone, beside the others: what a recorder needs.
RAW, FEATURES, SESSION = "raw", "features", "session"
LOCAL_TOPICS = (SESSION, HELLO, STATUS, EVENT, RAW, FEATURES, FRAME)
# The kind of an event that makes a recorder bring all it has to the disk at once.
POWER_LOW = "power_low"
# The kinds of an event that tells the recorder to begin or to end, and of one that tells an edge of the sync line.
RECORD, SYNC = "record", "sync"
# Of `velocity` in a frame.
VELOCITY_UNIT = "deg/s"

# Of each part of a request to the control socket.
CONTROL_REQUEST_LIMIT_BYTES = 4096

# This long after its sending a frame is not worth returning to a controller.
STALE_NS = 20_000_000

# systemd-timesyncd touches it at the first synchronisation after boot.
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")

_NAN = math.nan


class ControlCode(str, Enum):
    """Why a request to the control socket was not done.

    malformed: no MessagePack map. unknown_op, bad_argument: the request. busy: others wait already. refused: the
    suit or its wearer is not as it must be, see reasons. not_kept: the state folder cannot be written. not_ready: the
    service has only just started. internal: a defect, told in the service's log.
    """

    MALFORMED = "malformed"
    UNKNOWN_OP = "unknown_op"
    BAD_ARGUMENT = "bad_argument"
    BUSY = "busy"
    REFUSED = "refused"
    NOT_KEPT = "not_kept"
    NOT_READY = "not_ready"
    INTERNAL = "internal"


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
    outcomes = published_outcomes(sides)
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
            for item in outcomes
        ],
        "velocities": [
            {"name": item.name, "unit": VELOCITY_UNIT, "positive": item.outcome.positive}
            for item in outcomes
            if item.outcome.kind == "angle"
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
        "clock_synchronised": clock_synchronised(),
    }
    return _encode(HELLO, session, publish_ns, {**description, **clock})


def encode_status(status: Mapping[str, Any], session: str, publish_ns: int) -> bytes:
    """`status`: what the service's health says of itself, of plain types only (TypeError otherwise)."""
    return _encode(STATUS, session, publish_ns, status)


def encode_event(kind: str, content: Mapping[str, Any], session: str, publish_ns: int) -> bytes:
    """What happened, of plain types only: `kind` is mark, tare, insole_zero, wearer, fit, RECORD, POWER_LOW or SYNC."""
    return _encode(EVENT, session, publish_ns, {**content, "kind": kind})


def encode_reply(op: str, number: int | str | None, content: Mapping[str, Any]) -> bytes:
    """The control socket's answer to a request that was done; `number`: the request's `id`."""
    payload: bytes = msgpack.packb({"op": op, "id": number, "ok": True, "result": dict(content)})
    return payload


def encode_refusal(
    op: str, number: int | str | None, code: ControlCode, text: str, remedy: str, reasons: tuple[str, ...]
) -> bytes:
    """The control socket's answer to a request that was not done."""
    error = {"code": code.value, "text": text, "remedy": remedy, "reasons": list(reasons)}
    payload: bytes = msgpack.packb({"op": op, "id": number, "ok": False, "error": error})
    return payload


def encode_pressure(insoles: Mapping[str, Any], session: str, publish_ns: int) -> bytes:
    """The newest pressure map of each side, `r` and `l` (`stream/pressure.py`), None where the insole is missing."""
    return _encode(PRESSURE, session, publish_ns, {"insoles": insoles})


def encode_raw(
    events: Sequence[Sequence[Any]], number: int, lost: int, session: str, publish_ns: int
) -> bytes:
    """What the reactor was given, in order. number: +1 each message; lost: wake-ups that no message ever held.

    Each event is a list that begins with what it is (`stream/tap.py`); index counts STREAMS:

        state, {tick, ticks, round, worn, devices}     a recorder came, or events were lost: what was learned until now
        attach, index, {port, serial, notes, reader}
        skipped, index, bytes, receive_ns        read when nobody had listened: for the parser only
        read, index, [[bytes, receive_ns], ...]  what one port gave since the last wake
        detach, index, why
        wear, {wearer, zero}                     what holds from here on (`suit/state.py`, Worn)
        wake, now_ns                             the instant for which ticks were then computed
    """
    return _encode(RAW, session, publish_ns, {"number": number, "lost": lost, "events": events})


def encode_features(
    seq: int, t_ns: int, row: bytes, sources_ns: Sequence[int | None], session: str, publish_ns: int
) -> bytes:
    """The aligned row of 54 at the grid time `t_ns`, in the order of `hello`'s channels, and each stream's age then.

    row: doubles; NaN where a stream is missing or a centre of pressure undefined. age_ms: NaN before any sample.
    """
    content = {
        "seq": seq,
        "row": array("d", row).tolist(),
        "age_ms": [_NAN if source_ns is None else (t_ns - source_ns) * 1e-6 for source_ns in sources_ns],
    }
    return _encode(FEATURES, session, publish_ns, content, t_ns)


def encode_session(facts: Mapping[str, Any], session: str, publish_ns: int) -> bytes:
    """What a replay needs beside the bytes: `config` as JSON, the engine and its precision, the model, the build.

    record: the wish for a recording that holds (`suit/wish.py`), None where nobody ever told one.
    tare: by part, what `angle_imu` counts from at that moment; a `tare` event tells what it counts from after it.
    """
    return _encode(SESSION, session, publish_ns, facts)


def decode(payload: bytes) -> dict[str, Any]:
    """The map of one message of any version; ValueError for bytes that are not such a map."""
    try:
        message = msgpack.unpackb(payload)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"not a MessagePack map: {error}") from error
    if not isinstance(message, dict) or not {"topic", "v", "session"} <= message.keys():
        raise ValueError("not a message of the stream: topic, v or session is not there")
    return message


def _encode(
    topic: str, session: str, publish_ns: int, content: Mapping[str, Any], t_ns: int | None = None
) -> bytes:
    t_ns = publish_ns if t_ns is None else t_ns
    message = {
        **content,
        "topic": topic,
        "v": SCHEMA_VERSION,
        "session": session,
        "t": t_ns * 1e-9,
        "t_ns": t_ns,
        "publish_ns": publish_ns,
    }
    payload: bytes = msgpack.packb(message)
    return payload


def clock_synchronised() -> bool | None:
    """None where the host's time keeper leaves no mark to read."""
    if _TIMESYNC_MARK.parent.is_dir():
        return _TIMESYNC_MARK.exists()
    return None
