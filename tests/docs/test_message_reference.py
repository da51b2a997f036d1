"""docs/messages.md is what its maker makes, and a live service sends just the keys and types that it tells."""

from __future__ import annotations

import time
import typing
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import messages as maker  # docs/making/messages.py
import zmq
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.stream import messages, schema
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.stream.event_schema import EVENTS

TOPICS = {"hello": schema.Hello, "status": schema.Status, "pressure": schema.Pressure}
WAIT_S = 300.0
WEARER = {"mass_kg": 70.0, "foot_length_m": 0.27, "foot_width_m": 0.10}


def test_the_page_is_what_the_types_say() -> None:
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run: python docs/making/messages.py"


def wrong(value: Any, hint: Any, where: str) -> list[str]:
    """Each place of `value` that is not of the type `hint`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        return wrong(value, arguments[0], where)
    if hint is Any:
        return []
    if typing.is_typeddict(hint):
        return _wrong_map(value, hint, where)
    if hasattr(hint, "__dataclass_fields__"):
        return _wrong_keys(value, typing.get_type_hints(hint), frozenset(), where)
    if origin in (Union, UnionType):
        return [] if any(not wrong(value, one, where) for one in arguments) else [f"{where}: {value!r}"]
    if origin is Literal:
        return [] if value in arguments else [f"{where}: {value!r}"]
    if origin in (list, tuple):
        if not isinstance(value, list):
            return [f"{where}: {value!r}"]
        return [one for i, part in enumerate(value) for one in wrong(part, arguments[0], f"{where}[{i}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{where}: {value!r}"]
        return [one for key, part in value.items() for one in wrong(part, arguments[1], f"{where}.{key}")]
    return [] if type(value) is hint else [f"{where}: {value!r} is no {hint.__name__}"]


def _wrong_map(value: Any, hint: Any, where: str) -> list[str]:
    return _wrong_keys(value, typing.get_type_hints(hint), hint.__optional_keys__, where)


def _wrong_keys(value: Any, hints: dict[str, Any], optional: frozenset[str], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r}"]
    found = [f"{where}.{key}: is not there" for key in hints.keys() - value.keys() - optional]
    found += [f"{where}.{key}: is not in the schema" for key in value.keys() - hints.keys()]
    return found + [
        one for key in hints.keys() & value.keys() for one in wrong(value[key], hints[key], f"{where}.{key}")
    ]


class Ear:
    """A plain socket on everything; the newest message of each topic, and of each kind of event."""

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.subscribe(b"")
        self._socket.connect(endpoint)
        self.heard: dict[str, dict[str, Any]] = {}

    def hears(self, *names: str) -> bool:
        while self._socket.poll(10):
            _, payload = self._socket.recv_multipart()
            message = messages.decode(payload)
            self.heard[message["topic"]] = message
            if message["topic"] == messages.EVENT:
                self.heard[message["kind"]] = message
        return all(name in self.heard for name in names)

    def close(self) -> None:
        self._context.destroy(linger=0)


def test_a_live_service_sends_just_what_the_page_tells(tmp_path: Path) -> None:
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench)
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        ear = Ear(suit.endpoint)
        try:
            assert until(lambda: service.state() == "running", WAIT_S), service.log
            with ControlClient(suit.control) as control:
                control.ask("mark", task="L3", repetition=2, findings=["none"])
                control.ask("set_wearer", wearer=WEARER)
                control.ask("record", action="start", subject="S3", task="L3")
                control.ask("tare")
                control.ask(
                    "tell_fit", found=[], session=service.client.session, begin_ns=time.monotonic_ns()
                )
            ear.heard.pop("status", None)
            kinds = ("mark", "wearer", "record", "tare", "fit")
            assert until(lambda: ear.hears("frame", *TOPICS, *kinds), WAIT_S), sorted(ear.heard)
            suit.unplug("insole_l")
            assert until(lambda: _without_left_insole(ear), WAIT_S)
        finally:
            ear.close()
            service.stop()
    envelope = typing.get_type_hints(schema.Envelope)
    found = _wrong_keys(ear.heard["frame"], envelope | maker.frame_fields(), frozenset(), "frame")
    for topic, kind in TOPICS.items():
        found += wrong(ear.heard[topic], kind, topic)
    for name in kinds:
        found += wrong(ear.heard[name], EVENTS[name], name)
    assert found == []
    assert ear.heard["status"]["streams"].keys() >= {"insole_l", "imu_back"}
    assert ear.heard["status"]["faults"]


def _without_left_insole(ear: Ear) -> bool:
    ear.hears()
    insoles = ear.heard["pressure"]["insoles"]
    faults = [fault["stream"] for fault in ear.heard["status"]["faults"]]
    return insoles["l"] is None and insoles["r"] is not None and "insole_l" in faults


def test_what_is_not_of_the_schema_is_found() -> None:
    good = {"p50": 1.0, "p99": 1.0, "max": 1.0}
    assert wrong(good, schema.Lateness, "x") == []
    assert len(wrong(good | {"p50": 1}, schema.Lateness, "x")) == 1
    assert len(wrong({"p50": 1.0}, schema.Lateness, "x")) == 2
    assert len(wrong(good | {"more": 1.0}, schema.Lateness, "x")) == 1
    assert wrong([1], list[str] | None, "x") == ["x: [1]"]
