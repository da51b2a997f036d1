"""OpenSim itself, run on a made-up skeleton whose movement and loads are known."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip(
    "opensim",
    reason="OpenSim's Python package is not installed: pip install '.[opensim]' on Python 3.11",
)

import made_up_body as body

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, PARTS
from jetson_runtime.suit.trial import Trial, read_trial
from models.importers.body_model import BodyModel
from models.importers.errors import ImportSetError
from models.importers.opensim_files import OpenSimSet, TrialFiles, find_set
from models.importers.opensim_import import Options, import_set
from models.importers.storage import read_table, write_markers, write_table

STILL = np.arange(101) / 100.0


def label(trial: Trial, name: str) -> np.ndarray:
    return trial.labels[:, LABEL_NAMES.index(name)]


def channel(trial: Trial, name: str) -> np.ndarray:
    return trial.channels[:, CHANNEL_INDEX[name]]


def imported(folder: Path) -> Trial:
    exact = Options(accuracy=1e-6)
    (path,) = import_set(find_set(folder, "s1", {"squat": "other:squat"}), folder / "out", exact)
    return read_trial(path)


@pytest.fixture(scope="module")
def squat(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """From markers, knee as in Rajagopal2016."""
    folder = tmp_path_factory.mktemp("markers")
    body.write_squat(folder, 1.0, in_degrees=True, with_markers=True)
    return imported(folder)


def test_inverse_kinematics_gives_the_true_angles(squat: Trial) -> None:
    true = body.squat(squat.time_s)
    for name in ("hip_flexion_r", "knee_angle_l", "ankle_angle_r", "lumbar_extension"):
        error = label(squat, name) - np.degrees(true[name])
        assert np.nanmax(np.abs(error)) < 0.3, name
        assert np.isnan(error[:20]).all() and np.isnan(error[-20:]).all() and np.isfinite(error[20:-20]).all()


@pytest.mark.parametrize(("knee_sign", "in_degrees"), [(1.0, False), (-1.0, True)])
def test_degrees_radians_and_the_knee_of_gait2392_make_the_same_trial(
    squat: Trial, tmp_path: Path, knee_sign: float, in_degrees: bool
) -> None:
    body.write_squat(tmp_path, knee_sign, in_degrees, with_markers=False)
    other = imported(tmp_path)
    np.testing.assert_allclose(other.labels, squat.labels, atol=0.1)
    # OpenSim's inverse kinematics stops a few hundredths of a degree short of what the markers say.
    np.testing.assert_allclose(other.channels[:, :48], squat.channels[:, :48], atol=0.3)
    assert other.plates is not None
    np.testing.assert_array_equal(other.plates[20:-20], other.channels[20:-20, 48:])
    assert np.array_equal(np.isnan(other.labels), np.isnan(squat.labels))


def test_virtual_imus_agree_with_the_movement(squat: Trial) -> None:
    true, rows = body.squat(squat.time_s), slice(30, -30)
    thigh = np.gradient(true["hip_flexion_r"], squat.time_s)
    np.testing.assert_allclose(channel(squat, "thigh_r_gyro_z")[rows], thigh[rows], atol=0.02)
    shank = thigh - np.gradient(true["knee_angle_r"], squat.time_s)
    np.testing.assert_allclose(channel(squat, "shank_l_gyro_z")[rows], shank[rows], atol=0.02)
    rise = np.gradient(np.gradient(true["pelvis_ty"], squat.time_s), squat.time_s)
    np.testing.assert_allclose(channel(squat, "pelvis_accel_y")[rows], 9.80665 + rise[rows], atol=0.3)


def stand(folder: Path, ahead_m: float, rows: slice | None = None, stays: bool = False) -> Trial:
    """Standing still; after `rows` the plates read nothing, because the person slid away, or sits (`stays`)."""
    folder.mkdir(exist_ok=True)
    body.write_model(folder / "body.osim")
    still = {name: np.full(len(STILL), values[0]) for name, values in body.squat(STILL).items()}
    write_table(folder / "stand_ik.mot", body.coordinates_table(STILL, still, False))
    forces = body.half_weight_each(STILL, ahead_m)
    if rows is not None:
        slid = (0.0 if stays else 0.5) * np.clip((STILL - STILL[rows.stop]) / 0.1, 0.0, 1.0)
        table = body.coordinates_table(STILL, still | {"pelvis_tx": slid}, False)
        write_table(folder / "stand_ik.mot", table)
        off = np.ones(len(STILL), bool)
        off[rows] = False
        forces.values[off] = 0.0
    write_table(folder / "stand_grf.mot", forces)
    (path,) = import_set(find_set(folder, "s1", {"stand": "PS"}), folder / "out")
    return read_trial(path)


def test_standing_moments_are_lever_times_load(tmp_path: Path) -> None:
    trial, g = stand(tmp_path, 0.08), 9.80665
    foot = (body.MASS["calcn"] * 0.0 + body.MASS["toes"] * body.TOE_JOINT) * g
    ankle = -(body.TOTAL_KG * g / 2.0 * 0.08 - foot) / body.TOTAL_KG
    for side in "rl":
        np.testing.assert_allclose(label(trial, f"ankle_angle_{side}_moment")[20:-20], ankle, atol=2e-3)
    np.testing.assert_allclose(label(trial, "lumbar_extension_moment")[20:-20], 0.0, atol=2e-3)
    for part in PARTS:
        np.testing.assert_allclose(channel(trial, f"{part}_accel_y"), g, atol=1e-3)
        np.testing.assert_allclose(channel(trial, f"{part}_gyro_x"), 0.0, atol=1e-4)
    for side in "rl":
        np.testing.assert_allclose(channel(trial, f"insole_{side}_vgrf"), 0.5, atol=1e-4)
        heel, length = 0.025, body.TOE_JOINT + 0.095
        np.testing.assert_allclose(channel(trial, f"insole_{side}_cop_ap"), (0.08 + heel) / length, atol=1e-3)
        np.testing.assert_allclose(channel(trial, f"insole_{side}_cop_ml"), 0.5, atol=1e-3)


def test_the_trials_of_a_set_do_not_know_of_each_other(squat: Trial, tmp_path: Path) -> None:
    body.write_squat(tmp_path, 1.0, in_degrees=True, with_markers=True)
    for kind in (".trc", "_grf.mot"):
        (tmp_path / f"again{kind}").write_bytes((tmp_path / f"squat{kind}").read_bytes())
    both = find_set(tmp_path, "s1", {"again": "L", "squat": "PS"})
    paths = import_set(both, tmp_path / "out", Options(accuracy=1e-6))
    trials = [read_trial(path) for path in paths]
    assert [trial.meta.task for trial in trials] == ["L", "PS"]
    for trial in trials:
        np.testing.assert_allclose(trial.labels, squat.labels, atol=1e-3)


def test_gait2392_knee_moment_is_turned_too(tmp_path: Path) -> None:
    knees = []
    for sign in (1.0, -1.0):
        body.write_squat(tmp_path / str(sign), sign, in_degrees=False, with_markers=False)
        knees.append(label(imported(tmp_path / str(sign)), "knee_angle_r_moment"))
    assert np.nanmax(np.abs(knees[0])) > 0.2
    np.testing.assert_allclose(knees[0], knees[1], atol=1e-3)


def test_without_ground_under_the_feet_loads_and_moments_are_unknown(tmp_path: Path) -> None:
    trial = stand(tmp_path, 0.05, slice(0, 60))
    for name in ("insole_r_vgrf", "insole_l_cop_ap"):
        assert np.isfinite(channel(trial, name)[:115]).all() and np.isnan(channel(trial, name)[145:]).all()
    moment = label(trial, "knee_angle_r_moment")
    assert np.isfinite(moment[20:90]).all() and np.isnan(moment[145:]).all()
    assert np.isfinite(label(trial, "knee_angle_r")[145:-20]).all(), "angles do not need the plates"
    assert np.isfinite(label(trial, "lumbar_extension_moment")[145:-20]).all(), "nor does the trunk's moment"


def test_a_seated_wearers_feet_are_measured_and_moments_are_not(tmp_path: Path) -> None:
    trial = stand(tmp_path, 0.05, slice(0, 60), stays=True)
    assert np.isfinite(channel(trial, "insole_r_vgrf")).all()
    for name in ("knee_angle_r_moment", "lumbar_extension_moment"):
        assert np.isfinite(label(trial, name)[20:90]).all() and np.isnan(label(trial, name)[145:]).all()


def test_all_defects_of_a_set_are_told_before_anything_is_computed(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        body.write_squat(tmp_path / name, 1.0, in_degrees=True, with_markers=False)
    ik, grf = tmp_path / "a" / "squat_ik.mot", tmp_path / "b" / "squat_grf.mot"
    ik.write_text(ik.read_text().replace("inDegrees=yes", "inDegrees=no"))
    table = read_table(grf)
    write_table(
        grf,
        replace(
            table, values=table.values[:, [1, 2, 0, 3, 4, 5, 6, 7, 8, 10, 11, 9, 12, 13, 14, 15, 16, 17]]
        ),
    )
    (tmp_path / "c" / "squat_ik.mot").write_text("time 1\n")
    trials = tuple(
        TrialFiles(n, "W", coordinates=tmp_path / n / "squat_ik.mot", forces=tmp_path / n / "squat_grf.mot")
        for n in ("a", "b", "c")
    )
    with pytest.raises(ImportSetError) as caught:
        import_set(OpenSimSet("s1", tmp_path / "a" / "body.osim", trials), tmp_path / "out")
    said = [
        ("a/squat_ik.mot", "degrees", "write inDegrees=yes"),
        ("b/squat_grf.mot", "along x, not y", "turn forces"),
        ("c/squat_ik.mot", "endheader", "again"),
    ]
    assert len(caught.value.defects) == len(said), str(caught.value)
    for line, words in zip(caught.value.defects, said, strict=True):
        assert all(word in line for word in words), line
    assert not (tmp_path / "out").exists()


def test_a_given_kinematics_that_misses_the_markers_is_run_anew(tmp_path: Path) -> None:
    body.write_squat(tmp_path, 1.0, in_degrees=True, with_markers=True)
    time = np.arange(201) / 100.0
    wrong = body.squat(time)
    wrong["ankle_angle_r"] = wrong["ankle_angle_r"] + 1.0
    write_table(tmp_path / "squat_ik.mot", body.coordinates_table(time, wrong, True))
    said: list[str] = []
    (path,) = import_set(find_set(tmp_path, "s1", {"*": "PS"}), tmp_path / "out", say=said.append)
    assert "misses toes_r" in said[0] and "run anew" in said[0]
    true = np.degrees(body.squat(read_trial(path).time_s)["ankle_angle_r"])
    assert np.nanmax(np.abs(label(read_trial(path), "ankle_angle_r") - true)) < 0.3


def test_a_generic_model_is_scaled_to_its_wearer(tmp_path: Path) -> None:
    """The static trial is of a body 1.1 times as long; ScaleTool with one measurement must find that."""
    osim = pytest.importorskip("opensim")
    body.write_squat(tmp_path, 1.0, in_degrees=True, with_markers=True)
    body.write_model(tmp_path / "big.osim", size=1.1)
    big = BodyModel(tmp_path / "big.osim")
    still = {name: np.full(11, values[0]) for name, values in body.squat(np.zeros(11)).items()}
    still["pelvis_ty"] = still["pelvis_ty"] * 1.1
    write_markers(tmp_path / "static.trc", body.markers_of(big, np.arange(11) / 100.0, still))
    tool = osim.ScaleTool()
    tool.getGenericModelMaker().setModelFileName("body.osim")
    measurement = osim.Measurement()
    measurement.setName("all")
    pair = osim.MarkerPair("torso_0", "tibia_r_0")
    measurement.getMarkerPairSet().cloneAndAppend(pair)
    for name in big.bodies:
        scale = osim.BodyScale()
        scale.setName(name)
        scale.setAxisNames(osim.ArrayStr())
        axes = osim.ArrayStr()
        for axis in "XYZ":
            axes.append(axis)
        scale.setAxisNames(axes)
        measurement.getBodyScaleSet().cloneAndAppend(scale)
    tool.getModelScaler().getMeasurementSet().cloneAndAppend(measurement)
    order = osim.ArrayStr()
    order.append("measurements")
    tool.getModelScaler().setScalingOrder(order)
    tool.getMarkerPlacer().setApply(False)
    tool.printToXML(str(tmp_path / "scale.xml"))
    given = replace(
        OpenSimSet(
            "s1", tmp_path / "body.osim", (TrialFiles("squat", "PS", markers=tmp_path / "static.trc"),)
        ),
        scale_setup=tmp_path / "scale.xml",
        static=tmp_path / "static.trc",
        mass_kg=80.0,
    )
    (path,) = import_set(given, tmp_path / "out")
    meta = read_trial(path).meta
    assert meta.body_mass_kg == pytest.approx(80.0, abs=0.01)
    assert meta.foot_length_m == pytest.approx(1.1 * (body.TOE_JOINT + 0.095), rel=0.01)


def test_without_opensim_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body.write_model(tmp_path / "body.osim")
    monkeypatch.setitem(sys.modules, "opensim", None)
    with pytest.raises(ImportSetError, match=r"pip install '\.\[opensim\]'"):
        BodyModel(tmp_path / "body.osim")
