"""Three real recordings through column maps: sensors strapped on anyhow, one file each, insoles of three zones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES
from jetson_runtime.suit.trial import Trial, read_trial
from models.checks.defects import Defect
from models.checks.joint_rates import evidence
from models.checks.sheet import read_sheet
from models.checks.trial_file import check_file
from models.importers.sensor_tables import import_tables
from models.virtual_wearer.frames import first_angle_zxy

HEAD = """
subject = "{subject}"
[wearer]
mass_kg = {mass}
foot_length_m = 0.26
foot_width_m = 0.10
[[trials]]
name = "{name}"
task = "{task}"
{more}
"""
IMU = """
[tables.{part}]
separator = "{separator}"
comment = "//"
time = {time}
[[tables.{part}.imus]]
part = "{part}"
accel = ["Acc_X", "Acc_Y", "Acc_Z"]
mounting = "{mounting}"
{turning}
"""
# part -> raw file and mounting, from where gravity and the axis to the wearer's right lie in the sensor.
AWINDA = {
    "pelvis": ("00B40B91", "x_up_z_back"),
    "thigh_r": ("00B40C3C", "x_up_z_forward"),
    "thigh_l": ("00B40C45", "x_up_z_forward"),
    "shank_r": ("00B40C4A", "x_up_z_right"),
    "shank_l": ("00B40C49", "x_up_z_left"),
    "foot_r": ("00B40C48", "x_back_z_up"),
    "foot_l": ("00B40C55", "x_back_z_up"),
}
VICON = {
    "pelvis": "qRPV", "thigh_r": "qRTH", "thigh_l": "qLTH", "shank_r": "qRSK", "shank_l": "qLSK",
    "foot_r": "qRFT", "foot_l": "qLFT",
}  # fmt: skip
# Columns: our x, y, z in Vicon's segment axes (x forward, y left, z up; a foot's z forward and x down).
SEGMENT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
FOOT = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
JOINTS = {
    "hip_flexion": ("pelvis", "thigh_{}", 1.0),
    "knee_angle": ("thigh_{}", "shank_{}", -1.0),
    "ankle_angle": ("shank_{}", "foot_{}", 1.0),
}


def _folder(shared: Path, name: str) -> Path:
    found = shared / "data" / "raw" / name
    if not found.is_dir():
        pytest.skip(f"needs data/raw/{name}, which is not here")
    return found


def _imported(folder: Path, text: str) -> tuple[Path, Trial]:
    (folder / "map.toml").write_text(text)
    (path,) = import_tables(folder / "map.toml", folder / "trials")
    return path, read_trial(path)


def _errors(path: Path) -> list[Defect]:
    return [one for one in check_file(path)[0] if one.severity == "error"]


def _reference(folder: Path, out: Path) -> None:
    """The seven segments' joint angles, in rad, as a table of 100 Hz."""
    lines = next((folder / "vicon").glob("*.csv")).read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("//")]
    names = lines[0].split(",")
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    turned = {}
    for part, name in VICON.items():
        wxyz = rows[:, [names.index(f"{name}_{k}") for k in (1, 2, 3, 4)]]
        axes = FOOT if part.startswith("foot") else SEGMENT
        turned[part] = Rotation.from_quat(wxyz[:, [1, 2, 3, 0]]).as_matrix() @ axes
    columns = {
        f"{joint}_{side}": sign
        * first_angle_zxy(np.swapaxes(turned[near.format(side)], 1, 2) @ turned[far.format(side)])
        for joint, (near, far, sign) in JOINTS.items()
        for side in "rl"
    }
    body = "\n".join(
        ",".join(f"{cell:.6f}" for cell in row) for row in np.stack(list(columns.values()), axis=1)
    )
    out.write_text(f"{','.join(columns)}\n{body}\n")


def test_a_walk_of_seven_xsens_sensors_and_vicon(shared: Path, tmp_path: Path) -> None:
    folder = _folder(shared, "gaittoolbox_xsens_vicon_S02")
    _reference(folder, tmp_path / "angles.csv")
    files = [
        f'files.{part} = "{folder}/rawimu/S02-Trial-Walk-1-000_{code}.txt"'
        for part, (code, _) in AWINDA.items()
    ]
    # Vicon saw the rows from 1120 on, counted from 1.
    more = "\n".join([*files, 'files.vicon = "angles.csv"', "offset_s.vicon = 11.19"])
    tables = [
        IMU.format(
            part=part,
            separator=",",
            time="{ rate_hz = 100 }",
            mounting=mounting,
            turning='gyro = ["Gyr_X", "Gyr_Y", "Gyr_Z"]\n'
            'orientation = ["Quat_q0", "Quat_q1", "Quat_q2", "Quat_q3"]',
        )
        for part, (_, mounting) in AWINDA.items()
    ]
    labels = ["[tables.vicon]\ntime = { rate_hz = 100 }"]
    labels += [
        f'[[tables.vicon.labels]]\nname = "{joint}_{side}"\ncolumn = "{joint}_{side}"\nunit = "rad"'
        for joint in JOINTS
        for side in "rl"
    ]
    head = HEAD.format(subject="S02", mass=70.0, name="walk", task="W", more=more)
    path, trial = _imported(tmp_path, "\n".join([head, *tables, *labels]))
    assert abs(trial.duration_s - 9.55) < 0.02
    assert not _errors(path)
    # Each joint's angle turns as its two gyroscopes do: sensors, sides, axes, units and clock are right.
    fits = evidence(read_sheet(path)).fits()
    assert set(fits) == {f"{joint}_{side}" for joint in JOINTS for side in "rl"}
    assert min(fit.correlation for fit in fits.values()) > 0.8
    assert all(0.7 < fit.slope < 1.3 for fit in fits.values())
    up = Rotation.from_quat(trial.quaternions["pelvis"][:, [1, 2, 3, 0]]).as_matrix()[:, 1, 1]
    assert np.median(up) > 0.85


def test_a_walk_of_eight_sensors_that_tell_no_gyro(shared: Path, tmp_path: Path) -> None:
    """OpenSense's example: accel and rotation matrices in one file for each sensor, of different lengths."""
    folder = _folder(shared, "opensense_8imu_xsens")
    sensors = {
        "back": "00B42268", "pelvis": "00B42279", "thigh_r": "00B4227C", "thigh_l": "00B421EE",
        "shank_r": "00B4227D", "shank_l": "00B421ED", "foot_r": "00B421EF", "foot_l": "00B421E6",
    }  # fmt: skip
    # By gravity and by which way a shank swings fast: on trunk and pelvis z points forward, on the legs inward; the
    # feet's lie upside down, opposite to each other.
    mountings = dict.fromkeys(("back", "pelvis"), "x_up_z_forward")
    mountings |= dict.fromkeys(("thigh_r", "shank_r"), "x_up_z_left")
    mountings |= dict.fromkeys(("thigh_l", "shank_l"), "x_up_z_right")
    mountings |= {"foot_r": "x_left_z_down", "foot_l": "x_right_z_down"}
    files = [f'files.{part} = "{folder}/MT_012005D6_009-001_{code}.txt"' for part, code in sensors.items()]
    matrix = ", ".join(f'"Mat[{r}][{c}]"' for r in (1, 2, 3) for c in (1, 2, 3))
    tables = [
        IMU.format(
            part=part,
            separator="\\t",
            time='{ column = "PacketCounter", step_s = 0.01 }',
            mounting=mountings[part],
            turning=f"orientation = [{matrix}]",
        )
        for part in sensors
    ]
    head = HEAD.format(subject="opensense", mass=75.0, name="walk", task="W", more="\n".join(files))
    _, trial = _imported(tmp_path, "\n".join([head, *tables]))
    # The shortest file has 2432 rows.
    assert abs(trial.duration_s - 24.31) < 0.02
    quiet = slice(0, 200)
    for part in sensors:
        first = CHANNEL_INDEX[f"{part}_accel_x"]
        size = np.linalg.norm(trial.channels[quiet, first : first + 3], axis=1)
        assert abs(size.mean() - 9.81) < 0.15
        assert trial.channels[quiet, first + 1].mean() > 7.9
        # What the orientation says is up is what the accelerometer at rest says.
        up = Rotation.from_quat(trial.quaternions[part][quiet][:, [1, 2, 3, 0]]).as_matrix()[:, 1]
        felt = trial.channels[quiet, first : first + 3] / size[:, None]
        assert np.min(np.sum(up * felt, axis=1)) > np.cos(np.radians(3.0))
    # Legs swing about the axis to the right, forward fast and backward slowly, in turn.
    walking = slice(1000, 4000)
    swing = {side: trial.channels[walking, CHANNEL_INDEX[f"shank_{side}_gyro_z"]] for side in "rl"}
    for side, one in swing.items():
        axes = trial.channels[walking, CHANNEL_INDEX[f"shank_{side}_gyro_x"] :][:, :3]
        assert np.argmax(axes.std(axis=0)) == 2
        assert np.percentile(one, 99) > 1.3 * -np.percentile(one, 1) > 1.0
    assert np.corrcoef(swing["r"], swing["l"])[0, 1] < 0.0


def test_loadsol_insoles_of_three_zones(shared: Path, tmp_path: Path) -> None:
    """Both feet in one file, each block with its own unnamed column of time; g and rad/s; the header in line 3."""
    folder = _folder(shared, "loadsol_insole_imu")
    zones = {"heel": (0.18, 0.5), "medial": (0.72, 0.3), "lateral": (0.68, 0.75)}
    text = [
        HEAD.format(subject="loadsol", mass=66.0, name="stand", task="other:standing", more="")
        + "\n".join(f'files.{kind} = "{folder}/test_poids.txt"' for kind in ("left", "right"))
    ]
    for side, table, device, place in (("l", "left", "PGV247-L", 1), ("r", "right", "PGV244-R", 13)):
        text.append(
            f'[tables.{table}]\nseparator = "\\t"\nheader_line = 3\nfirst_row = 5\n'
            f'time = {{ column = "#{place}", steady = true }}\n'
            f'[[tables.{table}.insoles]]\nside = "{side}"\nforce_unit = "N"\nzones = ['
            + ", ".join(
                f'{{ column = "{device}::{zone}", ap = {ap}, ml = {ml} }}' for zone, (ap, ml) in zones.items()
            )
            + "]\n"
            + f'[[tables.{table}.imus]]\npart = "foot_{side}"\naccel_unit = "g"\nmounting = "x_up_z_right"\n'
            + f"accel = [{', '.join(f'{chr(34)}{device}::{a}Acc{chr(34)}' for a in 'xyz')}]\n"
            + f"gyro = [{', '.join(f'{chr(34)}{device}::{a}Gyro{chr(34)}' for a in 'xyz')}]\n"
        )
    path, trial = _imported(tmp_path, "\n".join(text))
    force = {side: trial.channels[:, CHANNEL_INDEX[f"insole_{side}_vgrf"]] for side in "rl"}
    newtons = {side: float(np.mean(one)) * 66.0 * 9.80665 for side, one in force.items()}
    # SOURCE.md: the means are 274 N left, 221 N right.
    assert abs(newtons["l"] - 274.0) < 3.0 and abs(newtons["r"] - 221.0) < 3.0
    centre = trial.channels[:, CHANNEL_INDEX["insole_l_cop_ap"]]
    assert np.nanmin(centre) >= 0.18 and np.nanmax(centre) <= 0.72
    size = np.linalg.norm(trial.channels[:, CHANNEL_INDEX["foot_r_accel_x"] :][:, :3], axis=1)
    assert abs(np.nanmedian(size) - 9.81) < 0.6
    # The recording lost stretches of both IMUs: blank cells, told with their place.
    lost = _errors(path)
    assert [(one.column, one.what[:3]) for one in lost] == [("foot_r IMU", "NaN"), ("foot_l IMU", "NaN")]
    assert lost[0].rows is not None and np.isnan(size[slice(*lost[0].rows)]).all()
    assert np.isnan(trial.labels).all() and len(LABEL_NAMES) == trial.labels.shape[1]
