"""A `frame` message as a client is given it. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ground:
    """One foot: vgrf in bodyweights; the centre of pressure in foot lengths and widths, NaN while undefined.

    heel_strike_ns, toe_off_ns: when `contact` last began and ended, on the clock of the frame's t_ns; None before the
    first.
    """

    vgrf: float
    cop_ap: float
    cop_ml: float
    contact: bool
    heel_strike_ns: int | None = None
    toe_off_ns: int | None = None


@dataclass(frozen=True)
class ReceivedFrame:
    """One `frame` message. angle in degrees, moment in Nm/kg, both by OpenSim name; ground by side `r` and `l`.

    t, t_ns: the instant the values speak of; publish_ns: of sending, on the service's CLOCK_MONOTONIC; receive_ns:
    when this client read it, on its own. age_ms, oldest_ms: see the client contract. Values are NaN while not valid.
    interval: by OpenSim name, the half-width around the value that holds the truth as often as `hello` says (coverage),
    NaN where not known. unusual: streams, or "movement", that read unlike what the model was trained on.
    angle_imu: by OpenSim name, in degrees since the tare, from the IMUs' orientation and no model; NaN while not known.
    diverging: those of them that are far from the network's. velocity: by the angles' names in deg/s, from the
    gyroscopes. moment_valid: the feet carry the person, so that the moments are of all that acts on them. An older
    service sends neither: then velocity is empty and moment_valid False.
    """

    session: str
    seq: int
    t: float
    t_ns: int
    publish_ns: int
    receive_ns: int
    age_ms: float
    oldest_ms: float
    valid: bool
    state: str
    settling_ms: float
    missing: tuple[str, ...]
    angle: dict[str, float]
    moment: dict[str, float]
    ground: dict[str, Ground]
    interval: dict[str, float]
    unusual: tuple[str, ...]
    angle_imu: dict[str, float]
    diverging: tuple[str, ...]
    velocity: dict[str, float]
    moment_valid: bool


_NUMBERS = frozenset((float, int))


def received(message: Mapping[str, Any], receive_ns: int) -> ReceivedFrame:
    """Of a decoded `frame`. KeyError, TypeError, AttributeError: it is none."""
    angle, moment, age_ms = message["angle"], message["moment"], message["age_ms"]
    valid, moment_valid = message["valid"], message.get("moment_valid", False)
    # By `type`, as a bool is an int; a text in the place of a bool would be true.
    if not type(valid) is type(moment_valid) is bool:
        raise TypeError("valid or moment_valid is no bool")
    if not type(message["seq"]) is type(message["t_ns"]) is type(message["publish_ns"]) is int:
        raise TypeError("seq, t_ns or publish_ns is no whole number")
    if not _NUMBERS.issuperset(map(type, (age_ms, *angle.values(), *moment.values()))):
        raise TypeError("age_ms, an angle or a moment is no number")
    return ReceivedFrame(
        session=message["session"],
        seq=message["seq"],
        t=message["t"],
        t_ns=message["t_ns"],
        publish_ns=message["publish_ns"],
        receive_ns=receive_ns,
        age_ms=age_ms,
        oldest_ms=message["oldest_ms"],
        valid=valid,
        state=message["state"],
        settling_ms=message["settling_ms"],
        missing=tuple(message["missing"]),
        angle=angle,
        moment=moment,
        ground={
            side: Ground(
                foot["vgrf"],
                foot["cop_ap"],
                foot["cop_ml"],
                foot["contact"],
                foot.get("heel_strike_ns"),
                foot.get("toe_off_ns"),
            )
            for side, foot in message["ground"].items()
        },
        interval=message.get("interval", {}),
        unusual=tuple(message.get("unusual", ())),
        angle_imu=message.get("angle_imu", {}),
        diverging=tuple(message.get("diverging", ())),
        velocity=message.get("velocity", {}),
        moment_valid=moment_valid,
    )
