"""THE table of what the suit measures (54 channels) and what it tells (8 outcomes for a side, 14 for both).

Axes of every segment: x anterior, y superior, z to the wearer's right, on both sides of the body; standing
still, `accel_y` reads +9.81 m/s². A model speaks of `ipsi` and `contra` instead of right and left; the left side
is the mirrored suit. Imports nothing heavy, so that a client can use it.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers import units

RATE_HZ = 200
PERIOD_NS = 1_000_000_000 // RATE_HZ
STANDARD_GRAVITY = units.STANDARD_GRAVITY
# Under less than this a foot's centre of pressure is not defined: what is left is noise divided by almost nothing.
COP_BODYWEIGHTS = 0.05

# How old the newest sample may be at a grid time, by kind of device: the config's default.
FRESH_NS = {"imu": 20_000_000, "insole": 45_000_000}

AXES = ("x", "y", "z")
PARTS = ("back", "pelvis", "thigh_r", "thigh_l", "shank_r", "shank_l", "foot_r", "foot_l")
SIDES = ("r", "l")

# Reflection in the sagittal plane: a vector (accel) changes its z, an axial vector (gyro) its x and y.
_MIRROR_SIGN = {"accel": (1.0, 1.0, -1.0), "gyro": (-1.0, -1.0, 1.0)}
# What the network is given where a channel has no value: a person standing still.
_FILL = {"accel": (0.0, STANDARD_GRAVITY, 0.0), "gyro": (0.0, 0.0, 0.0)}
_UNIT = {"accel": "m/s²", "gyro": "rad/s"}


@dataclass(frozen=True)
class Channel:
    """One input: `quantity` is accel, gyro, vgrf, cop_ap or cop_ml; `side` r, l or empty; `axis` x, y, z or empty."""

    name: str
    unit: str
    part: str
    side: str
    quantity: str
    axis: str
    mirror_sign: float
    fill: float


@dataclass(frozen=True)
class Outcome:
    """One output of a model for the side it looks at. `positive` says in words which way the number grows."""

    name: str
    kind: str
    joint: str
    unit: str
    positive: str
    sided: bool

    def published(self, side: str) -> str:
        """The OpenSim name on `side` (`r` or `l`), e.g. `knee_angle_r_moment`."""
        coordinate = (
            f"{self.name.removesuffix('_moment')}_{side}" if self.sided else self.name.removesuffix("_moment")
        )
        return f"{coordinate}_moment" if self.kind == "moment" else coordinate


@dataclass(frozen=True)
class Stream:
    """One device: its port name, `imu` or `insole`, the part it rides on, and its channels' first index and count."""

    name: str
    kind: str
    part: str
    side: str
    groups: tuple[tuple[int, int], ...]

    @property
    def channels(self) -> tuple[int, ...]:
        """Indices into the row of 54, in the order of the device's values."""
        return tuple(i for first, count in self.groups for i in range(first, first + count))


def _side_of(part: str) -> str:
    return part[-1] if part[-2:] in ("_r", "_l") else ""


def _imu_channels(part: str) -> list[Channel]:
    return [
        Channel(
            name=f"{part}_{quantity}_{axis}",
            unit=_UNIT[quantity],
            part=part,
            side=_side_of(part),
            quantity=quantity,
            axis=axis,
            mirror_sign=_MIRROR_SIGN[quantity][i],
            fill=_FILL[quantity][i],
        )
        for quantity in ("accel", "gyro")
        for i, axis in enumerate(AXES)
    ]


def _insole_channels(side: str) -> list[Channel]:
    rows = (("vgrf", "bodyweights", 0.0), ("cop_ap", "foot lengths", 0.5), ("cop_ml", "foot widths", 0.5))
    return [
        Channel(f"insole_{side}_{quantity}", unit, f"foot_{side}", side, quantity, "", 1.0, fill)
        for quantity, unit, fill in rows
    ]


CHANNELS: tuple[Channel, ...] = tuple(
    [channel for part in PARTS for channel in _imu_channels(part)]
    + [channel for side in SIDES for channel in _insole_channels(side)]
)
CHANNEL_NAMES: tuple[str, ...] = tuple(channel.name for channel in CHANNELS)
CHANNEL_FILL: tuple[float, ...] = tuple(channel.fill for channel in CHANNELS)
CHANNEL_INDEX: dict[str, int] = {name: i for i, name in enumerate(CHANNEL_NAMES)}


def _swap(name: str, first: str, second: str) -> str:
    """`name` with the side token `first` replaced by `second`, e.g. thigh_r_accel_x -> thigh_ipsi_accel_x."""
    return "_".join(second if token == first else token for token in name.split("_"))


def _relative(name: str) -> str:
    return _swap(_swap(name, "r", "ipsi"), "l", "contra")


def _other_side(name: str) -> str:
    return _swap(_swap(_swap(name, "r", "?"), "l", "r"), "?", "l")


# The model's own names: the right-hand suit is the one it is trained on.
MODEL_CHANNEL_NAMES: tuple[str, ...] = tuple(_relative(name) for name in CHANNEL_NAMES)
# mirrored[i] = MIRROR_SIGN[i] * row[MIRROR_INDEX[i]]
MIRROR_INDEX: tuple[int, ...] = tuple(CHANNEL_INDEX[_other_side(name)] for name in CHANNEL_NAMES)
MIRROR_SIGN: tuple[float, ...] = tuple(channel.mirror_sign for channel in CHANNELS)

_JOINTS = (
    ("hip_flexion", "hip", "thigh forward", True),
    ("knee_angle", "knee", "heel towards the buttock (flexion)", True),
    ("ankle_angle", "ankle", "toes up (dorsiflexion)", True),
    ("lumbar_extension", "lower back", "trunk backward (extension)", False),
)
OUTCOMES: tuple[Outcome, ...] = tuple(
    [Outcome(name, "angle", joint, "deg", positive, sided) for name, joint, positive, sided in _JOINTS]
    + [
        Outcome(f"{name}_moment", "moment", joint, "Nm/kg", f"drives {positive}", sided)
        for name, joint, positive, sided in _JOINTS
    ]
)
OUTCOME_NAMES: tuple[str, ...] = tuple(outcome.name for outcome in OUTCOMES)


@dataclass(frozen=True)
class PublishedOutcome:
    """One number of a frame: its OpenSim name, and the model outcomes it comes from as (side, index into OUTCOMES)."""

    name: str
    outcome: Outcome
    sources: tuple[tuple[str, int], ...]


def published_outcomes(sides: tuple[str, ...]) -> tuple[PublishedOutcome, ...]:
    """The frame's numbers, angles first: 8 for one side, 14 for both (an unsided one is the mean of both passes)."""
    table: dict[str, PublishedOutcome] = {}
    for kind in ("angle", "moment"):
        for side in sides:
            for i, outcome in enumerate(OUTCOMES):
                if outcome.kind == kind:
                    name = outcome.published(side)
                    before = table[name].sources if name in table else ()
                    table[name] = PublishedOutcome(name, outcome, (*before, (side, i)))
    return tuple(table.values())


# The labels of a trial: both sides.
LABEL_NAMES: tuple[str, ...] = tuple(item.name for item in published_outcomes(SIDES))

SIDE_NAMES: dict[str, str] = {"r": "right", "l": "left"}
SIDES_OF_CHOICE: dict[str, tuple[str, ...]] = {"right": ("r",), "left": ("l",), "both": ("r", "l")}


def _streams() -> tuple[Stream, ...]:
    imus = [
        Stream(f"imu_{part}", "imu", part, _side_of(part), ((CHANNEL_INDEX[f"{part}_accel_x"], 6),))
        for part in PARTS[:6]
    ]
    insoles = [
        Stream(
            f"insole_{side}",
            "insole",
            f"foot_{side}",
            side,
            ((CHANNEL_INDEX[f"foot_{side}_accel_x"], 6), (CHANNEL_INDEX[f"insole_{side}_vgrf"], 3)),
        )
        for side in SIDES
    ]
    return tuple(imus + insoles)


# The eight devices. An IMU's six values are accel x, y, z, gyro x, y, z; an insole's nine add vgrf, cop_ap, cop_ml.
STREAMS: tuple[Stream, ...] = _streams()
STREAM_NAMES: tuple[str, ...] = tuple(stream.name for stream in STREAMS)
STREAM_INDEX: dict[str, int] = {name: i for i, name in enumerate(STREAM_NAMES)}
