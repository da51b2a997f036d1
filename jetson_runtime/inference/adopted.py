"""A device in use: its bytes through its driver into the pipeline. The reactor and a replay walk this same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

from drivers.samples import ClockFacts, FullScale, ImuSample, InsoleSample
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.suit.signals import STREAMS


class Reader(Protocol):
    """What makes samples of bytes: a driver's device, or its reader alone."""

    @property
    def rate_hz(self) -> float: ...

    @property
    def clock_facts(self) -> ClockFacts: ...

    @property
    def full_scale(self) -> FullScale: ...

    @property
    def serial(self) -> str: ...

    def feed(self, data: bytes, receive_ns: int) -> Sequence[ImuSample] | Sequence[InsoleSample]: ...


class LoadReader(Reader, Protocol):
    """Of an insole."""

    def set_load(self, on_n: float, off_n: float) -> None: ...


class Adopted:
    """Stream `index` of the pipeline has `reader`. last_kept_ns: when a sample last came that was of use."""

    def __init__(self, pipeline: Pipeline, index: int, reader: Reader, now_ns: int) -> None:
        self.index = index
        self.last_kept_ns = now_ns
        self._pipeline = pipeline
        self._reader = reader
        self._feed = reader.feed
        self._rate_hz = reader.rate_hz

    def attach(self) -> None:
        """Its clock and its samples begin anew."""
        self._rate_hz = self._reader.rate_hz
        self.wear()
        self._pipeline.attach(
            self.index,
            period_ns=round(1e9 / self._rate_hz),
            clock=self._reader.clock_facts,
            full_scale=self._reader.full_scale,
            serial=self._reader.serial,
        )

    def resume(self, frozen: Any) -> None:
        """Its clock goes on from where `Pipeline.frozen` saw it."""
        self.attach()
        self._pipeline.resume(self.index, frozen)

    def wear(self) -> None:
        """After `Pipeline.wear`: its foot counts as loaded from the force on that is the new wearer's."""
        if STREAMS[self.index].kind == "insole":
            cast(LoadReader, self._reader).set_load(*self._pipeline.load_thresholds_n)

    def skip(self, data: bytes, receive_ns: int) -> None:
        """What came in while nobody read carries a receive time that tells nothing: for the parser only."""
        self._feed(data, receive_ns)

    def feed(self, reads: Iterable[tuple[bytes, int]]) -> None:
        """What was read off the port, with the time of each read."""
        for data, receive_ns in reads:
            samples = self._feed(data, receive_ns)
            if self._reader.rate_hz != self._rate_hz:
                self.attach()
            if samples and self._pipeline.feed(self.index, samples):
                self.last_kept_ns = receive_ns
