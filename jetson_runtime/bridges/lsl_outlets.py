"""The two LSL outlets: frames at 200 Hz, and events as markers. The only file that imports pylsl."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any

import pylsl

from jetson_runtime.bridges.lsl_clock import LslClock
from jetson_runtime.bridges.lsl_layout import LslChannel, channels, nothing, sample, steps
from jetson_runtime.bridges.sessions import Sessions
from jetson_runtime.stream import messages
from jetson_runtime.stream.text import to_json
from jetson_runtime.suit.signals import PERIOD_NS, RATE_HZ

# A gap of up to a second is filled, tick by tick: importers take a short one for jitter and would bend the time axis.
_FILLED_TICKS = RATE_HZ
# Until the service's clock is known: 5 s.
_WAITING = 1000
_OF_THE_ENVELOPE = ("topic", "v", "session", "t", "t_ns", "publish_ns")

_log = logging.getLogger("second-skin-lsl")


class Outlets:
    """`take` every message of the stream, in order. Outlets outlive a restart of the service with all that they tell.

    Metadata cannot be changed, and a recorder may keep those of a stream before: the markers of a session and of a
    wearer tell model and mass, too.
    """

    def __init__(self, name: str, endpoint: str, clock: LslClock) -> None:
        """name: of the stream; that of the events has `-events` behind it."""
        self._name = name
        # The same after a restart of this bridge, so that a recorder finds its stream again.
        self._source = f"second-skin/{socket.gethostname()}/{endpoint}/{name}"
        self._clock = clock
        self._sessions = Sessions()
        self._session = ""
        self._layout: tuple[LslChannel, ...] = ()
        self._told: tuple[Any, ...] = ()
        self._frames: pylsl.StreamOutlet | None = None
        self._last_seq: int | None = None
        self._steps: dict[tuple[str, str], int] = {}
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_WAITING)
        info = pylsl.StreamInfo(
            f"{name}-events", "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{self._source}/events"
        )
        _describe(info, [LslChannel("event", "JSON", "Marker", ())])
        self._events = pylsl.StreamOutlet(info)

    def take(self, message: dict[str, Any]) -> None:
        """Pushes what can be pushed now."""
        for one in self._sessions.take(message):
            if one["topic"] == messages.HELLO:
                self._note(one)
            else:
                self._waiting.append(one)
        while self._waiting and self._push(self._waiting[0]):
            self._waiting.popleft()

    def _note(self, hello: Mapping[str, Any]) -> None:
        if hello["session"] != self._session:
            self._session = hello["session"]
            self._last_seq = None
            self._steps = {}
            self._clock.renew()
            self._waiting.clear()
            told = {
                "kind": "session",
                "id": self._session,
                "model": hello["model"],
                "body_mass_kg": hello["body_mass_kg"],
            }
            self._waiting.append({"topic": messages.EVENT, "t_ns": hello["t_ns"], **told})

    def _push(self, message: Mapping[str, Any]) -> bool:
        """False while its time cannot be told."""
        at_ns = message.get("at_ns", message["t_ns"])
        at_s = self._clock.seconds(at_ns)
        if at_s is None:
            return False
        if message["topic"] == messages.EVENT:
            told = {key: value for key, value in message.items() if key not in _OF_THE_ENVELOPE}
            self._events.push_sample([to_json(told)], at_s)
        elif message["topic"] == messages.FRAME:
            self._push_frame(message, at_s)
            self._push_steps(message)
        return True

    def _push_steps(self, frame: Mapping[str, Any]) -> None:
        """A marker for each landing and lift-off since the frame before; none for those before the first frame."""
        told = steps(frame)
        for (side, kind), at_ns in told.items():
            at_s = self._clock.seconds(at_ns)
            if at_ns > self._steps.get((side, kind), frame["t_ns"] - 1) and at_s is not None:
                self._events.push_sample([to_json({"kind": kind, "side": side})], at_s)
        self._steps = told

    def _push_frame(self, frame: Mapping[str, Any], at_s: float) -> None:
        seq = frame["seq"]
        if self._last_seq is None or self._frames is None:
            self._prepare(frame)
        assert self._frames is not None
        if self._last_seq is not None and seq - self._last_seq <= _FILLED_TICKS:
            for missed in range(self._last_seq + 1, seq):
                self._frames.push_sample(nothing(self._layout), at_s - (seq - missed) * PERIOD_NS * 1e-9)
        self._frames.push_sample(sample(self._layout, frame), at_s)
        self._last_seq = seq

    def _prepare(self, frame: Mapping[str, Any]) -> None:
        hello = self._sessions.hello
        assert hello is not None, "Sessions tells no frame before it"
        layout = channels(frame, hello)
        told = layout, hello["model"], hello["body_mass_kg"]
        if told == self._told and self._frames is not None:
            return
        info = pylsl.StreamInfo(
            self._name, "MoCap", len(layout), RATE_HZ, pylsl.cf_double64, f"{self._source}/frames"
        )
        _describe(info, layout)
        _acquired(info, hello)
        # The one before ends first: two of one source at a time would confuse whoever looks for it.
        self._frames = None
        self._frames, self._layout, self._told = pylsl.StreamOutlet(info), layout, told
        _log.info("%s: %d channels at %d Hz", self._name, len(layout), RATE_HZ)


def _describe(info: pylsl.StreamInfo, layout: Any) -> None:
    """Each channel's label, unit and type, as XDF's specification of metadata has them."""
    table = info.desc().append_child("channels")
    for channel in layout:
        entry = table.append_child("channel")
        entry.append_child_value("label", channel.label)
        entry.append_child_value("unit", channel.unit)
        entry.append_child_value("type", channel.type)
        if channel.positive:
            entry.append_child_value("positive", channel.positive)


def _acquired(info: pylsl.StreamInfo, hello: Mapping[str, Any]) -> None:
    """What made the numbers, and what their time stamps are worth: they speak of the movement, not of the sending."""
    made = info.desc().append_child("acquisition")
    made.append_child_value("manufacturer", "Second Skin")
    made.append_child_value("model", hello["model"]["name"])
    made.append_child_value("model_sha256", hello["model"]["sha256"])
    if hello["body_mass_kg"] is not None:
        made.append_child_value("body_mass_kg", str(hello["body_mass_kg"]))
    synchronised = info.desc().append_child("synchronization")
    synchronised.append_child_value("offset_mean", "0")
    synchronised.append_child_value("can_drop_samples", "true")
