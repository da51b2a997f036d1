"""What may be wrong between the keys of suit.toml, looked for in the raw TOML: told beside the mistakes of single keys,
not after them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetson_runtime.suit.addresses import is_loopback, mistake, needs_keys, udp_mistake
from jetson_runtime.suit.signals import STREAM_INDEX, STREAM_NAMES

Mistake = tuple[str, str]

# When a foot counts as loaded, in bodyweights: while the load grows, and while it shrinks.
LOAD_ON, LOAD_OFF = 0.05, 0.03


def mistakes_between(table: Mapping[str, Any]) -> list[Mistake]:
    """(key, what is wrong and what to do) for each rule that `table`, well-formed or not, breaks."""
    return [
        *_of_model(_table(table.get("model"))),
        *_of_streams(_tables(table.get("streams"))),
        *_of_limits(_table(table.get("limits"))),
        *_of_output(_table(table.get("output")), "keys" in _table(table.get("security"))),
    ]


def _of_model(model: dict[str, Any]) -> list[Mistake]:
    """What one engine alone reads must not be silently unread by another."""
    engine = model.get("engine", "auto")
    mistakes = []
    if model.get("provider", "cpu") != "cpu" and engine != "onnxruntime":
        mistakes.append(
            (
                "model.provider",
                'is read by engine = "onnxruntime" alone; name that engine, or remove the line',
            )
        )
    if model.get("precision", "fp32") != "fp32" and engine in ("onnxruntime", "numpy"):
        mistakes.append(
            ("model.precision", f'{engine} computes in fp32; choose engine = "native", or remove the line')
        )
    return mistakes


def _of_streams(streams: dict[str, dict[str, Any]]) -> list[Mistake]:
    mistakes = []
    for name, stream in streams.items():
        key = f"streams.{name}"
        if name not in STREAM_INDEX:
            mistakes.append((key, f"is no stream; the suit has {', '.join(STREAM_NAMES)}"))
        if "port" not in stream and "serial" not in stream:
            mistakes.append((key, "names no device; give port, serial, or both"))
        if name.startswith("insole") and "mounting" in stream:
            mistakes.append((f"{key}.mounting", "the insole link fixes its axes; remove the line"))
    return mistakes + _shared(streams, "port") + _shared(streams, "serial")


def _shared(streams: dict[str, dict[str, Any]], key: str) -> list[Mistake]:
    owner: dict[str, str] = {}
    mistakes = []
    for name, stream in streams.items():
        value = stream.get(key)
        if not isinstance(value, str):
            continue
        if value in owner:
            mistakes.append(
                (f"streams.{name}.{key}", f"{owner[value]} has {value} too; give each device its own")
            )
        owner.setdefault(value, name)
    return mistakes


def _of_limits(limits: dict[str, Any]) -> list[Mistake]:
    on, off = limits.get("load_on_bodyweights", LOAD_ON), limits.get("load_off_bodyweights", LOAD_OFF)
    if isinstance(on, float) and isinstance(off, float) and off > on:
        return [("limits.load_off_bodyweights", f"is {off}, above load_on_bodyweights {on}; lower it")]
    return []


def _of_output(output: dict[str, Any], keys: bool) -> list[Mistake]:
    """keys: whether the config names a folder of keys."""
    mistakes = []
    if output.get("public") == []:
        mistakes.append(("output.public", "is empty: nobody could hear the stream; name an address"))
    seen: set[str] = set()
    for key in ("public", "latest", "control", "local"):
        addresses = output.get(key)
        for address in addresses if isinstance(addresses, list) else []:
            if isinstance(address, str) and address in seen:
                mistakes.append((f"output.{key}", f"{address} is used twice; give each its own"))
            seen.add(str(address))
            if key == "local" and not str(address).startswith("ipc://"):
                mistakes.append(("output.local", f"{address}: is for this machine alone; write ipc:///path"))
            if isinstance(address, str) and not (keys or mistake(address) or is_loopback(address)):
                mistakes.append((f"output.{key}", needs_keys(address)))
    return mistakes + _of_udp(output)


def _of_udp(output: dict[str, Any]) -> list[Mistake]:
    """A packet cannot be encrypted: who sends one to another machine has to say that he knows."""
    receivers = output.get("udp")
    if not isinstance(receivers, list) or output.get("udp_unencrypted") is True:
        return []
    return [
        (
            "output.udp",
            f"{receiver}: is on another machine, and nothing of a packet is encrypted; "
            "write udp_unencrypted = true if that may be, or name 127.0.0.1",
        )
        for receiver in receivers
        if isinstance(receiver, str) and not udp_mistake(receiver) and not is_loopback(receiver)
    ]


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> dict[str, dict[str, Any]]:
    return {name: _table(stream) for name, stream in _table(value).items()}
