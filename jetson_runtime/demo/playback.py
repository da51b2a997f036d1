"""A trial as what emulated devices feel: values at any host time, in each sensor's own axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drivers.emulator.motion import FootLoad, ImuContent, InsoleContent, Motion
from jetson_runtime.demo import orientation
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.signals import CHANNEL_FILL, PERIOD_NS, STANDARD_GRAVITY, Stream
from jetson_runtime.suit.trial import Trial, TrialMeta

Floats = npt.NDArray[np.float64]
Nanoseconds = npt.NDArray[np.int64]
Rows = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]


class Tape:
    """Which rows of a trial play when: row i at start_ns + i * 5 ms; before it the first, after the end the last.

    In a loop the trial's end is followed by its first row; nothing is interpolated across that cut.
    """

    def __init__(self, rows: int, start_ns: int, *, loop: bool) -> None:
        self.start_ns = start_ns
        self._last = rows - 1
        self._loop = loop

    def at(self, host_ns: Nanoseconds) -> Rows:
        """For each time the row before, the row after, and how far the time is between them (0..1)."""
        since_ns = host_ns - self.start_ns
        if self._loop:
            since_ns = np.where(since_ns > 0, since_ns % ((self._last + 1) * PERIOD_NS), since_ns)
        position = np.clip(since_ns / PERIOD_NS, 0.0, float(self._last))
        before = position.astype(np.intp)
        return before, np.minimum(before + 1, self._last), position - before


def worn(trial: Trial, stream: Stream) -> bool:
    """Whether the trial has any value of this device."""
    return bool(np.isfinite(trial.channels[:, stream.channels]).any())


def imu_content(trial: Trial, stream: Stream, mounting: str, tape: Tape, heading: float) -> ImuContent:
    """What the IMU of `stream` feels, strapped on as `mounting` says; `heading` is where its yaw began, rad."""
    values = _without_gaps(trial, stream.channels)
    rotation = MOUNTINGS[mounting]
    quaternion = orientation.of_sensor(_segment(trial, stream.part, values), rotation, heading)
    # v_segment = R v_sensor, so v_sensor = R' v_segment, and for rows of vectors v R.
    in_sensor = np.concatenate([values[:, :3] @ rotation, values[:, 3:] @ rotation], axis=1)

    def content(host_ns: Nanoseconds) -> Motion:
        rows = tape.at(host_ns)
        return _motion(in_sensor, quaternion, rows)

    return content


def insole_content(trial: Trial, stream: Stream, tape: Tape, heading: float) -> InsoleContent:
    """What the insole of `stream` feels: force in N, centre of pressure in m from the middle of the foot, foot motion.

    A force that is NaN is 0 N. Where the centre is NaN the device does not report it, and the force stays at the
    centre that is nearest in time. Neither is interpolated across the edge of its gaps.
    """
    channels = stream.channels
    force, ap, ml = trial.channels[:, channels[6:]].astype(np.float64).T
    weight = trial.meta.body_mass_kg * STANDARD_GRAVITY
    known = np.isfinite(force) & np.isfinite(ap) & np.isfinite(ml)
    ap_m = _held((ap - 0.5) * trial.meta.foot_length_m, known)
    ml_m = _held((ml - 0.5) * trial.meta.foot_width_m, known)
    force_n = np.maximum(force * weight, 0.0)
    motion = _foot_motion(trial, stream, heading)

    def content(host_ns: Nanoseconds) -> FootLoad:
        rows = tape.at(host_ns)
        imu = None if motion is None else _motion(*motion, rows)
        return FootLoad(
            np.nan_to_num(_between_defined(force_n, rows), nan=0.0),
            _between(ap_m, rows),
            _between(ml_m, rows),
            known[_nearest(rows)],
            imu,
        )

    return content


def pitch_um(meta: TrialMeta, grid_rows: int) -> int:
    """The pitch of an insole whose rows span the wearer's foot."""
    return round(meta.foot_length_m / grid_rows * 1e6)


def _foot_motion(trial: Trial, stream: Stream, heading: float) -> tuple[Floats, Floats] | None:
    """Accel and gyro (n, 6) and quaternion (n, 4) of the foot, or None where the trial has none at all."""
    if not np.isfinite(trial.channels[:, stream.channels[:6]]).any():
        return None
    values = _without_gaps(trial, stream.channels[:6])
    return values, orientation.of_sensor(_segment(trial, stream.part, values), np.eye(3), heading)


def _segment(trial: Trial, part: str, values: Floats) -> Floats:
    """(n, 4): the segment's orientation as the trial has it, or estimated from its acceleration and angular rate."""
    if part in trial.quaternions:
        return trial.quaternions[part].astype(np.float64)
    return orientation.estimate(values[:, :3], values[:, 3:])


def _without_gaps(trial: Trial, channels: tuple[int, ...]) -> Floats:
    """(n, k): a gap holds the row nearest in time; a channel that is NaN throughout is that of a person at rest."""
    columns = [
        _held(
            trial.channels[:, i].astype(np.float64),
            np.isfinite(trial.channels[:, i]),
            otherwise=CHANNEL_FILL[i],
        )
        for i in channels
    ]
    return np.stack(columns, axis=1)


def _held(values: Floats, good: npt.NDArray[np.bool_], otherwise: float = np.nan) -> Floats:
    """`values` where they are `good`, elsewhere the good one nearest in time; `otherwise` where none is."""
    rows = np.flatnonzero(good)
    if not len(rows):
        return np.full(len(values), otherwise)
    each = np.arange(len(values))
    after = np.clip(np.searchsorted(rows, each), 0, len(rows) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(rows[after] - each) <= np.abs(rows[before] - each), rows[after], rows[before])
    return np.asarray(values[nearest])


def _motion(values: Floats, quaternion: Floats, rows: Rows) -> Motion:
    accel_gyro = _between(values, rows)
    turned = _between(quaternion, rows)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return Motion(accel_gyro[:, :3], accel_gyro[:, 3:], turned)


def _between(values: Floats, rows: Rows) -> Floats:
    before, after, share = rows
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[before] * (1 - share) + values[after] * share)


def _between_defined(values: Floats, rows: Rows) -> Floats:
    """Interpolated between two defined rows; otherwise the nearer row, defined or not."""
    between = _between(values, rows)
    return np.where(np.isnan(between), values[_nearest(rows)], between)


def _nearest(rows: Rows) -> npt.NDArray[np.intp]:
    before, after, share = rows
    return np.where(share < 0.5, before, after)
