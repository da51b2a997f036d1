"""THE format of a batch: what one second of a suit is on the server and in the local store. Needs msgpack alone.

A batch is one MessagePack map; docs/fleet.md tells its keys. Frames lie in columns, each a type and the values of all
frames one after the other, so that a second takes a fifth of the bytes of its messages:

    f8    little-endian doubles        i8    little-endian 64-bit integers        b1    a byte each, 0 or 1
    runs  [[how many frames, value], ...] of anything else

Fields are only added; a change of meaning raises VERSION.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import msgpack  # type: ignore[import-untyped]  # ships none

VERSION = 1
FRAMES, STATUS, EVENTS = "frames", "status", "events"
KINDS = (FRAMES, STATUS, EVENTS)
PREFIX = "secondskin"
# Of each message on the server.
MESSAGE_ID, SESSION, WAITING = "Nats-Msg-Id", "Second-Skin-Session", "Second-Skin-Waiting"
# What every frame of a batch has alike, or the batch tells itself.
_LEFT_OUT = ("topic", "v", "session")
_LEVEL = 1
_TYPES = {float: "f8", int: "i8", bool: "b1"}

Batch: TypeAlias = "dict[str, Any]"
Column: TypeAlias = "tuple[str, Any]"


def subject(site: str, suit: str, kind: str) -> str:
    """Where batches of `kind` go; `*` stands for any."""
    return f"{PREFIX}.{site}.{suit}.{kind}"


def of_frames(frames: Sequence[Mapping[str, Any]]) -> list[Batch]:
    """Batches of decoded `frame` messages of one session, in order: one for each stretch of the same fields."""
    stretches = [(list(frames), _table(frames))]
    if stretches[0][1] is None:
        groups = [list(group) for _, group in groupby(frames, key=_shape)]
        stretches = [(group, _table(group)) for group in groups]
    return [_frames_batch(stretch, table or {}) for stretch, table in stretches]


def of_messages(kind: str, session: str, messages: Sequence[Mapping[str, Any]], now_ns: int) -> Batch:
    """A batch of `status` or `event` messages as they were sent; with none, `now_ns` is its only time."""
    times = [message["publish_ns"] for message in messages] or [now_ns]
    return {
        "kind": kind,
        "session": session,
        "count": len(messages),
        "begin_ns": times[0],
        "end_ns": times[-1],
        "messages": list(messages),
    }


def pack(batch: Mapping[str, Any], store_id: str, number: int) -> bytes:
    """The bytes of a batch as number `number` of the store."""
    payload: bytes = msgpack.packb({"v": VERSION, "store": store_id, "number": number, **batch})
    return payload


def unpack(payload: bytes) -> Batch:
    """The map of a batch of any version; ValueError for bytes that are none."""
    try:
        batch = msgpack.unpackb(payload)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"not a MessagePack map: {error}") from error
    if not isinstance(batch, dict) or not {"v", "kind", "number", "session"} <= batch.keys():
        raise ValueError("not a batch: v, kind, number or session is not there")
    return batch


def columns(batch: Mapping[str, Any]) -> dict[str, list[Any] | array[float] | array[int]]:
    """Of a batch of frames: by path (`seq`, `angle.knee_angle_r`, ...) the value of each frame; ValueError: damaged."""
    try:
        table = msgpack.unpackb(zlib.decompress(batch["columns"]))
        told = {path: _values(kind, data) for path, (kind, data) in table.items()}
    except (zlib.error, TypeError, KeyError, AttributeError, msgpack.UnpackException) as error:
        raise ValueError(f"no columns of frames: {error}") from error
    if any(len(values) != batch["count"] for values in told.values()):
        raise ValueError("columns of frames that are not as long as the batch")
    return told


def _frames_batch(frames: Sequence[Mapping[str, Any]], table: Mapping[str, list[Any]]) -> Batch:
    first, last = frames[0], frames[-1]
    told = {path: _column(values) for path, values in table.items() if path not in _LEFT_OUT}
    return {
        "kind": FRAMES,
        "session": first["session"],
        "count": len(frames),
        "first": first["seq"],
        "last": last["seq"],
        "begin_ns": first["publish_ns"],
        "end_ns": last["publish_ns"],
        "columns": zlib.compress(msgpack.packb(told), _LEVEL),
    }


def _table(maps: Sequence[Mapping[str, Any]], before: str = "") -> dict[str, list[Any]] | None:
    """By path the values of all; None where they have not the same fields of the same types."""
    first = maps[0]
    if any(one.keys() != first.keys() for one in maps):
        return None
    table: dict[str, list[Any]] = {}
    for key, value in first.items():
        values = [one[key] for one in maps]
        if isinstance(value, dict):
            inner = _table(values, f"{before}{key}.") if all(type(one) is dict for one in values) else None
            if inner is None:
                return None
            table |= inner
        elif len(kinds := set(map(type, values))) > 1 and kinds & {float, int, bool, dict}:
            return None
        else:
            table[f"{before}{key}"] = values
    return table


def _shape(value: Any) -> Any:
    """What frames of one batch have in common."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return type(value) if isinstance(value, float | int) else None


def _column(values: list[Any]) -> Column:
    kind = _TYPES.get(type(values[0]), "runs")
    if kind == "b1":
        return kind, bytes(values)
    if kind == "runs":
        return kind, [[len(list(same)), value] for value, same in groupby(values)]
    packed = array("d" if kind == "f8" else "q", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return kind, packed.tobytes()


def _values(kind: str, data: Any) -> list[Any] | array[float] | array[int]:
    if kind == "b1":
        return [byte != 0 for byte in data]
    if kind == "runs":
        return [value for count, value in data for _ in range(count)]
    unpacked: array[float] | array[int] = array("d") if kind == "f8" else array("q")
    unpacked.frombytes(data)
    if sys.byteorder == "big":
        unpacked.byteswap()
    return unpacked
