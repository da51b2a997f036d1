"""A trial on eight emulated devices without ports: their clocks and links in simulated time, then the service's own
clock estimation, mounting and aligner. Exact, repeatable, and a minute of the suit in two seconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline
from scipy.signal import butter, sosfiltfilt

from drivers.emulator.clock import DeviceClock
from drivers.emulator.transport import TransportName, make_transport
from drivers.samples import FLAG_IMU_VALID, ClockFacts, ImuSample, InsoleSample
from jetson_runtime.inference.intake import Intake
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, Wearer
from jetson_runtime.suit.signals import FRESH_NS, PERIOD_NS, RATE_HZ, STANDARD_GRAVITY, STREAMS, Stream
from jetson_runtime.suit.trial import Trial
from jetson_runtime.timing.align import Aligner, Policy, default_max_wait_ns, empty_row

Doubles = npt.NDArray[np.float64]
Events = Iterator[tuple[int, int, int, tuple[float, ...], int]]

_BEGIN_NS = 600_000_000_000
_SETTLE_S = 2.0
_NOISE = 1e-9
# On the wire: accel, gyro, quaternion and time of a 3DM-GX5; 235 cells of an insole.
_BYTES = {"imu": 66, "insole": 525}
_CENTRES = slice(49, 51), slice(52, 54)


class Setup(NamedTuple):
    """How the suit is wired. insole_hz: right, left. warm_up_s: the first row held while the clocks are learnt; rows
    are computed in its last two seconds."""

    policy: Policy = "low_latency"
    imu_hz: float = 200.0
    insole_hz: tuple[float, float] = (75.13, 80.0)
    imu_link: TransportName = "cdc"
    insole_link: TransportName = "ftdi1"
    insole_stamp_us: int = 1
    warm_up_s: float = 60.0
    loss: float = 0.0
    seed: int = 0


class Played(NamedTuple):
    """What came of n rows of a trial: rows (n, 54), when each was computed after its time, how old its oldest sample
    in use was then (both ms), and whether all streams had been fresh for the network's whole history."""

    rows: Doubles
    age_ms: Doubles
    oldest_ms: Doubles
    valid: npt.NDArray[np.bool_]


class Truth:
    """A trial between its rows: quintic splines, which follow a band-limited signal; the centre of pressure linear
    where it is defined, and defined as it is at the nearest row."""

    def __init__(self, trial: Trial, low_pass_hz: float | None = None) -> None:
        """low_pass_hz: zero-lag, to look at movement without the white noise that a trial's sensors already have."""
        channels = trial.channels.astype(np.float64)
        self._last = len(channels) - 1
        self._centres = [(which, channels[:, which]) for which in _CENTRES]
        filled = np.where(np.isfinite(channels), channels, 0.0)
        if low_pass_hz is not None:
            sections = butter(4, low_pass_hz, fs=RATE_HZ, output="sos")
            filled = sosfiltfilt(sections, filled, axis=0)
        self._spline = make_interp_spline(np.arange(len(filled)), filled, k=5, axis=0)

    def at(self, seconds: Doubles) -> Doubles:
        """(m,) -> (m, 54); the trial's ends held."""
        position = np.clip(seconds * RATE_HZ, 0.0, self._last)
        values = np.asarray(self._spline(position))
        for which, centre in self._centres:
            values[:, which.start - 1] = np.maximum(values[:, which.start - 1], 0.0)
            values[:, which] = _between_defined(centre, position)
        return values


def _between_defined(centre: Doubles, position: Doubles) -> Doubles:
    before = position.astype(np.intp)
    after = np.minimum(before + 1, len(centre) - 1)
    share = (position - before)[:, None]
    mixed = centre[before] * (1 - share) + centre[after] * share
    return np.where(np.isnan(mixed), np.where(share < 0.5, centre[before], centre[after]), mixed)


def play(trial: Trial, truth: Truth, setup: Setup, history: int = 248, *, exact: bool = False) -> Played:
    """`trial` as the service would have aligned it; exact: with the true times of the samples instead of estimates."""
    count = len(trial.time_s)
    aligner = Aligner([FRESH_NS[stream.kind] for stream in STREAMS], setup.policy)
    intakes = [Intake(i, _config(trial), aligner) for i in range(len(STREAMS))]
    for i, stream in enumerate(STREAMS):
        period_ns, stamp_ns = round(1e9 / _rate_hz(stream, setup)), _stamp_ns(stream, setup)
        intakes[i].attach(period_ns, ClockFacts(stamp_resolution_ns=stamp_ns))
    start_ns = _BEGIN_NS + round(setup.warm_up_s * RATE_HZ) * PERIOD_NS
    wait_ns = default_max_wait_ns(setup.policy)
    played = Played(np.empty((count, 54)), np.empty(count), np.full(count, np.nan), np.zeros(count, bool))
    first, row, run = start_ns // PERIOD_NS, empty_row(), 0
    tick = first - round(_SETTLE_S * RATE_HZ)

    def compute(now_ns: int) -> None:
        nonlocal tick, run
        run = run + 1 if aligner.row(tick * PERIOD_NS, row) else 0
        if 0 <= tick - first < count:
            k = tick - first
            played.rows[k] = row
            played.age_ms[k] = (now_ns - tick * PERIOD_NS) * 1e-6
            if aligner.oldest_ns is not None:
                played.oldest_ms[k] = (now_ns - aligner.oldest_ns) * 1e-6
            played.valid[k] = run > history
        tick += 1

    end_ns = start_ns + count * PERIOD_NS + 100_000_000
    devices = [_device(trial, truth, setup, i, start_ns, end_ns) for i in range(len(STREAMS))]
    for receive_ns, i, device_ns, values, true_ns in heapq.merge(*devices):
        while tick * PERIOD_NS + wait_ns <= receive_ns:
            compute(tick * PERIOD_NS + wait_ns)
        if exact:
            aligner.push(i, true_ns, values)
        else:
            intakes[i].take(_sample(trial, STREAMS[i], device_ns, receive_ns, values))
        while tick * PERIOD_NS <= receive_ns and aligner.ready(tick * PERIOD_NS):
            compute(receive_ns)
    return played


def _device(trial: Trial, truth: Truth, setup: Setup, index: int, start_ns: int, end_ns: int) -> Events:
    """(receive, stream, device time, values, true time) of each sample that arrives."""
    stream, rate_hz, seed = STREAMS[index], _rate_hz(STREAMS[index], setup), setup.seed * len(STREAMS) + index
    clock = DeviceClock.seeded(seed, _BEGIN_NS)
    ticks = np.arange(
        np.ceil(clock.device_s(_BEGIN_NS) * rate_hz), np.floor(clock.device_s(end_ns) * rate_hz)
    )
    true_ns = clock.host_ns(ticks / rate_hz)
    link = setup.imu_link if stream.kind == "imu" else setup.insole_link
    transport = make_transport(link, seed, bus_seed=setup.seed)
    arrival_ns = transport.arrivals(true_ns, _BYTES[stream.kind])
    random = np.random.default_rng([seed, 0xA11])
    wake_ns = np.exp(random.normal(np.log(50e3), 0.5, len(ticks))).astype(np.int64)
    receive_ns = np.maximum.accumulate(arrival_ns + wake_ns)
    step_ns = _stamp_ns(stream, setup)
    device_ns = np.rint(ticks / rate_hz * 1e9).astype(np.int64) // step_ns * step_ns
    values = truth.at((true_ns - start_ns) * 1e-9)[:, list(stream.channels)]
    if not np.isfinite(trial.channels[:, stream.channels[:6]]).any():
        return iter(())
    kept = np.flatnonzero(random.random(len(ticks)) >= setup.loss)
    # No real reading is repeated to the last bit: a row that is held would read as a stuck sensor.
    values[:, :6] += _NOISE * random.standard_normal((len(ticks), 6))
    columns = receive_ns[kept], device_ns[kept], values[kept], true_ns[kept]
    return (
        (receive, index, device, tuple(row), true)
        for receive, device, row, true in zip(*(column.tolist() for column in columns), strict=True)
    )


def _sample(
    trial: Trial, stream: Stream, device_ns: int, receive_ns: int, values: tuple[float, ...]
) -> ImuSample | InsoleSample:
    accel, gyro = values[:3], values[3:6]
    if stream.kind == "imu":
        return ImuSample(device_ns, receive_ns, accel, gyro, None)
    meta, (vgrf, ap, ml) = trial.meta, values[6:]
    return InsoleSample(
        device_ns, receive_ns, 0, FLAG_IMU_VALID, vgrf * meta.body_mass_kg * STANDARD_GRAVITY,
        (ap - 0.5) * meta.foot_length_m, (ml - 0.5) * meta.foot_width_m, accel, gyro, None, b"", 4000, 30.0,
    )  # fmt: skip


def _rate_hz(stream: Stream, setup: Setup) -> float:
    return setup.imu_hz if stream.kind == "imu" else setup.insole_hz[stream.side == "l"]


def _stamp_ns(stream: Stream, setup: Setup) -> int:
    return 1 if stream.kind == "imu" else setup.insole_stamp_us * 1000


def _config(trial: Trial) -> SuitConfig:
    meta = trial.meta
    return SuitConfig(
        wearer=Wearer(
            mass_kg=meta.body_mass_kg, foot_length_m=meta.foot_length_m, foot_width_m=meta.foot_width_m
        ),
        model=ModelTable(bundle=Path(".")),
        streams={stream.name: StreamConfig(port=f"/dev/{stream.name}") for stream in STREAMS},
    )
