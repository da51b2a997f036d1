"""What a streaming IMU sends, to samples. No port: a recording is read by the same code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drivers.microstrain.codec import MipParser
from drivers.microstrain.decode import SampleDecoder
from drivers.samples import ClockFacts, FullScale, ImuSample


class ImuReader:
    """Of a device that was asked for `descriptors`, in this order, at `rate_hz`; `pending`: bytes that came before."""

    # Field 0x12 holds seconds since power-up as a float64, which no session is long enough to coarsen.
    clock_facts = ClockFacts()
    # The bytes do not tell them; no sample depends on them.
    full_scale = FullScale()
    serial = ""

    def __init__(self, rate_hz: float, descriptors: Sequence[int], pending: bytes = b"") -> None:
        self.rate_hz = rate_hz
        self.descriptors = tuple(descriptors)
        self._parser = MipParser(pending)
        self._decoder = SampleDecoder(descriptors)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> ImuReader:
        """The reader that `facts` were told of."""
        return cls(facts["rate_hz"], facts["descriptors"], facts["pending"])

    def facts(self) -> dict[str, Any]:
        """All that the meaning of the bytes to come depends on, of plain types."""
        return {
            "rate_hz": self.rate_hz,
            "descriptors": self.descriptors,
            "pending": self._parser.pending,
        }

    def feed(self, data: bytes, receive_ns: int) -> list[ImuSample]:
        """Samples completed by `data`, in order; what cannot become one is counted."""
        samples = []
        for packet in self._parser.cut(data):
            sample = self._decoder.sample(packet, receive_ns)
            if sample is not None:
                samples.append(sample)
        return samples

    def counters(self) -> dict[str, int]:
        """Since bring-up. without_*, not_finite, out_of_range: IMU packets that gave no sample, and why."""
        parser, decoder = self._parser, self._decoder
        return {
            "packets": parser.packets,
            "bad_checksums": parser.bad_checksums,
            "bad_lengths": parser.bad_lengths,
            "discarded_bytes": parser.discarded_bytes,
            "other_packets": decoder.other_packets,
            "without_time": decoder.without_time,
            "without_data": decoder.without_data,
            "not_finite": decoder.not_finite,
            "out_of_range": decoder.out_of_range,
        }
