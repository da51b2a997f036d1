"""What a few seconds of frames say to a command: a tare, or the zero of the insoles. Pure; refusals name each cause."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.live_angles import NED_UP
from jetson_runtime.inference.tare import RIGHT, Floats, take_tare
from jetson_runtime.service.tare_checks import power_up_ns
from jetson_runtime.stream.control import Refusal
from jetson_runtime.stream.messages import ControlCode
from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.signals import STANDARD_GRAVITY, STREAM_INDEX, STREAMS
from jetson_runtime.suit.state import InsoleZero, Instant, PartTare, Side, TareState

# Breathing and swaying turn a sensor by a few degrees a second; a step turns the thigh by hundreds.
STILL_DEG_S = 25.0
# More than this share of the bodyweight on an insole that is to be empty is somebody's foot.
EMPTY_BODYWEIGHTS = 0.06
_NOMINAL_MASS_KG = 70.0
_STEADY_N = 6.0
NO_TARE, NO_ZERO = "no tare was taken", "the insoles were not zeroed"
# A moment's gap in a stream spoils no average; more is a sensor that is not there.
_MISSED = 0.1


def tare_of(
    frames: Sequence[Frame], mountings: Floats, serials: Mapping[str, str], now: Instant
) -> TareState:
    """The tare of a neutral stance; Refusal with every part that moved, is missing or tells no orientation.

    mountings (8, 3, 3): v_segment = R v_sensor, in the order of STREAMS. serials: of the devices that are there.
    """
    reasons = [f"{name} is missing" for name in _missing(frames)]
    parts: dict[str, PartTare] = {}
    for i, stream in enumerate(STREAMS):
        if f"{stream.name} is missing" in reasons:
            continue
        try:
            parts[stream.part] = _part(frames, i, mountings[i], serials.get(stream.part, ""))
        except ValueError as error:
            reasons.append(f"{stream.name}: {error}")
    if reasons:
        raise _refusal(NO_TARE, reasons, "stand still and upright with the whole suit, and try again")
    return TareState(tare_id=secrets.token_hex(4), at=now, parts=parts)


def zeros_of(
    frames: Sequence[Frame],
    sides: Sequence[str],
    wearer: Wearer | None,
    serials: Mapping[str, str],
    now: Instant,
) -> dict[Side, InsoleZero]:
    """The zero of each insole of `sides`; Refusal where one is missing, carries somebody, or is not steady."""
    reasons: list[str] = []
    zeros: dict[Side, InsoleZero] = {}
    for name in [f"insole_{side}" for side in sides]:
        if name in _missing(frames):
            reasons.append(f"{name} is missing")
            continue
        stream = STREAMS[STREAM_INDEX[name]]
        forces, ap, ml = _loads(frames, STREAM_INDEX[name])
        if fault := _not_empty(forces, wearer):
            reasons.append(f"{name} {fault}")
            continue
        zeros["r" if stream.side == "r" else "l"] = InsoleZero(
            at=now,
            serial=serials.get(stream.part, ""),
            force_n=float(forces.mean()),
            moment_ap_nm=float(np.mean(forces * ap)),
            moment_ml_nm=float(np.mean(forces * ml)),
        )
    if reasons:
        raise _refusal(NO_ZERO, reasons, "lift the feet off the ground, hold still, and try again")
    return zeros


def refuse_exchanged(
    text: str, before: Mapping[str, str], after: Mapping[str, str], parts: Collection[str]
) -> None:
    """Refusal, beginning with `text`, where one of `parts` has not the device that it had: an average over two devices
    is neither's.

    before, after: serial numbers of the devices that were there, by part, at the first frame and behind the last.
    """
    reasons = []
    for stream in STREAMS:
        first, last = before.get(stream.part), after.get(stream.part)
        if stream.part not in parts or first is None or first == last:
            continue
        reasons.append(
            f"{stream.name} is missing"
            if last is None
            else f"{stream.name}: another device than at the beginning ({last}, was {first})"
        )
    if reasons:
        raise _refusal(text, reasons, "leave the sensors as they are, and try again")


def _part(frames: Sequence[Frame], index: int, mounting: Floats, serial: str) -> PartTare:
    """ValueError: why this part has none."""
    samples = list(_samples(frames, index))
    quaternions = np.array([sample.quaternion for sample in samples if sample.quaternion is not None])
    if not len(quaternions):
        raise ValueError("tells no orientation")
    rates = np.array([sample.gyro for sample in samples if sample.gyro is not None])
    turned = float(np.degrees(np.linalg.norm(rates, axis=1).max()))
    if turned > STILL_DEG_S:
        raise ValueError(f"turned by {turned:.0f} degrees a second (limit {STILL_DEG_S:.0f})")
    # v_segment = R v_sensor: right in the sensor's axes is R' right, and axes found there are R times as many in the
    # segment's nominal ones.
    found = take_tare(quaternions, mounting.T @ np.asarray(RIGHT), NED_UP)
    at_ns = power_up_ns(frames[-1], STREAMS[index].part)
    return PartTare(
        axes=tuple((mounting @ found.axes).ravel().tolist()),
        neutral=tuple(found.neutral.ravel().tolist()),
        serial=serial,
        power_up_ns=at_ns or 0,
    )


def _samples(frames: Sequence[Frame], index: int) -> Iterator[ImuSample | InsoleSample]:
    """Each sample of a stream once, in order."""
    last_ns: int | None = None
    for frame in frames:
        sensed = frame.sensed[index]
        if sensed is not None and sensed[0] != last_ns:
            last_ns = sensed[0]
            yield sensed[1]


def _loads(frames: Sequence[Frame], index: int) -> tuple[Floats, Floats, Floats]:
    """Force (n,) N as the device reads it, and its centre (n,) m, the grid's middle where none is told."""
    samples = [sample for sample in _samples(frames, index) if isinstance(sample, InsoleSample)]
    table = np.array([(sample.force_n, sample.cop_ap_m, sample.cop_ml_m) for sample in samples])
    forces, ap, ml = np.nan_to_num(table.reshape(-1, 3)).T
    return forces, ap, ml


def _not_empty(forces: Floats, wearer: Wearer | None) -> str:
    limit_n = EMPTY_BODYWEIGHTS * STANDARD_GRAVITY * (wearer.mass_kg if wearer else _NOMINAL_MASS_KG)
    if not len(forces):
        return "sends no samples"
    if forces.mean() > limit_n:
        return f"carries {forces.mean():.0f} N (limit {limit_n:.0f})"
    if forces.std() > _STEADY_N:
        return f"is not steady: {forces.min():.0f} to {forces.max():.0f} N"
    return ""


def _missing(frames: Sequence[Frame]) -> list[str]:
    """Streams that were missing in more than a few of the frames, or in the last, in the suit's order."""
    counts = Counter(name for frame in frames for name in frame.missing)
    return [
        stream.name
        for stream in STREAMS
        if counts[stream.name] > _MISSED * len(frames) or stream.name in frames[-1].missing
    ]


def _refusal(text: str, reasons: list[str], remedy: str) -> Refusal:
    return Refusal(ControlCode.REFUSED, f"{text}: {'; '.join(reasons)}", remedy, tuple(reasons))
