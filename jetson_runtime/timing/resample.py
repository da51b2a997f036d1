"""A recorded trial as the suit would deliver it: each device samples at its own rate and phase, its samples arrive
late or not at all, and the runtime's own aligner puts them on the grid. The network sees in training what it sees on
the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.links import delay_ns
from jetson_runtime.suit.signals import (
    FRESH_NS,
    PERIOD_NS,
    RATE_HZ,
    STREAMS,
    Stream,
)
from jetson_runtime.timing.align import Aligner, Policy, default_max_wait_ns, empty_row

if TYPE_CHECKING:
    from jetson_runtime.suit.trial import Trial

Doubles = npt.NDArray[np.float64]

_INSOLE_RATES_HZ = (75.13, 80.0)
_LEAD_NS = 100_000_000
_VGRF = 6


class Link(NamedTuple):
    """How one device samples and delivers: rate, phase of its first sample after 0, delay to the host.

    jitter_ns: each sample arrives up to this much later, never before the one ahead of it. loss: the share of samples
    that never arrive. seed: of both.
    """

    rate_hz: float
    phase_ns: int
    delay_ns: int
    jitter_ns: int = 0
    loss: float = 0.0
    seed: int = 0


def random_links(
    seed: int, *, imu_rates_hz: Sequence[float] = (200.0,), jitter_ns: int = 0, loss: float = 0.0
) -> tuple[Link, ...]:
    """A link for each of STREAMS: IMUs at one of `imu_rates_hz`, insoles at 75.13 or 80 Hz, phases at random."""
    random = np.random.default_rng([seed, 0x5CA7])
    links = []
    for index, stream in enumerate(STREAMS):
        rates = imu_rates_hz if stream.kind == "imu" else _INSOLE_RATES_HZ
        rate = float(rates[0] if len(rates) == 1 else random.choice(rates))
        phase_ns = int(random.uniform(0, 1e9 / rate))
        links.append(
            Link(rate, phase_ns, delay_ns(stream.kind), jitter_ns, loss, seed * len(STREAMS) + index)
        )
    return tuple(links)


def resample_trial(
    trial: Trial,
    seed: int,
    *,
    links: tuple[Link, ...] | None = None,
    policy: Policy = "low_latency",
    max_wait_ns: int | None = None,
) -> Doubles:
    """Rows (n, 54) on the trial's own grid in the order of CHANNELS; NaN: device absent or centre undefined.

    Samples bear their true times, as on the body once the link's delay is subtracted. The trial's first row is taken
    to have lasted before its start. max_wait_ns: None: by policy.
    """
    links = links or random_links(seed)
    wait_ns = default_max_wait_ns(policy) if max_wait_ns is None else max_wait_ns
    aligner = Aligner([FRESH_NS[stream.kind] for stream in STREAMS], policy)
    for index, link in enumerate(links):
        aligner.attach(index, round(1e9 / link.rate_hz))
    count = len(trial.time_s)
    rows = np.tile(empty_row(), (count, 1))
    tick = 0
    for arrival_ns, index, sample_ns, values in _arrivals(trial, links):
        while tick < count and arrival_ns > tick * PERIOD_NS + wait_ns:
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
        sample_ns, arrival_ns = _delivered(sample_ns, link)
        values = sample_channels(stream, channels, sample_ns / 1e9)
        events.extend(
            (arrival, index, at, tuple(row))
            for arrival, at, row in zip(arrival_ns.tolist(), sample_ns.tolist(), values.tolist(), strict=True)
        )
    events.sort(key=lambda event: event[:2])
    return events


def _delivered(
    sample_ns: npt.NDArray[np.int64], link: Link
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The samples that arrive, and when."""
    arrival_ns = sample_ns + link.delay_ns
    if not link.jitter_ns and not link.loss:
        return sample_ns, arrival_ns
    random = np.random.default_rng([link.seed, 0x1055])
    late_ns = random.integers(0, link.jitter_ns + 1, len(sample_ns))
    arrival_ns = np.maximum.accumulate(arrival_ns + late_ns)
    kept = random.random(len(sample_ns)) >= link.loss
    return sample_ns[kept], arrival_ns[kept]


def sample_channels(stream: Stream, channels: npt.NDArray[np.floating], at_s: Doubles) -> Doubles:
    """Channels (n, width) of one device at the times `at_s` (m,) -> (m, width); linear, the ends held.

    An unknown force (NaN) is 0; a centre of pressure beside an undefined one is undefined, never a mix.
    """
    grid = np.arange(len(channels)) / RATE_HZ
    filled = channels.astype(np.float64)
    if stream.kind == "insole":
        filled[:, _VGRF] = np.nan_to_num(filled[:, _VGRF])
    return np.stack([np.interp(at_s, grid, column) for column in filled.T], axis=1)
