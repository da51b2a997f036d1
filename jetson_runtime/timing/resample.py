"""A recorded trial as the suit would deliver it: each device samples at its own rate and phase, its samples arrive
late, and the runtime's own aligner puts them on the grid. The network sees in training what it sees on the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import (
    FRESH_NS,
    LINK_DELAY_NS,
    MAX_WAIT_NS,
    PERIOD_NS,
    RATE_HZ,
    STREAMS,
    Stream,
)
from jetson_runtime.timing.align import Aligner, empty_row

if TYPE_CHECKING:
    from jetson_runtime.suit.trial import Trial

Doubles = npt.NDArray[np.float64]

_INSOLE_RATES_HZ = (75.13, 80.0)
_LEAD_NS = 100_000_000
_VGRF, _COP = 6, slice(7, 9)


class Link(NamedTuple):
    """How one device samples and delivers: rate, phase of its first sample after 0, delay to the host."""

    rate_hz: float
    phase_ns: int
    delay_ns: int


def random_links(seed: int) -> tuple[Link, ...]:
    """A link for each of STREAMS: IMUs at 200 Hz, insoles at 75.13 or 80 Hz, phases at random."""
    random = np.random.default_rng([seed, 0x5CA7])
    links = []
    for stream in STREAMS:
        rate = 200.0 if stream.kind == "imu" else float(random.choice(_INSOLE_RATES_HZ))
        links.append(Link(rate, int(random.uniform(0, 1e9 / rate)), LINK_DELAY_NS[stream.kind]))
    return tuple(links)


def resample_trial(
    trial: Trial,
    seed: int,
    *,
    links: tuple[Link, ...] | None = None,
    max_wait_ns: int = MAX_WAIT_NS,
) -> Doubles:
    """Rows (n, 54) on the trial's own grid in the order of CHANNELS; NaN: device absent or centre undefined.

    Samples bear their true times, as on the body once the link's delay is subtracted. The trial's first row is taken
    to have lasted before its start.
    """
    aligner = Aligner([FRESH_NS[stream.kind] for stream in STREAMS])
    events = _arrivals(trial, links or random_links(seed))
    count = len(trial.time_s)
    rows = np.tile(empty_row(), (count, 1))
    tick = 0
    for arrival_ns, index, sample_ns, values in events:
        while tick < count and arrival_ns > tick * PERIOD_NS + max_wait_ns:
            aligner.row(tick * PERIOD_NS, rows[tick])
            tick += 1
        aligner.push(index, sample_ns, values)
        while tick < count and arrival_ns >= tick * PERIOD_NS and aligner.ready(tick * PERIOD_NS):
            aligner.row(tick * PERIOD_NS, rows[tick])
            tick += 1
    return rows


def _arrivals(trial: Trial, links: tuple[Link, ...]) -> list[tuple[int, int, int, tuple[float, ...]]]:
    """(arrival, stream, sample time, values) of every sample of every device that the trial holds, by arrival."""
    end_ns = len(trial.time_s) * PERIOD_NS + _LEAD_NS
    events: list[tuple[int, int, int, tuple[float, ...]]] = []
    for index, (stream, link) in enumerate(zip(STREAMS, links, strict=True)):
        channels = trial.channels[:, stream.channels]
        if np.isnan(channels).all():
            continue
        first = link.phase_ns - _LEAD_NS
        sample_ns = (
            first + np.arange(int((end_ns - first) * link.rate_hz / 1e9)) * (1e9 / link.rate_hz)
        ).astype(np.int64)
        values = sample_channels(stream, channels, sample_ns / 1e9)
        delayed = (sample_ns + link.delay_ns).tolist()
        events.extend(
            (arrival, index, at, tuple(row))
            for arrival, at, row in zip(delayed, sample_ns.tolist(), values.tolist(), strict=True)
        )
    events.sort(key=lambda event: event[:2])
    return events


def sample_channels(stream: Stream, channels: npt.NDArray[np.floating], at_s: Doubles) -> Doubles:
    """Channels (n, width) of one device at the times `at_s` (m,) -> (m, width); linear, the ends held.

    An unknown force (NaN) is 0; a centre of pressure beside an undefined one is undefined, never a mix.
    """
    grid = np.arange(len(channels)) / RATE_HZ
    filled = channels.astype(np.float64)
    if stream.kind == "insole":
        filled[:, _VGRF] = np.nan_to_num(filled[:, _VGRF])
    return np.stack([np.interp(at_s, grid, column) for column in filled.T], axis=1)
