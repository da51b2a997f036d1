"""Joint angles from gravity: signs, tare, yaw drift, deep bends; and what the compared way makes of the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from jetson_runtime.inference import segment_angles
from jetson_runtime.inference.segment_angles import JOINTS
from jetson_runtime.inference.tare import Floats, Tare, right_of_motion, take_tare, up_in_sensor
from jetson_runtime.suit.signals import LABEL_NAMES, PARTS
from models.analytical import relative_angles

T = np.arange(0.0, 4.0, 0.01)
STILL = 50


def _quaternions(turns: Rotation) -> Floats:
    return np.asarray(turns.as_quat()[:, [3, 0, 1, 2]])


class Body:
    """Segments that turn about z by given degrees, with heading, lean and a mounting of their own."""

    def __init__(self, pitch: dict[str, Floats], seed: int = 0, mounting_deg: float = 0.0) -> None:
        random = np.random.default_rng(seed)
        turns = Rotation.from_rotvec(np.radians(mounting_deg) * random.normal(size=(len(PARTS), 3)))
        self.mounting = {part: turns[k] for k, part in enumerate(PARTS)}
        self.pitch = {part: np.zeros(len(T)) for part in PARTS} | pitch

    def moving(self, yaw: dict[str, Floats] | None = None, lean: float = 0.0) -> dict[str, Floats]:
        """part -> quaternions; world turn `yaw` by part and a sideways `lean`, both degrees, before the pitch."""
        out = {}
        for part, pitch in self.pitch.items():
            angles = np.stack([(yaw or {}).get(part, np.zeros(len(T))), np.full(len(T), lean), pitch], axis=1)
            out[part] = _quaternions(
                Rotation.from_euler("YXZ", angles, degrees=True) * self.mounting[part].inv()
            )
        return out

    def standing(self) -> dict[str, Floats]:
        return {
            part: np.tile(_quaternions(Rotation.concatenate([turn.inv()])), (STILL, 1))
            for part, turn in self.mounting.items()
        }

    def tares(self, known: bool = True) -> dict[str, Tare]:
        """`known`: the wearer's right in each sensor's axes is told; else each is taken for exact."""
        right = {part: turn.apply([0.0, 0.0, 1.0]) for part, turn in self.mounting.items()}
        return {
            part: take_tare(values, right[part] if known else (0.0, 0.0, 1.0))
            for part, values in self.standing().items()
        }


def _squat() -> dict[str, Floats]:
    depth = np.sin(np.pi * T / T[-1]) ** 2
    pitch = {"back": -110.0 * depth, "pelvis": -90.0 * depth}
    for side in "rl":
        pitch |= {f"thigh_{side}": 95.0 * depth, f"shank_{side}": -55.0 * depth}
    return pitch


def test_every_angle_of_the_trial_format_has_its_joint() -> None:
    assert sorted(j.angle for j in JOINTS) == sorted(n for n in LABEL_NAMES if not n.endswith("_moment"))
    assert {part for j in JOINTS for part in (j.proximal, j.distal)} == set(PARTS)


@pytest.mark.parametrize(
    ("part", "forward_deg", "angle"),
    [
        ("thigh_r", 30.0, {"hip_flexion_r": 30.0, "knee_angle_r": 30.0}),
        ("shank_l", -40.0, {"knee_angle_l": 40.0, "ankle_angle_l": 40.0}),
        ("foot_r", 20.0, {"ankle_angle_r": 20.0}),
        ("back", 15.0, {"lumbar_extension": 15.0}),
        ("pelvis", 10.0, {"hip_flexion_r": -10.0, "hip_flexion_l": -10.0, "lumbar_extension": -10.0}),
    ],
    ids=["thigh forward", "heel to buttock", "toes up", "trunk backward", "pelvis backward"],
)
@pytest.mark.parametrize("way", ["gravity", "relative"])
def test_signs_are_those_of_the_signal_table(
    part: str, forward_deg: float, angle: dict[str, float], way: str
) -> None:
    """A positive turn about z (right) carries the lower end forward; every other joint stays at zero."""
    body = Body({part: np.full(len(T), forward_deg)})
    compute = segment_angles.joint_angles if way == "gravity" else relative_angles.joint_angles
    found = compute(body.moving(), body.tares())
    assert {name: pytest.approx(np.full(len(T), angle.get(name, 0.0)), abs=1e-9) for name in found} == found
    assert len(found) == len(JOINTS)


@pytest.mark.parametrize(
    "world", [(0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)], ids=["trial", "ENU", "NED"]
)
def test_the_world_of_the_quaternions_is_told_not_guessed(world: tuple[float, float, float]) -> None:
    body = Body(_squat(), seed=1, mounting_deg=20.0)
    turn = Rotation.align_vectors([world], [[0.0, 1.0, 0.0]])[0]

    def carried(q: Floats) -> Floats:
        return _quaternions(turn * Rotation.from_quat(q[:, [1, 2, 3, 0]]))

    right = {part: m.apply([0.0, 0.0, 1.0]) for part, m in body.mounting.items()}
    tares = {part: take_tare(carried(q), right[part], world) for part, q in body.standing().items()}
    moving = {part: carried(q) for part, q in body.moving().items()}
    found = segment_angles.joint_angles(moving, tares, world)
    assert found["knee_angle_r"] == pytest.approx(body.pitch["thigh_r"] - body.pitch["shank_r"], abs=1e-6)
    assert relative_angles.joint_angles(moving, tares)["hip_flexion_l"] == pytest.approx(
        body.pitch["thigh_l"] - body.pitch["pelvis"], abs=1e-6
    )


def test_a_deep_bend_is_exact_and_continuous() -> None:
    """Trunk to 110 degrees, thighs to 95, hips to 185, knees to 150: past all places where an angle may turn back."""
    body = Body(_squat(), seed=2, mounting_deg=20.0)
    found = segment_angles.joint_angles(body.moving(), body.tares())
    assert found["knee_angle_r"].max() == pytest.approx(150.0, abs=0.1)
    assert found["hip_flexion_l"] == pytest.approx(body.pitch["thigh_l"] - body.pitch["pelvis"], abs=1e-6)
    assert found["lumbar_extension"].min() == pytest.approx(-20.0, abs=0.1)
    assert found["hip_flexion_l"].max() > 184.0
    assert max(float(np.abs(np.diff(values)).max()) for values in found.values()) < 2.0


def test_segments_that_go_over_the_back_keep_their_joint_angle() -> None:
    """Both segments pass 180 degrees; the joint between them never jumps."""
    over = np.linspace(0.0, 400.0, len(T))
    body = Body({"thigh_r": over + 60.0, "shank_r": over})
    found = segment_angles.joint_angles(body.moving(), body.tares())
    assert found["knee_angle_r"] == pytest.approx(np.full(len(T), 60.0), abs=1e-6)


def test_yaw_drift_does_not_leak_in_and_does_into_the_relative_way() -> None:
    """Each sensor's heading runs off at its own pace, up to 40 degrees, during a deep bend."""
    body = Body(_squat(), seed=3, mounting_deg=15.0)
    pace = np.random.default_rng(3).uniform(-10.0, 10.0, len(PARTS))
    drift = {part: pace[k] * T for k, part in enumerate(PARTS)}
    tares = body.tares()
    straight = segment_angles.joint_angles(body.moving(), tares)
    drifted = segment_angles.joint_angles(body.moving(yaw=drift), tares)
    assert max(float(np.abs(drifted[name] - straight[name]).max()) for name in straight) < 1e-6
    leaked = relative_angles.joint_angles(body.moving(yaw=drift), tares)
    assert np.abs(leaked["hip_flexion_r"] - straight["hip_flexion_r"]).max() > 5.0


def test_a_turn_of_the_whole_person_changes_neither() -> None:
    body = Body(_squat(), seed=4, mounting_deg=15.0)
    turn = dict.fromkeys(PARTS, np.linspace(0.0, 720.0, len(T)))
    for way in (segment_angles, relative_angles):
        still = way.joint_angles(body.moving(), body.tares())
        turned = way.joint_angles(body.moving(yaw=turn), body.tares())
        assert max(float(np.abs(turned[name] - still[name]).max()) for name in still) < 1e-6


def test_a_lean_to_the_side_is_not_read_as_a_bend() -> None:
    body = Body(_squat(), seed=5, mounting_deg=15.0)
    tares = body.tares()
    upright = segment_angles.joint_angles(body.moving(), tares)
    leaning = segment_angles.joint_angles(body.moving(lean=35.0), tares)
    assert max(float(np.abs(leaning[name] - upright[name]).max()) for name in upright) < 1e-6


def test_a_segment_on_its_side_has_no_angle() -> None:
    body = Body({})
    assert np.isnan(segment_angles.joint_angles(body.moving(lean=85.0), body.tares())["knee_angle_r"]).all()
    assert not np.isnan(
        segment_angles.joint_angles(body.moving(lean=75.0), body.tares())["knee_angle_r"]
    ).any()


def test_tare_takes_out_how_the_sensor_sits_fore_and_aft() -> None:
    """A sensor tipped by 12 degrees about z reads zero in neutral stance and the true change after it."""
    body = Body({"thigh_r": 40.0 * np.sin(T)})
    body.mounting["thigh_r"] = Rotation.from_euler("z", 12.0, degrees=True)
    found = segment_angles.joint_angles(body.moving(), body.tares(known=False))
    assert found["hip_flexion_r"] == pytest.approx(40.0 * np.sin(T), abs=1e-9)


def test_a_twist_about_the_long_axis_that_nobody_knows_costs_little() -> None:
    """20 degrees of unknown twist turn 40 degrees of flexion into lean for a small part: under 3 degrees."""
    body = Body({"thigh_r": 40.0 * np.sin(T)})
    body.mounting["thigh_r"] = Rotation.from_euler("y", 20.0, degrees=True)
    found = segment_angles.joint_angles(body.moving(), body.tares(known=False))
    assert 0.5 < np.abs(found["hip_flexion_r"] - 40.0 * np.sin(T)).max() < 3.0


def test_movement_shows_the_axis_of_a_sensor_strapped_on_anyhow() -> None:
    body = Body(_squat(), seed=6, mounting_deg=90.0)
    true = body.mounting["thigh_r"].apply([0.0, 0.0, 1.0])
    up = up_in_sensor(body.moving(yaw={"thigh_r": 30.0 * T})["thigh_r"])
    neutral = up_in_sensor(body.standing()["thigh_r"])[0]
    rough = body.mounting["thigh_r"].apply([0.5, 0.3, 0.6])
    assert right_of_motion(up, neutral, rough) == pytest.approx(true, abs=1e-9)
    assert right_of_motion(up, neutral, -rough) == pytest.approx(-true, abs=1e-9)
    with pytest.raises(ValueError, match="too little"):
        right_of_motion(np.tile(neutral, (9, 1)), neutral, rough)


def test_a_restless_stance_and_an_upright_axis_are_refused() -> None:
    body = Body({"thigh_r": 20.0 * np.sin(T)})
    with pytest.raises(ValueError, match="stand still"):
        take_tare(body.moving()["thigh_r"])
    with pytest.raises(ValueError, match="from the vertical"):
        take_tare(body.standing()["thigh_r"], right=(0.1, 1.0, 0.1))
    with pytest.raises(ValueError, match="no orientation is known"):
        take_tare(np.full((10, 4), np.nan))


def test_rows_without_an_orientation_do_not_spoil_a_tare() -> None:
    standing = Body({}, seed=8, mounting_deg=10.0).standing()["foot_l"]
    holed = standing.copy()
    holed[3:6], holed[8] = np.nan, 0.0
    holed[10:20] *= -1.0
    assert take_tare(holed).axes == pytest.approx(take_tare(standing).axes)
    assert take_tare(holed).neutral == pytest.approx(take_tare(standing).neutral)


def test_a_gap_stays_a_gap_and_breaks_nothing_after_it() -> None:
    body = Body(_squat(), seed=7)
    tares, moving = body.tares(), body.moving()
    whole = {way: way.joint_angles(moving, tares) for way in (segment_angles, relative_angles)}
    moving["shank_r"][100:120] = np.nan
    moving["shank_r"][120:130] = 0.0
    for way, before in whole.items():
        found = way.joint_angles(moving, tares)
        assert np.flatnonzero(np.isnan(found["knee_angle_r"])).tolist() == list(range(100, 130))
        assert found["ankle_angle_r"][130:] == pytest.approx(before["ankle_angle_r"][130:])
        assert not np.isnan(found["knee_angle_l"]).any()


def test_a_part_that_was_not_worn_takes_only_its_own_joints_away() -> None:
    body = Body(_squat())
    moving = {part: values for part, values in body.moving().items() if part != "back"}
    found = segment_angles.joint_angles(moving, body.tares())
    assert set(found) == {joint.angle for joint in JOINTS} - {"lumbar_extension"}
