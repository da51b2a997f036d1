"""One device's way to the aligner: device time to host time, sensor axes to segment axes, newtons to bodyweights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from drivers.samples import (
    FLAG_CLOCK_STEPPED,
    FLAG_SATURATED,
    ClockFacts,
    FullScale,
    ImuSample,
    InsoleSample,
    Vector3,
)
from jetson_runtime.suit.config import SuitConfig, Wearer
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import PERIOD_NS, STANDARD_GRAVITY, STREAMS
from jetson_runtime.suit.state import InsoleZero, Worn
from jetson_runtime.timing.align import Aligner
from jetson_runtime.timing.frozen import freeze, thaw
from jetson_runtime.timing.timebase import ClockEstimator

_NAN = float("nan")
_MISSING_VECTOR: Vector3 = (_NAN, _NAN, _NAN)
# This many readings of one motion to the last bit, and the sensor is stuck: the noise of a real one never repeats. An
# insole's motion has few bits. Its load says nothing: a foot in the air presses with the same zeros all the time.
STUCK_SAMPLES = {"imu": 20, "insole": 80}
# What is this near to the end of its range may be beyond it.
_SATURATED_SHARE = 0.999
_ENDLESS = FullScale()
# Of the newest samples, what the rows to come may be made of beside the samples to come.
_KEPT_SAMPLES = 6


# CLOCK_MONOTONIC of the sampling, and the sample.
Sensed: TypeAlias = tuple[int, ImuSample | InsoleSample]


class StreamHealth(NamedTuple):
    """One stream as the status tells it; rate over the time since the last look."""

    alive: bool
    rate_hz: float
    rate_ok: bool
    valid: bool
    age_ms: float
    drops: int
    out_of_order: int
    offset_ms: float
    skew_ppm: float
    uncertainty_ms: float
    restarts: int
    stuck: bool
    saturated: int


class Intake:
    """Takes stream `index`'s samples in the order in which they were read."""

    def __init__(self, index: int, config: SuitConfig, aligner: Aligner) -> None:
        stream = STREAMS[index]
        self._index = index
        self._aligner = aligner
        self._side = stream.side
        self._worn = Worn(config.wearer, {})
        self._wearer = config.wearer
        self._serial = ""
        self._zero: InsoleZero | None = None
        self._convert: Callable[[ImuSample | InsoleSample], tuple[float, ...]]
        self._convert = self._imu_values if stream.kind == "imu" else self._insole_values
        self._tells_of_steps = stream.kind == "insole"
        mounting = config.streams[stream.name].mounting if stream.name in config.streams else None
        self._turn = _turn(mounting)
        self._delay_ns = config.link_delay_ns(stream)
        self._period_ns = PERIOD_NS
        self._clock = ClockEstimator()
        self._attached = False
        self._last_device_ns: int | None = None
        self._samples = 0
        self._drops = 0
        self._restarts = 0
        self._stepped = False
        self._looked = (0, 0)
        self._motion: tuple[Vector3 | None, Vector3 | None] = (None, None)
        self._repeats = 0
        self._stuck_after = STUCK_SAMPLES[stream.kind]
        self._nothing = (_NAN,) * len(stream.channels)
        self._most_accel = self._most_gyro = math.inf
        self._saturated = 0
        # The newest kept sample with its time; None without a device.
        self.newest: Sensed | None = None

    def attach(
        self, period_ns: int, clock: ClockFacts, full_scale: FullScale = _ENDLESS, serial: str = ""
    ) -> None:
        self._most_accel = _SATURATED_SHARE * full_scale.accel
        self._most_gyro = _SATURATED_SHARE * full_scale.gyro
        self._repeats = 0
        self._period_ns = period_ns
        self._serial = serial
        self.wear(self._worn)
        self.newest = None
        self._clock = ClockEstimator(period_ns, clock.stamp_resolution_ns, clock.rollover_ns)
        self._last_device_ns = None
        self._restarts = 0
        self._aligner.attach(self._index, period_ns)
        self._attached = True

    def wear(self, worn: Worn) -> None:
        """From the next sample on; an insole's zero holds for the device that it was measured on."""
        self._worn, self._wearer = worn, worn.wearer
        zero = worn.zero.get("r" if self._side == "r" else "l")
        self._zero = zero if zero is not None and zero.serial == self._serial else None

    def detach(self) -> None:
        self._attached = False
        self.newest = None
        self._aligner.forget(self._index)

    def frozen(self) -> dict[str, Any]:
        """What has been learned of the device's clock and of its sensor, and its newest samples, of plain types."""
        return {
            "clock": freeze(self._clock),
            "stepped": self._stepped,
            "motion": self._motion,
            "repeats": self._repeats,
            "samples": self._aligner.streams[self._index].ring.last(_KEPT_SAMPLES),
        }

    def resume(self, frozen: Mapping[str, Any]) -> None:
        """Goes on with what `frozen` told of the same device."""
        self._clock = thaw(frozen["clock"])
        self._restarts = self._clock.restarts
        self._stepped = bool(frozen["stepped"])
        accel, gyro = frozen["motion"]
        self._motion = (None if accel is None else tuple(accel), None if gyro is None else tuple(gyro))
        self._repeats = int(frozen["repeats"])
        for sample_ns, values in frozen.get("samples", ()):
            self._aligner.push(self._index, sample_ns, values)

    def take(self, sample: ImuSample | InsoleSample) -> bool:
        """True where the sample was kept, False for a duplicate or one older than the newest."""
        clock, device_ns = self._clock, sample.device_ns
        if self._tells_of_steps and self._clock_was_set(sample):
            clock.restart(device_ns, sample.receive_ns)
        sample_ns = clock.update(device_ns, sample.receive_ns) - self._delay_ns
        if clock.restarts != self._restarts:
            self._restarts = clock.restarts
            self._last_device_ns = None
            self._aligner.forget(self._index)
        last_ns = self._last_device_ns
        if device_ns != last_ns:
            self._watch_motion(sample)
        if last_ns is not None and 2 * (device_ns - last_ns) >= 3 * self._period_ns:
            self._drops += round((device_ns - last_ns) / self._period_ns) - 1
        if last_ns is None or device_ns > last_ns:  # one that was overtaken leaves no gap behind it
            self._last_device_ns = device_ns
        self._samples += 1
        values = self._nothing if self._repeats >= self._stuck_after else self._convert(sample)
        if not self._aligner.push(self._index, sample_ns, values):
            return False
        self.newest = (sample_ns, sample)
        return True

    def _watch_motion(self, sample: ImuSample | InsoleSample) -> None:
        """Counts how often one reading was repeated, and readings at the end of the sensor's range."""
        accel, gyro = motion = sample.accel, sample.gyro
        if motion != self._motion:
            self._motion, self._repeats = motion, 0
        elif accel is not None:
            self._repeats += 1
        if accel is None or gyro is None:
            return
        most_accel, most_gyro = self._most_accel, self._most_gyro
        (ax, ay, az), (gx, gy, gz) = accel, gyro
        self._saturated += not (
            -most_accel < ax < most_accel
            and -most_accel < ay < most_accel
            and -most_accel < az < most_accel
            and -most_gyro < gx < most_gyro
            and -most_gyro < gy < most_gyro
            and -most_gyro < gz < most_gyro
        )

    def _clock_was_set(self, sample: ImuSample | InsoleSample) -> bool:
        """The link flags every sample since the step; the first one tells."""
        stepped = isinstance(sample, InsoleSample) and bool(sample.flags & FLAG_CLOCK_STEPPED)
        first, self._stepped = stepped and not self._stepped, stepped
        return first

    def health(self, now_ns: int) -> StreamHealth:
        samples, since = self._looked
        self._looked = (self._samples, now_ns)
        rate = (self._samples - samples) * 1e9 / (now_ns - since) if since and now_ns > since else 0.0
        stream = self._aligner.streams[self._index]
        newest = stream.ring.newest_ns
        nominal = 1e9 / self._period_ns
        known = self._attached and newest is not None
        return StreamHealth(
            alive=known and newest is not None and now_ns - newest < 10 * self._period_ns + stream.fresh_ns,
            rate_hz=rate,
            rate_ok=self._attached and 0.9 * nominal < rate < 1.1 * nominal,
            valid=stream.fresh,
            # A sample that came while the look was under way is newer than `now_ns`.
            age_ms=max(0, now_ns - newest) / 1e6 if newest is not None else _NAN,
            drops=self._drops,
            out_of_order=stream.ring.out_of_order,
            offset_ms=self._clock.offset_ns / 1e6 if known else _NAN,
            skew_ppm=self._clock.skew_ppm if known else _NAN,
            uncertainty_ms=self._clock.uncertainty_ns / 1e6 if known else _NAN,
            restarts=self._clock.restarts,
            stuck=self._attached and self._repeats >= self._stuck_after,
            saturated=self._saturated,
        )

    def _imu_values(self, sample: ImuSample | InsoleSample) -> tuple[float, ...]:
        return self._turn(sample.accel or _MISSING_VECTOR, sample.gyro or _MISSING_VECTOR)

    def _insole_values(self, sample: ImuSample | InsoleSample) -> tuple[float, ...]:
        assert isinstance(sample, InsoleSample)
        self._saturated += bool(sample.flags & FLAG_SATURATED)
        return self._imu_values(sample) + _in_feet_and_bodyweights(sample, self._wearer, self._zero)


def _in_feet_and_bodyweights(
    sample: InsoleSample, wearer: Wearer | None, zero: InsoleZero | None
) -> tuple[float, float, float]:
    """vgrf in bodyweights; centre of pressure from heel 0 to toe 1 and from medial 0 to lateral 1."""
    if wearer is None:
        return (_NAN, _NAN, _NAN)
    force, ap, ml = sample.force_n, sample.cop_ap_m, sample.cop_ml_m
    if zero is not None:
        force, ap, ml = _above_zero(force, ap, ml, zero)
    return (
        force / (wearer.mass_kg * STANDARD_GRAVITY),
        0.5 + ap / wearer.foot_length_m,
        0.5 + ml / wearer.foot_width_m,
    )


def _above_zero(force: float, ap: float, ml: float, zero: InsoleZero) -> tuple[float, float, float]:
    """Force and its centre without what the insole reads under nobody; forces and moments add up."""
    above = force - zero.force_n
    if above <= 0.0:
        return 0.0, _NAN, _NAN
    return above, (force * ap - zero.moment_ap_nm) / above, (force * ml - zero.moment_ml_nm) / above


def _turn(mounting: str | None) -> Callable[[Vector3, Vector3], tuple[float, ...]]:
    """Acceleration and angular rate from the sensor's axes to its segment's, in a row.

    Every named mounting is a signed permutation.
    """
    if mounting is None:
        return lambda accel, gyro: accel + gyro
    rotation = MOUNTINGS[mounting]
    i, j, k = (int(np.flatnonzero(line)[0]) for line in rotation)
    a, b, c = (float(line[n]) for line, n in zip(rotation, (i, j, k), strict=True))
    return lambda accel, gyro: (
        a * accel[i], b * accel[j], c * accel[k], a * gyro[i], b * gyro[j], c * gyro[k]
    )  # fmt: skip
