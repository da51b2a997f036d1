"""Inverse dynamics of a virtual wearer's trial with the suit's readings put in place of the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from jetson_runtime.inference.tare import Floats
from jetson_runtime.suit.signals import SIDES
from jetson_runtime.suit.trial import Trial
from models.analytical.inverse_dynamics import MOMENT_NAMES, Feet, Point, carried
from models.metrics import filtered
from models.virtual_wearer import dynamics, wearer
from models.virtual_wearer.anthropometry import BACK, FOOT, PELVIS, SEGMENTS, SHANK, THIGH, Body
from models.virtual_wearer.dynamics import GRAVITY, Ground
from models.virtual_wearer.frames import Array, apply, rot_z
from models.virtual_wearer.motion import Motion, Plan, cop_in_world
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import Physics

# Degrees and Nm/kg between a label of a trial and the same made again; labels are stored in single precision.
_SAME = 1e-3


class WearerDynamics:
    """models.analytical.inverse_dynamics.InverseDynamics of a movement that the virtual wearer made.

    As OpenSim's tool does, moments are summed from the outermost segment inwards: a leg's from its foot, the lower
    back's from trunk, arms, load and hands. So an error of the ground force does not reach the lower back.
    """

    def __init__(
        self, physics: Physics, plan: Plan, body: Body, inside: slice, point: Point = "ground"
    ) -> None:
        """inside: the rows of `physics` that are the trial's; beyond them a reading's error stays as at the ends."""
        self._physics, self._plan, self._body = physics, plan, body
        self._inside, self._point = inside, point

    def moments(self, angles: Mapping[str, Floats], soles: Floats | None) -> Floats:
        """See InverseDynamics.moments."""
        true = self._physics.motion
        motion = _moved(true, self._turns(angles), self._body)
        ground = self._ground(soles) if soles is not None else self._physics.ground
        if self._point == "foot":
            ground = replace(ground, place=carried(ground.place, _feet(true), _feet(motion)))
        state = dynamics.inertial(
            motion.rotation, motion.centre, motion.carried, self._body, motion.pushed, motion.up
        )
        joints = dynamics.joint_moments(state, motion.origin, ground)
        joints["lumbar"] = _lumbar_from_above(state, motion.origin[:, BACK])
        found = dynamics.generalised_forces(motion.rotation, joints)
        values = np.stack([found[name] for name in MOMENT_NAMES], axis=1) / self._body.mass_kg
        return filtered(values)[self._inside]

    def true_deg(self, name: str) -> Floats:
        """(n,) the coordinate `name` as it truly was, degrees, not low-passed."""
        return np.asarray(dynamics.coordinates_deg(self._physics.motion.rotation)[name][self._inside])

    def _turns(self, angles: Mapping[str, Floats]) -> dict[str, Array]:
        """Coordinate -> (rows of physics,) radians to be added to the true one."""
        true = dynamics.coordinates_deg(self._physics.motion.rotation)
        before = self._inside.start
        after = len(self._physics.motion.rotation) - self._inside.stop
        return {
            name: np.radians(np.pad(values - true[name][self._inside], (before, after), mode="edge"))
            for name, values in angles.items()
        }

    def _ground(self, soles: Floats) -> Ground:
        """The true wrenches with the insoles' normal force and centre of pressure; shear and free moment stay."""
        true = self._physics.ground
        force, place = true.force.copy(), true.place.copy()
        read = self._plan.cop.copy()
        read[self._inside] = soles[:, :, 1:]
        told = replace(self._plan, cop=read)
        for side in range(len(SIDES)):
            rows = self._inside
            force[rows, side, 1] = soles[:, side, 0] * self._body.mass_kg * GRAVITY
            place[rows, side][:, [0, 2]] = cop_in_world(told, self._body, side)[rows]
        return Ground(force, place, true.moment)


def of_trial(trial: Trial, point: Point = "ground") -> WearerDynamics:
    """Of a trial of `wearer.generate`, its movement made again from its metadata.

    Raises ValueError for another's trial, and for one whose movement this version makes differently.
    """
    meta = trial.meta
    number, seed = meta.subject.removeprefix("vw-"), meta.extra.get("seed", "")
    if meta.source != "virtual" or not (number.isdecimal() and seed.isdecimal()):
        raise ValueError(
            f"the trial of {meta.subject} is no virtual wearer's: its movement cannot be made again"
        )
    subject, task = Subject.random(int(number)), meta.extra.get("condition", meta.task)
    # Whether a condition's length was asked for or came of the table is not written down: the shorter try comes first.
    lengths = (trial.duration_s, None) if "condition" in meta.extra else (trial.duration_s,)
    for seconds in lengths:
        physics, plan, inside = wearer.physics_of(subject, task, seconds, int(seed))
        made = wearer.filter_labels(wearer.labels_of(physics, subject.body))[inside]
        if made.shape == trial.labels.shape and np.allclose(made, trial.labels, atol=_SAME):
            return WearerDynamics(physics, plan, subject.body, inside, point)
    raise ValueError(
        f"the movement of {meta.subject}, task {task}, seed {seed} comes out otherwise than in the trial; "
        "write the trial again with this version"
    )


def _moved(true: Motion, turns: Mapping[str, Array], body: Body) -> Motion:
    """The motion whose coordinates differ by `turns`, the pelvis where it truly is; arms and load
    follow the trunk, what pushes on the hands stays where it truly does."""
    rotation, origin = true.rotation.copy(), true.origin.copy()
    rotation[:, BACK] = _turned(true, rotation, PELVIS, BACK, turns.get("lumbar_extension"))
    for side, name in enumerate(SIDES):
        chain = (PELVIS, THIGH + side, SHANK + side, FOOT + side)
        signed = (("hip_flexion", 1.0), ("knee_angle", -1.0), ("ankle_angle", 1.0))
        for inner, outer, (coordinate, sign) in zip(chain, chain[1:], signed, strict=False):
            turn = turns.get(f"{coordinate}_{name}")
            rotation[:, outer] = _turned(true, rotation, inner, outer, None if turn is None else sign * turn)
            from_inner = apply(
                np.swapaxes(true.rotation[:, inner], 1, 2), true.origin[:, outer] - true.origin[:, inner]
            )
            origin[:, outer] = origin[:, inner] + apply(rotation[:, inner], from_inner)
    centre = origin + np.einsum("nsij,sj->nsi", rotation, body.centres)
    with_trunk = rotation[:, BACK] @ np.swapaxes(true.rotation[:, BACK], 1, 2)
    carried = [
        (kg, origin[:, BACK] + apply(with_trunk, place - true.origin[:, BACK])) for kg, place in true.carried
    ]
    return replace(true, rotation=rotation, origin=origin, centre=centre, carried=carried)


def _turned(true: Motion, rotation: Array, inner: int, outer: int, turn: Array | None) -> Array:
    """(n, 3, 3) of `outer`, its flexion (first angle of z-x-y, in `inner`) greater by `turn`, the rest as it was."""
    relative = np.swapaxes(true.rotation[:, inner], 1, 2) @ true.rotation[:, outer]
    if turn is not None:
        relative = rot_z(turn) @ relative
    return np.asarray(rotation[:, inner] @ relative)


def _feet(motion: Motion) -> Feet:
    both = slice(FOOT, FOOT + len(SIDES))
    return motion.rotation[:, both], motion.origin[:, both]


def _lumbar_from_above(state: dynamics.Inertial, joint: Array) -> Array:
    """(n, 3) from the pelvis on the trunk: what trunk, arms, load and pushed hands need about the joint."""
    above = [BACK, *range(len(SEGMENTS), state.centre.shape[1])]
    arm = state.centre[:, above] - joint[:, None]
    return np.asarray((np.cross(arm, state.force[:, above]) + state.moment[:, above]).sum(axis=1))
