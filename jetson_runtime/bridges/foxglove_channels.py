"""A service's messages on Foxglove's channels, in encodings it can show; for a live server and for a file alike.

| topic | schema | what |
|---|---|---|
| /frame | second_skin.Frame (Protobuf) | each frame, as it is |
| /status | second_skin.Status (JSON) | each status |
| /event | foxglove.Log | each event |
| /figure | foxglove.SceneUpdate | the stick figure, 20 times a second |
| /pressure/r, /pressure/l | foxglove.Grid | the insoles' maps |

Times are of the wall clock: the stream's, and what `hello` says that clock is behind by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import foxglove
from foxglove.channels import GridChannel, LogChannel, SceneUpdateChannel
from foxglove.messages import Log, LogLevel

from jetson_runtime.bridges.foxglove_scene import LIFETIME_NS, pressure_grid, scene, timestamp
from jetson_runtime.bridges.foxglove_schema import ProtobufMessages, json_schema
from jetson_runtime.bridges.sessions import Sessions
from jetson_runtime.stream import messages
from jetson_runtime.stream.text import to_json
from jetson_runtime.suit.signals import SIDES

_FIGURE_PERIOD_NS = 50_000_000
_OF_THE_ENVELOPE = ("topic", "v", "session", "t", "t_ns", "publish_ns", "kind", "at_ns")
_NAME = "second-skin"


class Channels:
    """`take` every message of the stream, in order, at last `close`. utc_minus_monotonic_ns: instead of `hello`'s."""

    def __init__(self, context: foxglove.Context, utc_minus_monotonic_ns: int | None = None) -> None:
        self._context = context
        self._told_utc_ns = utc_minus_monotonic_ns
        self._sessions = Sessions()
        self._events = LogChannel("/event", context=context)
        self._figure = SceneUpdateChannel("/figure", context=context)
        self._grids = {side: GridChannel(f"/pressure/{side}", context=context) for side in SIDES}
        self._frames: foxglove.Channel | None = None
        self._encoding: ProtobufMessages | None = None
        self._status: foxglove.Channel | None = None
        self._session = ""
        self._figure_ns = 0
        # When it was drawn, by this machine's clock; None: there is none.
        self._drawn_ns: int | None = None
        self._takers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            messages.FRAME: self._take_frame,
            messages.STATUS: self._take_status,
            messages.EVENT: self._take_event,
            messages.PRESSURE: self._take_pressure,
        }

    @property
    def wants_pressure(self) -> bool:
        """Whether somebody looks at a map: the service makes them for listeners alone."""
        return any(grid.has_sinks() for grid in self._grids.values())

    def take(self, message: dict[str, Any]) -> None:
        for one in self._sessions.take(message):
            if (taker := self._takers.get(one["topic"])) is not None:
                taker(one)

    def hide_stale(self) -> None:
        """Deletes the figure of a stream that has fallen silent: a viewer looks at lifetimes when something comes."""
        if self._drawn_ns is not None and time.monotonic_ns() - self._drawn_ns > LIFETIME_NS:
            self._drawn_ns = None
            utc_ns = self._utc_ns(self._figure_ns + LIFETIME_NS)
            self._figure.log(scene({"valid": False}, utc_ns), log_time=utc_ns)

    def close(self) -> None:
        """Unadvertises all."""
        for channel in (self._events, self._figure, *self._grids.values(), self._frames, self._status):
            if channel is not None:
                channel.close()

    def _utc_ns(self, t_ns: int) -> int:
        if self._told_utc_ns is not None:
            return t_ns + self._told_utc_ns
        hello = self._sessions.hello
        assert hello is not None, "Sessions tells nothing before it"
        return t_ns + int(hello["utc_minus_monotonic_ns"])

    def _take_frame(self, frame: Mapping[str, Any]) -> None:
        utc_ns = self._utc_ns(frame["t_ns"])
        if frame["session"] != self._session or self._frames is None:
            self._prepare(frame)
        assert self._frames is not None
        assert self._encoding is not None
        if self._frames.has_sinks():
            self._frames.log(self._encoding.encode(frame), log_time=utc_ns)
        if self._figure.has_sinks() and not 0 <= frame["t_ns"] - self._figure_ns < _FIGURE_PERIOD_NS:
            self._figure_ns, self._drawn_ns = frame["t_ns"], time.monotonic_ns()
            self._figure.log(scene(frame, utc_ns), log_time=utc_ns)

    def _prepare(self, frame: Mapping[str, Any]) -> None:
        """The channel of a session whose frames hold other fields than the last one's is a new one."""
        self._session = frame["session"]
        encoding = ProtobufMessages("Frame", frame)
        if self._encoding is not None and encoding.schema == self._encoding.schema:
            return
        if self._frames is not None:
            self._frames.close()
        self._encoding = encoding
        schema = foxglove.Schema(name=encoding.name, encoding="protobuf", data=encoding.schema)
        self._frames = foxglove.Channel(
            "/frame", message_encoding="protobuf", schema=schema, context=self._context
        )

    def _take_status(self, status: Mapping[str, Any]) -> None:
        if self._status is None:
            schema = json_schema("second_skin.Status", status)
            self._status = foxglove.Channel("/status", schema=schema, context=self._context)
        self._status.log(to_json(status), log_time=self._utc_ns(status["t_ns"]))

    def _take_event(self, event: Mapping[str, Any]) -> None:
        utc_ns = self._utc_ns(event.get("at_ns", event["t_ns"]))
        content = {key: value for key, value in event.items() if key not in _OF_THE_ENVELOPE}
        log = Log(
            timestamp=timestamp(utc_ns),
            level=LogLevel.Warning if event["kind"] == messages.POWER_LOW else LogLevel.Info,
            name=_NAME,
            message=f"{event['kind']} {to_json(content)}",
        )
        self._events.log(log, log_time=utc_ns)

    def _take_pressure(self, message: Mapping[str, Any]) -> None:
        for side, foot in message["insoles"].items():
            if foot is not None and self._grids[side].has_sinks():
                utc_ns = self._utc_ns(foot["t_ns"])
                self._grids[side].log(pressure_grid(foot, side, utc_ns), log_time=utc_ns)
