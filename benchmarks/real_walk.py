"""Real IMUs against optical motion capture: one walk there and back (gaittoolbox: Xsens Awinda and Vicon, 100 Hz).

The sensors were strapped on anyhow: which of their faces looks to the wearer's right is read off the recording, the
axis itself comes from the walk, the zero from the standing before it. Nothing of Vicon's enters the estimates.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from jetson_runtime.inference import segment_angles
from jetson_runtime.inference.tare import WORLD_UP, Floats, Tare, right_of_motion, take_tare, up_in_sensor
from models.analytical.errors import AngleError, angle_error
from models.metrics import filtered
from models.virtual_wearer.frames import first_angle_zxy

FOLDER = "data/raw/gaittoolbox_xsens_vicon_S02"
FILE_HZ = 100
FIRST, COUNT = 1119, 955  # the rows of the recording that Vicon saw
STANDING = slice(300, 1000)
ENU = (0.0, 0.0, 1.0)

# part -> the segment's file, Vicon's quaternion, and roughly where the wearer's right is in sensor axes.
SENSORS = {
    "pelvis": ("Pelvis", "qRPV", (0, -1, 0)),
    "thigh_r": ("R_UpLeg", "qRTH", (0, 1, 0)),
    "thigh_l": ("L_UpLeg", "qLTH", (0, 1, 0)),
    "shank_r": ("R_LowLeg", "qRSK", (0, 0, 1)),
    "shank_l": ("L_LowLeg", "qLSK", (0, 0, -1)),
    "foot_r": ("R_Foot", "qRFT", (0, 1, 0)),
    "foot_l": ("L_Foot", "qLFT", (0, 1, 0)),
}
# Columns: our x, y, z in Vicon's segment axes (x forward, y left, z up; a foot's z forward and x down).
SEGMENT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
FOOT = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])

# Degrees RMSE with the offset removed that a plain relative orientation gives on this recording; the folder's notes
# give no figure for the left hip and the left ankle. The left hip comes out at 4.4: Vicon's thighs swing over 52
# degrees (right) and 56 (left), the IMUs' over 50 and 49.
BARS = {"hip_flexion_r": 1.7, "knee_angle_r": 3.3, "knee_angle_l": 6.2, "ankle_angle_r": 7.2}


def recordings(folder: Path) -> dict[str, dict[str, Floats]]:
    """part -> the whole recording of its sensor: the raw file whose rows the cut segment file holds."""
    raws = [_read(path) for path in sorted((folder / "rawimu").glob("*.txt"))]
    out = {}
    for part, (name, _, _) in SENSORS.items():
        cut = _read(next((folder / "imu").glob(f"*-{name}.csv")))["acc_1"]
        same = [raw for raw in raws if np.array_equal(raw["Acc_X"][FIRST : FIRST + COUNT], cut)]
        if not same:
            raise ValueError(f"{folder}: no raw file holds the rows of {name}; copy the folder again")
        out[part] = same[0]  # two shank sensors are in the folder twice
    return out


def onboard(raws: dict[str, dict[str, Floats]]) -> dict[str, Floats]:
    """part -> quaternions of the sensor's own filter (with magnetometer), east-north-up."""
    return {part: columns(raw, "Quat_q0", "Quat_q1", "Quat_q2", "Quat_q3") for part, raw in raws.items()}


def inertial(raws: dict[str, dict[str, Floats]]) -> dict[str, Floats]:
    """part -> quaternions from specific force and angular rate alone, y up (VQF, of the extra `lab`)."""
    from models.analytical.orientation import from_imu

    return {
        part: from_imu(
            columns(raw, "Acc_X", "Acc_Y", "Acc_Z"), columns(raw, "Gyr_X", "Gyr_Y", "Gyr_Z"), FILE_HZ
        )
        for part, raw in raws.items()
    }


def columns(table: dict[str, Floats], *names: str) -> Floats:
    """(n, len(names))."""
    return np.stack([table[name] for name in names], axis=1)


def truth(folder: Path) -> dict[str, Floats]:
    """OpenSim's coordinate -> (955,) degrees from Vicon's segments, offset and all."""
    table = _read(next((folder / "vicon").glob("*.csv")))
    turned = {}
    for part, (_, name, _) in SENSORS.items():
        wxyz = columns(table, *(f"{name}_{k}" for k in (1, 2, 3, 4)))
        matrices = Rotation.from_quat(wxyz[:, [1, 2, 3, 0]]).as_matrix()
        turned[part] = matrices @ (FOOT if part.startswith("foot") else SEGMENT)
    return {
        joint.angle: np.degrees(
            joint.sign * first_angle_zxy(np.swapaxes(turned[joint.proximal], 1, 2) @ turned[joint.distal])
        )
        for joint in segment_angles.JOINTS
        if joint.distal in turned and joint.proximal in turned
    }


def tares(quaternions: dict[str, Floats], world: tuple[float, float, float] = WORLD_UP) -> dict[str, Tare]:
    """part -> its tare, from the standing before the walk."""
    out = {}
    for part, values in quaternions.items():
        up, face = up_in_sensor(values, world), SENSORS[part][2]
        # A pelvis tilts too little in walking to show its axis; its sensor lies flat on the sacrum.
        right = face if part == "pelvis" else right_of_motion(up, up[STANDING].mean(axis=0), face)
        out[part] = take_tare(values[STANDING], right, world)
    return out


def errors(found: dict[str, Floats], true: dict[str, Floats]) -> dict[str, AngleError]:
    """As the paper scores: 200 Hz by spline, both series through the 6 Hz filter; with the offset and without."""
    return {
        name: angle_error(_as_scored(values[FIRST : FIRST + COUNT]), _as_scored(true[name]))
        for name, values in found.items()
    }


def _as_scored(values: Floats) -> Floats:
    at, fine = np.arange(COUNT) / FILE_HZ, np.arange(2 * COUNT - 1) / (2 * FILE_HZ)
    return filtered(CubicSpline(at, values)(fine)[:, None])[:, 0]


def _read(path: Path) -> dict[str, Floats]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("//")]
    names = [name.strip() for name in lines[0].split(",")]
    rows = [[float(cell) if cell.strip() else np.nan for cell in line.split(",")] for line in lines[1:]]
    return dict(zip(names, np.asarray(rows).T, strict=True))
