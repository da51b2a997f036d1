"""Writes docs/messages.md out of the types of the messages: `python docs/making/messages.py`.

`frame` is made of the dataclasses in jetson_runtime/stream/received.py, its meanings are those of the table in
docs/clients.md; all other topics of jetson_runtime/stream/schema.py and event_schema.py.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Collection
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jetson_runtime.stream import schema
from jetson_runtime.stream.event_schema import EVENTS, Event
from jetson_runtime.stream.received import ReceivedFrame

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "messages.md"
# What a client adds itself.
NOT_SENT = {"receive_ns"}
_FRAME_UNITS = {
    "t": "s",
    "angle": "degrees",
    "angle_imu": "degrees",
    "moment": "Nm/kg",
    "velocity": "deg/s",
    "interval": "the outcome's",
    "vgrf": "bodyweights",
    "cop_ap": "foot lengths",
    "cop_ml": "foot widths",
}
_PLAIN = {int: "int", float: "float", bool: "bool", str: "str", type(None): "nil", Any: "any"}
_HEAD = """# Messages, key by key

Made by `python docs/making/messages.py` out of the types in the code; do not edit.
[clients.md](clients.md) says it in whole sentences.

A message is two ZeroMQ parts, topic and payload; the payload is one MessagePack map with string keys. A list is
MessagePack's array, a map has strings as keys, nil is Python's None. A float may be NaN where the meaning says so.
Fields are only added: ignore what you do not know.

Not here: `features`, `raw` and `session` of [the local address](clients.md#the-local-address), and what the
[control socket](clients.md#commands) takes.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD, "## In every message\n", *_table(schema.Envelope)]
    lines += ["## `frame`\n", "Each 5 ms: the outcomes.\n", *_frame()]
    nested: list[type] = []
    for topic, kind in (("hello", schema.Hello), ("status", schema.Status), ("pressure", schema.Pressure)):
        lines += [f"## `{topic}`\n", f"{kind.__doc__}\n", *_own(kind, schema.Envelope, nested)]
    lines += ["## `event`\n", f"{Event.__doc__} `kind` says which of those below.\n"]
    lines += _own(Event, schema.Envelope, nested)
    for kind_name, kind in EVENTS.items():
        lines += [f"### `{kind_name}`\n", f"{kind.__doc__}\n", *_own(kind, Event, nested)]
    lines += ["## What is within\n"]
    for part in nested:  # grows while parts are told that hold others
        lines += [f"### {part.__name__}\n", f"{part.__doc__}\n", *_table(part, nested)]
    return "\n".join(lines).rstrip() + "\n"


def frame_fields() -> dict[str, Any]:
    """Key -> type of what a `frame` holds, without what every message holds."""
    hints = typing.get_type_hints(ReceivedFrame)
    envelope = typing.get_type_hints(schema.Envelope)
    return {key: hint for key, hint in hints.items() if key not in NOT_SENT and key not in envelope}


def meanings() -> dict[str, str]:
    """Key -> what docs/clients.md says of it in its table of `frame`."""
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    section = text.split("\n## `frame`\n")[1].split("\n## ")[0]
    told = {}
    for keys, meaning in re.findall(r"^\| (`.+?) \| (.+) \|$", section, re.MULTILINE):
        for key in re.findall(r"`(\w+)`", keys):
            told[key] = meaning.replace("](#", "](clients.md#")
    return told


def unit(key: str) -> str:
    """Of a key of `frame`."""
    ending = key.rpartition("_")[2]
    return _FRAME_UNITS.get(key) or (ending if ending in ("ns", "ms", "s") else "")


def _frame() -> list[str]:
    told = meanings()
    rows: list[tuple[str, str, str, str]] = []
    within: list[tuple[str, str, str]] = []
    for key, hint in frame_fields().items():
        fields = _fields_of_map(hint)
        if key not in told:
            raise LookupError(f"docs/clients.md: its table of `frame` has no row for `{key}`")
        rows.append((key, "map by side, below" if fields else type_name(hint), unit(key), told[key]))
        within += [
            (f"`{key}.r.{inner}`, `{key}.l.{inner}`", type_name(kind), unit(inner))
            for inner, kind in fields.items()
        ]
    lines = [*_rows(rows), "| key | type | unit |", "|---|---|---|"]
    return [*lines, *(f"| {keys} | {kind} | {of} |" for keys, kind, of in within), ""]


def _fields_of_map(hint: Any) -> dict[str, Any]:
    """The fields of the dataclass that is the value of a map; none where it is a plain value."""
    value = get_args(hint)[1] if get_origin(hint) is dict else None
    return typing.get_type_hints(value) if hasattr(value, "__dataclass_fields__") else {}


def _own(kind: type, base: type, nested: list[type]) -> list[str]:
    return _table(kind, nested, set(typing.get_type_hints(base)))


def _table(kind: type, nested: list[type] | None = None, without: Collection[str] = ()) -> list[str]:
    rows = []
    optional = getattr(kind, "__optional_keys__", frozenset())
    for key, hint in typing.get_type_hints(kind, include_extras=True).items():
        if key in without:
            continue
        plain, of, meaning = get_args(hint)
        if nested is not None:
            nested += [part for part in parts_of(plain) if part not in nested]
        rows.append((key, type_name(plain) + (", may be absent" if key in optional else ""), of, meaning))
    return _rows(rows)


def _rows(rows: list[tuple[str, str, str, str]]) -> list[str]:
    head = ["| key | type | unit | meaning |", "|---|---|---|---|"]
    return [*head, *(f"| `{key}` | {kind} | {of} | {meaning} |" for key, kind, of, meaning in rows), ""]


def parts_of(hint: Any) -> list[type]:
    """The maps with keys of their own within a type."""
    if typing.is_typeddict(hint):
        return [hint]
    return [part for argument in get_args(hint) for part in parts_of(argument)]


def type_name(hint: Any) -> str:
    """In MessagePack's words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if typing.is_typeddict(hint):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if origin in (Union, UnionType):
        return " or ".join(map(type_name, arguments))
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin in (list, tuple):
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"map of {type_name(arguments[1])}"
    raise TypeError(f"{hint}: no type that a message holds")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
