"""Every defect a folder of trials can have, planted in a walk that has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jetson_runtime.suit import signals
from jetson_runtime.suit.errors import TrialError
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.trial import Trial, write_trial
from models import cli
from models.checks.columns import nearest
from models.checks.defects import Defect
from models.checks.folder import check_folder, refuse
from models.checks.gravity import _still
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

CHANNEL = signals.CHANNEL_INDEX
LABEL = {name: i for i, name in enumerate(signals.LABEL_NAMES)}
COP = [CHANNEL[f"insole_{side}_cop_{axis}"] for side in "rl" for axis in ("ap", "ml")]
Plant = Callable[[Trial], object]


@pytest.fixture(scope="module")
def walk() -> Trial:
    return generate(Subject.random(3), "W", 8.0, seed=0)


@pytest.fixture(scope="module")
def stance() -> Trial:
    return generate(Subject.random(3), "PS", 8.0, seed=0)


def _copy(trial: Trial) -> Trial:
    return replace(trial, channels=trial.channels.copy(), labels=trial.labels.copy())


def _planted(folder: Path, trial: Trial, plant: Plant) -> list[Defect]:
    given = _copy(trial)
    made = plant(given)
    write_trial(folder / "t.parquet", made if isinstance(made, Trial) else given)
    return list(check_folder(folder).defects)


def _columns(names: str) -> list[int]:
    return [i for i, name in enumerate(signals.CHANNEL_NAMES) if all(word in name for word in names.split())]


def _scale(names: str, factor: float) -> Plant:
    def plant(trial: Trial) -> None:
        trial.channels[:, _columns(names)] *= factor

    return plant


def _swap(table: np.ndarray, first: list[int], second: list[int]) -> None:
    table[:, [*first, *second]] = table[:, [*second, *first]]


def _swap_channels(*words: str) -> Plant:
    def plant(trial: Trial) -> None:
        for word in words:
            _swap(trial.channels, _columns(f"{word}_r"), _columns(f"{word}_l"))

    return plant


def _swap_labels(*names: str) -> Plant:
    def plant(trial: Trial) -> None:
        for name in names:
            _swap(trial.labels, [LABEL[f"{name}_r"]], [LABEL[f"{name}_l"]])

    return plant


def _label(name: str, factor: float) -> Plant:
    def plant(trial: Trial) -> None:
        trial.labels[:, [i for label, i in LABEL.items() if name in label]] *= factor

    return plant


def _angles_in_radians(trial: Trial) -> None:
    angles = [i for name, i in LABEL.items() if not name.endswith("_moment")]
    trial.labels[:, angles] = np.radians(trial.labels[:, angles])


def _turn(part: str, mounting: str) -> Plant:
    """The sensor strapped on in `mounting` and taken to lie in the segment's axes."""

    def plant(trial: Trial) -> None:
        for quantity in ("accel", "gyro"):
            where = _columns(f"{part}_{quantity}")
            trial.channels[:, where] = trial.channels[:, where] @ MOUNTINGS[mounting]

    return plant


def _nan(rows: slice, *columns: int) -> Plant:
    def plant(trial: Trial) -> None:
        trial.channels[rows, list(columns)] = np.nan

    return plant


def _cut(trial: Trial, rows: int) -> Trial:
    first = slice(rows)
    return replace(
        trial,
        time_s=trial.time_s[first],
        channels=trial.channels[first],
        labels=trial.labels[first],
        quaternions={},
        plates=None,
    )


def _meta(**values: object) -> Plant:
    return lambda trial: replace(trial, meta=replace(trial.meta, **values))  # type: ignore[arg-type]


def _in_metres(trial: Trial) -> None:
    meta = trial.meta
    trial.channels[:, COP] *= np.array([meta.foot_length_m, meta.foot_width_m] * 2, np.float32)


def _later(trial: Trial) -> None:
    trial.labels[16:] = trial.labels[:-16].copy()


ERRORS: dict[str, tuple[Plant, str, str]] = {
    "accel in g": (_scale("accel", 1 / 9.80665), "back_accel", "it seems to be in g: multiply by 9.80665"),
    "gravity taken out": (
        lambda t: (
            np.subtract.at(t.channels, (slice(None), _columns("accel_y")), 9.81) or _scale("accel", 0.1)(t)
        ),
        "pelvis_accel",
        "gravity was taken out",
    ),
    "gyro in deg/s": (_scale("gyro", 57.3), "foot_r_gyro", "if it is in deg/s, multiply by pi/180"),
    "slow gyro in deg/s": (
        lambda t: _scale("gyro", 57.3 * 0.07)(t) or _label("", 0.07)(t),
        "gyro",
        "they seem to be in deg/s",
    ),
    "angles in rad": (
        _angles_in_radians,
        "hip_flexion_r, hip_flexion_l and 4 more",
        "they seem to be in rad",
    ),
    "moments in Nm": (
        _label("_moment", 70.0),
        "ankle_angle_r_moment",
        "if it is in Nm, divide by the body mass",
    ),
    "force in N": (_scale("vgrf", 700.0), "insole_r_vgrf and insole_l_vgrf", "newtons"),
    "force in percent": (_scale("vgrf", 100.0), "insole_r_vgrf and insole_l_vgrf", "percent of bodyweight"),
    "force in N/kg": (_scale("vgrf", 9.81), "insole_r_vgrf and insole_l_vgrf", "N/kg"),
    "force downward": (_scale("vgrf", -1.0), "insole_r_vgrf and insole_l_vgrf", "change the sign"),
    "centre in metres": (_in_metres, "insole_r_cop_ap and insole_r_cop_ml", "if they are in metres"),
    "centre in percent": (
        _scale("cop", 100.0),
        "insole_l_cop_ap and insole_l_cop_ml",
        "if they are in percent",
    ),
    "foot in cm": (_meta(foot_length_m=27.0), "metadata foot_length_m", "if it is in cm, write 0.27"),
    "mass in g": (_meta(body_mass_kg=70000.0), "metadata body_mass_kg", "if it is in g, write 70"),
    "mass in pounds": (
        _meta(body_mass_kg=165.3, extra={"height_m": "1.75"}),
        "metadata body_mass_kg",
        "if it is in pounds, write 75.0",
    ),
    "no such task": (_meta(task="walking"), "metadata task", "write one of L, PP"),
    "condition of another task": (
        _meta(extra={"condition": "L1"}),
        "metadata condition",
        "correct one of them",
    ),
    "all sides swapped": (
        _swap_channels("thigh", "shank", "foot", "insole"),
        "hip_flexion_r, hip_flexion_l and 4 more",
        "all sensors, or of all labels,",
    ),
    "thighs swapped": (
        _swap_channels("thigh"),
        "hip_flexion_r",
        "swap right and left of thigh_r, thigh_l back",
    ),
    "feet and insoles swapped": (
        _swap_channels("foot", "insole"),
        "ankle_angle_r, ankle_angle_l",
        "swap right and left of foot_r, foot_l back",
    ),
    "insoles swapped": (
        _swap_channels("insole"),
        "insole_r_vgrf and insole_l_vgrf",
        "swap the insoles' sides",
    ),
    "knees' labels swapped": (_swap_labels("knee_angle"), "knee_angle_r, knee_angle_l", "swap the columns"),
    "knee flexion negative": (_label("knee_angle", -1.0), "knee_angle_r, knee_angle_l", "change the sign"),
    "sensor on its side": (_turn("shank_l", "x_forward_z_down"), "shank_l IMU", "points up"),
    "sensor upside down": (_turn("pelvis", "x_back_z_right"), "pelvis IMU", "change sign or mounting"),
    "sensor turned about the leg": (_turn("thigh_r", "x_right_z_back"), "thigh_r IMU", "turns as +z should"),
    "labels 80 ms late": (_later, "labels", "align them by the sync pulse"),
    "gap in an IMU": (_nan(slice(300, 500), *_columns("thigh_l")), "thigh_l IMU", "cut the trial there"),
    "one axis missing": (_nan(slice(None), CHANNEL["back_gyro_x"]), "back_gyro_x", "export the column"),
    "infinite": (
        lambda t: t.channels.__setitem__((5, 3), np.inf),
        signals.CHANNEL_NAMES[3],
        "write NaN",
    ),
    "no truth": (lambda t: t.labels.fill(np.nan), "labels", "import the reference with the sensors"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_planted_error_is_found_in_its_column_with_what_to_do(
    tmp_path: Path, walk: Trial, name: str
) -> None:
    plant, column, remedy = ERRORS[name]
    found = [one for one in _planted(tmp_path, walk, plant) if one.severity == "error"]
    matching = [one for one in found if one.column.startswith(column) and remedy in one.line()]
    assert matching, [one.line() for one in found]


WARNINGS: dict[str, tuple[Plant, str, str]] = {
    "short gap in an IMU": (_nan(slice(300, 303), *_columns("thigh_l")), "thigh_l IMU", "rows 300-302"),
    "foot on no plate": (_nan(slice(300, 400), *_columns("insole_r")), "insole_r_vgrf", "for 0.500 s"),
    "centre missing under load": (_nan(slice(300, 700), *COP), "insole_l_cop_ap", "NaN under load"),
    "frozen": (
        lambda t: t.channels[400:500].__setitem__(slice(None), t.channels[400]),
        "shank_r IMU",
        "stand still for 0.500 s",
    ),
    "insole tenfold too low": (_scale("vgrf", 0.1), "insole_r_vgrf and insole_l_vgrf", "sensitivity"),
    "moments unknown": (lambda t: t.labels[:, 7:].fill(np.nan), "hip_flexion_r_moment", "NaN throughout"),
    "labels interrupted": (
        lambda t: t.labels[100:150].fill(np.nan),
        "hip_flexion_r",
        "rows 100-149 (0.500-0.745 s): NaN for 0.250 s",
    ),
    "own condition": (_meta(extra={"condition": "W77"}), "metadata condition", "not in the task set"),
    "heavy": (_meta(body_mass_kg=150.0, extra={}), "metadata body_mass_kg", "if it is in pounds, write 68.0"),
    "short": (lambda t: _cut(t, 100), "time", "lead-in"),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_what_may_be_meant_is_a_warning(tmp_path: Path, walk: Trial, name: str) -> None:
    plant, column, words = WARNINGS[name]
    found = _planted(tmp_path, walk, plant)
    assert not [one.line() for one in found if one.severity == "error"]
    assert [one for one in found if one.column.startswith(column) and words in one.line()], found


def test_a_trial_without_defects_has_none_and_a_device_not_worn_is_none(
    tmp_path: Path, walk: Trial, stance: Trial
) -> None:
    assert _planted(tmp_path, walk, lambda t: None) == []
    assert _planted(tmp_path, stance, lambda t: None) == []
    assert _planted(tmp_path, walk, _nan(slice(None), *_columns("back"), *_columns("insole_l"))) == []


def test_a_stance_tells_of_its_sensors_axes_too(tmp_path: Path, stance: Trial) -> None:
    for part in signals.PARTS:
        (found,) = _planted(tmp_path, stance, _turn(part, "x_forward_z_down"))
        assert (found.severity, found.column) == ("error", f"{part} IMU")


def test_a_foot_that_turns_back_in_mid_swing_is_not_at_rest() -> None:
    """Its gyroscope passes zero while it is flung: what it reads then is no gravity."""
    t = np.arange(2000) / signals.RATE_HZ
    rate = 8.0 * np.sin(2 * np.pi * t)
    gyro = np.stack([0 * t, 0 * t, rate], axis=1)
    flung = np.stack([-20.0 + 0 * t, 9.8 + 0 * t, 0 * t], axis=1)
    assert not _still(flung, gyro).any()
    gyro[500:600] = 0.0
    flung[500:600] = [1.0, 9.7, 0.0]
    assert list(np.flatnonzero(_still(flung, gyro))) == list(range(500, 600))


@pytest.mark.parametrize(
    ("part", "reads", "turns_rad_s"),
    [("foot_l", (-24.7, 9.9, -7.1), 3.0), ("shank_l", (-7.7, 5.5, -2.1), 0.0)],
    ids=["heel strikes", "the rear shank of a lunge"],
)
def test_what_a_rightly_mounted_sensor_may_read_while_upright(
    tmp_path: Path, walk: Trial, part: str, reads: tuple[float, float, float], turns_rad_s: float
) -> None:
    def plant(trial: Trial) -> None:
        trial.channels[:, _columns(f"{part} accel")] = reads
        trial.channels[:, _columns(f"{part} gyro")] = turns_rad_s

    assert not [one for one in _planted(tmp_path, walk, plant) if "degrees from +y" in one.line()]


def _rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> list[Defect]:
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    return list(check_folder(path.parent).defects)


def test_missing_and_renamed_columns_are_told_apart(tmp_path: Path, walk: Trial) -> None:
    path = tmp_path / "t.parquet"
    write_trial(path, walk)
    renamed = {"thigh_r_accel_x": "thigh_right_acc_x", "knee_angle_l": "Knee Angle L", "time": "t"}
    found = _rewritten(
        path,
        lambda table: table.rename_columns(
            [renamed.get(name, name) for name in table.column_names]
        ).drop_columns(["foot_l_gyro_z"]),
    )
    told = {one.column: one.remedy for one in found if one.what == "is missing"}
    assert set(told) == {*renamed, "foot_l_gyro_z"}
    assert all(repr(other) in told[name] for name, other in renamed.items())
    assert "add it" in told["foot_l_gyro_z"]


def test_a_column_of_another_side_or_axis_is_no_misspelling() -> None:
    assert nearest("thigh_r_accel_x", ["thigh_l_accel_x", "thigh_r_accel_y"]) is None
    assert nearest("thigh_r_accel_x", ["r_thigh_acc_x", "shank_r_accel_x"]) == "r_thigh_acc_x"


TIMES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "100 Hz": (lambda t: 2.0 * t, "are 100 Hz, not 200 Hz"),
    "milliseconds": (lambda t: 1000.0 * t, "200 Hz if they are milliseconds"),
    "not from 0": (lambda t: t + 12.5, "begins at 12.5 s"),
    "a gap": (lambda t: t + 0.5 * (t > 2.0), "a step of 0.5050 s"),
    "a clock that drifts": (lambda t: t * 1.0002, "runs away from 200 Hz by 1.6 ms"),
    "unknown": (lambda t: np.where(t == 1.0, np.nan, t), "is NaN"),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_grid_that_is_none(tmp_path: Path, walk: Trial, name: str) -> None:
    change, words = TIMES[name]
    path = tmp_path / "t.parquet"
    write_trial(path, walk)
    found = _rewritten(
        path, lambda table: table.set_column(0, "time", [change(table.column("time").to_numpy())])
    )
    assert [one for one in found if one.column == "time" and words in one.line()], found


def test_metadata_types_and_files_that_are_none(tmp_path: Path, walk: Trial) -> None:
    path = tmp_path / "t.parquet"
    write_trial(path, walk)
    table = pq.read_table(path)
    texts = table.set_column(1, table.column_names[1], [["1,5"] * len(table)])
    pq.write_table(texts.replace_schema_metadata({"subject": "a", "rate_hz": "100"}), path)
    (tmp_path / "u.parquet").write_bytes(b"PAR1")
    found = {(one.file, one.column) for one in check_folder(tmp_path).defects}
    wanted = {"metadata task", "metadata body_mass_kg", "metadata foot_length_m", "metadata foot_width_m"}
    assert {("t.parquet", column) for column in wanted} <= found
    assert {("t.parquet", "metadata rate_hz"), ("t.parquet", table.column_names[1])} <= found
    assert ("u.parquet", "file") in found


def test_files_that_hold_no_trial_tell_why(tmp_path: Path, walk: Trial) -> None:
    write_trial(tmp_path / "a.parquet", walk)
    table = pq.read_table(tmp_path / "a.parquet")
    pq.write_table(table.append_column("time", table.column("time")), tmp_path / "b.parquet")
    pq.write_table(table.replace_schema_metadata({b"subject": b"\xff\xfe"}), tmp_path / "c.parquet")
    (tmp_path / "d.parquet").mkdir()
    (tmp_path / "e.parquet").symlink_to(tmp_path / "nothing")
    found = {one.file: one.what for one in check_folder(tmp_path).defects}
    for name, why in (
        ("b", "column time: stands there twice"),
        ("c", "its metadata are not UTF-8 text"),
        ("d", "is no file"),
        ("e", "is a link to nothing"),
    ):
        assert found[f"{name}.parquet"].endswith(f"({why})")
    assert len(found) == 4


def test_no_folder_and_a_name_in_capitals_are_not_passed_over(tmp_path: Path, walk: Trial) -> None:
    with pytest.raises(TrialError, match="nowhere: is no folder"):
        check_folder(tmp_path / "nowhere")
    write_trial(tmp_path / "a.parquet", walk)
    (tmp_path / "a.parquet").rename(tmp_path / "A.PARQUET")
    with pytest.raises(TrialError, match=r"A\.PARQUET: a trial's name ends in \.parquet"):
        check_folder(tmp_path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [2, 3, 8, 9, 59, 61, 249])
def test_a_trial_of_a_few_rows_is_only_short(tmp_path: Path, walk: Trial, rows: int) -> None:
    short = replace(
        walk, time_s=walk.time_s[:rows], channels=walk.channels[:rows], labels=walk.labels[:rows], plates=None
    )
    write_trial(tmp_path / "a.parquet", replace(short, quaternions={}))
    found = check_folder(tmp_path).defects
    assert [one.column for one in found] == (["time"] if rows < 249 else [])


@pytest.mark.parametrize("subject", ["a/b", "..", "a\nb", "x" * 300])
def test_a_subject_whose_fold_could_have_no_folder_is_told(tmp_path: Path, walk: Trial, subject: str) -> None:
    write_trial(tmp_path / "a.parquet", replace(walk, meta=replace(walk.meta, subject=subject)))
    (found,) = check_folder(tmp_path).defects
    assert (found.severity, found.column) == ("warning", "metadata subject")


def test_what_only_several_files_show(tmp_path: Path, walk: Trial, stance: Trial) -> None:
    write_trial(tmp_path / "a.parquet", walk)
    write_trial(tmp_path / "b.parquet", replace(walk, meta=replace(walk.meta, subject="other")))
    heavier = replace(stance.meta, body_mass_kg=stance.meta.body_mass_kg * 1.2, extra={})
    write_trial(tmp_path / "c.parquet", replace(stance, meta=heavier))
    found = list(check_folder(tmp_path).defects)
    assert [(one.severity, one.file, one.column) for one in found] == [
        ("error", "b.parquet", "file"),
        ("error", "c.parquet", "metadata body_mass_kg"),
    ]
    assert "which is of vw-3, this of other" in found[0].what
    with pytest.raises(TrialError, match=r"2 errors.*look(.|\n)*b\.parquet(.|\n)*c\.parquet"):
        refuse(tmp_path, found)


def test_every_defect_of_every_file_in_one_go(
    tmp_path: Path, walk: Trial, stance: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    both = _copy(walk)
    _scale("accel", 1 / 9.80665)(both)
    _label("_moment", 70.0)(both)
    write_trial(tmp_path / "a.parquet", both)
    second = _copy(stance)
    _turn("back", "x_forward_z_down")(second)
    write_trial(tmp_path / "b.parquet", second)
    assert cli.main(["check", str(tmp_path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == 2 and report["errors"] == len(report["defects"])
    columns = {one["column"] for one in report["defects"] if one["file"] == "a.parquet"}
    assert {f"{part}_accel" for part in signals.PARTS} <= columns
    assert sum(name.endswith("_moment") for name in columns) >= 6
    assert [one["column"] for one in report["defects"] if one["file"] == "b.parquet"] == ["back IMU"]
    assert cli.main(["check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == report["errors"] + 1
    assert lines[-1] == f"2 files: {report['errors']} errors, 0 warnings"


def test_real_motion_and_virtual_wearers_pass(
    tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(shared / "data" / "trials")]) == 0
    assert "14 files: 0 errors" in capsys.readouterr().out
    for seed in (1001, 1002):
        for task in ("L", "PS", "W"):
            write_trial(
                tmp_path / f"{seed}_{task}.parquet", generate(Subject.random(seed), task, 10.0, seed=1)
            )
    assert cli.main(["check", str(tmp_path)]) == 0
    assert "6 files: 0 errors, 0 warnings" in capsys.readouterr().out
