"""Recorded bytes and wake-ups through the same drivers and pipeline: the same frames, bit for bit, from the same build.

What the reactor did is repeated event by event (`stream/messages.py`, `encode_raw`); no clock, no port, no socket.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from drivers.microstrain.reader import ImuReader
from drivers.xsensor.reader import InsoleReader
from jetson_runtime.inference.adopted import Adopted, Reader
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.stream import tap
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.signals import STREAMS
from jetson_runtime.suit.state import from_plain

# What a pipeline that begins in the middle of a session must see before it is the recorded one to the last bit: the
# network's history (249 ticks), the half second of the look for the unusual and the second that a warning is held, or
# the second of frames over which angles are compared.
WARM_UP_TICKS = 500

ReaderOf: TypeAlias = Callable[[int, Mapping[str, Any]], Reader]


class Replay:
    """One session's events through a pipeline of its own.

    exact_from: the first tick from which the frames that come now are to be equal; None before a state was seen.
    """

    def __init__(
        self,
        config: SuitConfig,
        bundle: Bundle,
        engine: Engine,
        *,
        judged: bool = True,
        reader_of: ReaderOf | None = None,
    ) -> None:
        """judged: False leaves out intervals and what is unusual, for whoever asks for neither. reader_of: what reads
        a stream's bytes, by its index and the facts of its reader."""
        self.exact_from: int | None = None
        self._config = config
        self._bundle = bundle
        self._judged = judged
        self._engine = engine
        self._reader_of = reader_of or _reader_of
        self._pipeline: Pipeline | None = None
        self._adopted: dict[int, Adopted] = {}
        self._arriving: set[int] = set()
        self._goes_on = False

    @property
    def pipeline(self) -> Pipeline | None:
        """That of the events since the last gap; None before a state was seen."""
        return self._pipeline

    def gap(self) -> None:
        """Events are missing here: nothing is computed until the next state."""
        self._goes_on = False

    def frames(self, events: Iterable[Sequence[Any]]) -> Iterator[Frame]:
        """The frames that the events led to."""
        for kind, *facts in events:
            if kind == tap.STATE:
                self._begin(facts[0])
            elif self._pipeline is None or not self._goes_on:
                continue
            elif kind == tap.WAKE:
                self._attach_arriving()
                while (frame := self._pipeline.step(facts[0])) is not None:
                    yield frame
            else:
                self._follow(kind, facts, self._pipeline)

    def _begin(self, state: Mapping[str, Any]) -> None:
        """A state at the very tick where this replay is was told for another listener, and says nothing new."""
        if self._goes_on and self._pipeline is not None and self._pipeline.place["tick"] == state["tick"]:
            return
        self._goes_on = True
        self._engine.reset()
        confidence = self._bundle.confidence() if self._judged else None
        pipeline = Pipeline(self._config, self._bundle.manifest, self._engine, confidence)
        fresh = not state["ticks"]
        self.exact_from = 0 if fresh else state["tick"] + WARM_UP_TICKS
        self._arriving.clear()
        self._adopted = {}
        pipeline.wear(from_plain(state["worn"]))
        pipeline.start_at(state)
        for device in state["devices"]:
            adopted = self._adopt(pipeline, device["index"], device["reader"])
            adopted.resume(device["clock"])
        self._pipeline = pipeline

    def _follow(self, kind: str, facts: Sequence[Any], pipeline: Pipeline) -> None:
        if kind == tap.WEAR:
            pipeline.wear(from_plain(facts[0]))
            for adopted in self._adopted.values():
                adopted.wear()
            return
        index = facts[0]
        if kind == tap.ATTACH:
            self._adopt(pipeline, index, facts[1]["reader"])
            self._arriving.add(index)
        elif kind == tap.DETACH:
            self._adopted.pop(index, None)
            self._arriving.discard(index)
            pipeline.detach(index)
        elif index in self._adopted:
            # Where a defect showed itself in the session, a detach follows here as it did there.
            with contextlib.suppress(Exception):
                if kind == tap.SKIPPED:
                    self._adopted[index].skip(*facts[1:])
                elif kind == tap.READ:
                    self._attach_arriving()
                    self._adopted[index].feed(facts[1])

    def _adopt(self, pipeline: Pipeline, index: int, facts: Mapping[str, Any]) -> Adopted:
        self._adopted[index] = adopted = Adopted(pipeline, index, self._reader_of(index, facts), 0)
        return adopted

    def _attach_arriving(self) -> None:
        """A device is attached once the bytes that had waited for it are skipped."""
        for index in self._arriving:
            self._adopted[index].attach()
        self._arriving.clear()


def _reader_of(index: int, facts: Mapping[str, Any]) -> Reader:
    reader = ImuReader if STREAMS[index].kind == "imu" else InsoleReader
    return reader.from_facts(facts)
