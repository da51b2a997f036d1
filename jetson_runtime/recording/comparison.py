"""A recording beside its replay: which frames are equal to the last bit, and how the others differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgpack  # type: ignore[import-untyped]  # ships none
from pydantic import ValidationError

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import engines
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.live_angles import LiveAngles
from jetson_runtime.recording import build
from jetson_runtime.recording.mcap_file import Message, Reading
from jetson_runtime.recording.parts import in_order
from jetson_runtime.recording.replay import Replay
from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_writer import FrameWriter
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import RecordingError
from jetson_runtime.suit.state import PartTare

Tare: TypeAlias = dict[str, PartTare]

# A frame waits for its bytes, which are sent every 50 ms, or these for it: no longer than so many frames.
_PENDING = 4_000


@dataclass
class Differences:
    """What the comparison came to; only frames that are to be equal count.

    missing: recorded frames that the replay did not tell. gaps: places where the recording lacks bytes. by_key: for
    each key that differs, in how many frames and by how much at most (infinite where it is no number). build: what
    differs between the build that recorded and this one, as (then, now). added: fields that only this build's frames
    have; they are no difference.
    """

    equal: int = 0
    different: int = 0
    missing: int = 0
    warming_up: int = 0
    gaps: int = 0
    by_key: dict[str, tuple[int, float]] = field(default_factory=dict)
    build: dict[str, tuple[str, str]] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether every frame that was to be equal is."""
        return self.equal > 0 and not self.different and not self.missing


def compare(paths: Iterable[Path], bundle: Path | None = None, engine: str | None = None) -> Differences:
    """Replays the parts of one session, in any order; RecordingError where they cannot be replayed.

    bundle, engine: other than the recorded ones, to see what they change.
    """
    stream = _messages(paths)
    session = _session(stream)
    player = _Player(session, bundle, engine)
    for message, payload in stream:
        player.take(message, payload)
    return player.end()


class _Player:
    """Takes a session's messages in order."""

    def __init__(self, session: Mapping[str, Any], bundle: Path | None, engine: str | None) -> None:
        self._replay = _replay(session, bundle, engine)
        config = _config(session)
        self._angles = LiveAngles(config, config.sides)
        self._writer = FrameWriter(session["session"], config.sides, self._angles)
        self._tare = _tare(session["tare"])
        self._session = session["session"]
        # With the tare that held when it was sent.
        self._recorded: dict[int, tuple[bytes, Tare]] = {}
        # With the number from which on frames are to be equal.
        self._told: dict[int, tuple[Frame, int]] = {}
        self._first: int | None = None
        self._last = -1
        self._number: int | None = None
        self._result = Differences()
        now = build.fingerprint()
        then = session["build"]
        self._result.build = {k: (then.get(k, ""), now[k]) for k in now if then.get(k) != now[k]}

    def take(self, message: Mapping[str, Any], payload: bytes) -> None:
        if message["session"] != self._session:
            raise RecordingError(
                f"session {message['session']} is not {self._session}: replay one session at a time"
            )
        if message["topic"] == messages.FRAME:
            self._take_frame(message["seq"], payload)
        elif message["topic"] == messages.RAW:
            self._take_raw(message)
        elif message["topic"] == messages.EVENT and message["kind"] == "tare":
            self._tare = _tare(message["parts"])

    def end(self) -> Differences:
        for seq in list(self._recorded):
            self._settle(seq)
        return self._result

    def _take_frame(self, seq: int, payload: bytes) -> None:
        self._recorded[seq] = (payload, self._tare)
        if seq in self._told:
            self._settle(seq)
        for old in list(self._recorded)[: max(0, len(self._recorded) - _PENDING)]:
            self._settle(old)

    def _take_raw(self, message: Mapping[str, Any]) -> None:
        """The message in which one part ends and the next begins is in both."""
        number = message["number"]
        if self._number is not None and number <= self._number:
            return
        if self._number is not None and number != self._number + 1:
            self._result.gaps += 1
            self._replay.gap()
        self._number = number
        for frame in self._replay.frames(message["events"]):
            exact_from = self._replay.exact_from
            assert exact_from is not None
            if frame.seq >= exact_from:
                self._first = frame.seq if self._first is None else self._first
                self._last = frame.seq
            self._told[frame.seq] = (frame, exact_from)
            if frame.seq in self._recorded:
                self._settle(frame.seq)
        for old in list(self._told)[: max(0, len(self._told) - _PENDING)]:
            del self._told[old]

    def _settle(self, seq: int) -> None:
        """Compares where there are both; a recorded frame between replayed ones is to be among them."""
        (payload, tare), told = self._recorded.pop(seq), self._told.pop(seq, None)
        if told is None:
            inside = self._first is not None and self._first <= seq <= self._last
            self._result.missing += inside and not self._result.gaps
            return
        frame, exact_from = told
        recorded = messages.decode(payload)
        if tare is not self._angles.parts:
            self._angles.set_tare(tare)
        anew = self._writer.write(frame, recorded["publish_ns"])
        if seq < exact_from:
            self._result.warming_up += 1
            return
        if anew != payload:
            replayed, added = as_then(recorded, messages.decode(anew))
            self._result.added = sorted({*self._result.added, *added})
            anew = msgpack.packb(replayed)
        if anew == payload:
            self._result.equal += 1
            return
        self._result.different += 1
        for key, distance in _distances("", recorded, replayed):
            count, most = self._result.by_key.get(key, (0, 0.0))
            self._result.by_key[key] = (count + 1, max(most, distance))


def as_then(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The frame `now` without the fields that the build which sent the frame `then` did not know, and which these are.

    Fields are only ever added (`messages.py`): to a frame, and to each foot of its `ground`.
    """
    kept = {key: value for key, value in now.items() if key in then}
    added = [key for key in now if key not in then]
    if isinstance(then.get("ground"), dict) and "ground" in kept:
        feet = then["ground"]
        added += [
            f"ground.{side}.{key}"
            for side in feet
            for key in kept["ground"].get(side, {})
            if key not in feet[side]
        ]
        kept["ground"] = {
            side: {key: value for key, value in foot.items() if key in feet.get(side, foot)}
            for side, foot in kept["ground"].items()
        }
    return kept, added


def _messages(paths: Iterable[Path]) -> Iterator[tuple[dict[str, Any], bytes]]:
    for path in in_order(paths):
        message: Message
        for message in Reading(path):
            yield messages.decode(message.payload), message.payload


def _session(stream: Iterator[tuple[dict[str, Any], bytes]]) -> dict[str, Any]:
    """The recording's first `session`; what comes before it cannot be replayed."""
    for message, _ in stream:
        if message["topic"] == messages.SESSION:
            return message
    raise RecordingError(
        "the recording does not say what computed it (no session message): it cannot be replayed"
    )


def _tare(parts: Mapping[str, Any]) -> Tare:
    return {part: PartTare.model_validate(kept) for part, kept in parts.items()}


def _config(session: Mapping[str, Any]) -> configs.SuitConfig:
    try:
        return configs.of_json(session["config"])
    except ValidationError as error:
        raise RecordingError(
            f"the recorded config is another version's: {error.error_count()} keys differ; replay it with that version "
            f"({session['build'].get('version')})"
        ) from error


def _replay(session: Mapping[str, Any], bundle: Path | None, engine: str | None) -> Replay:
    config = _config(session)
    loaded = bundles.load(bundle or config.model.bundle)
    then = session["model"]
    if bundle is None and loaded.manifest.sha256 != then["sha256"]:
        raise RecordingError(
            f"{config.model.bundle}: is not the model of the recording ({then['name']}, {then['sha256'][:12]}); "
            "name that one with --bundle, or another to see what it changes"
        )
    options = EngineOptions(session["precision"], config.model.provider, config.model.cache)
    return Replay(
        config, loaded, engines.create(engine or session["engine"], loaded, len(config.sides), options)
    )


def _distances(key: str, then: Any, now: Any) -> Iterator[tuple[str, float]]:
    """Each key below `key` whose values differ, and by how much."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in sorted(then.keys() | now.keys()):
            yield from _distances(f"{key}.{name}".lstrip("."), then.get(name), now.get(name))
    elif then != now and not (then != then and now != now):
        numbers = isinstance(then, int | float) and isinstance(now, int | float)
        distance = abs(then - now) if numbers else math.inf
        yield key, math.inf if math.isnan(distance) else distance
