"""Other laboratories' tables through a column map: units, axes, rates, clocks; every mistake at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.spatial.transform import Rotation

from jetson_runtime.suit import signals
from jetson_runtime.suit.mounting import MOUNTINGS
from jetson_runtime.suit.trial import Trial, read_trial
from models import cli
from models.importers.errors import ImportSetError
from models.importers.sensor_tables import import_tables, on_grid
from models.importers.table_map import load_map

Doubles = npt.NDArray[np.float64]

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "import-table.toml"
MASS, LENGTH, WIDTH = 71.3, 0.262, 0.099
# The thigh swings about the axis to the right; the pelvis turns about the upright.
_SWING, _TURN = 0.6, 0.4


@dataclass(frozen=True)
class Motion:
    """What is true at the times `t` of the common clock."""

    t: Doubles

    @property
    def thigh_angle(self) -> Doubles:
        return _SWING * np.sin(2 * np.pi * 0.8 * self.t)

    @property
    def thigh(self) -> tuple[Doubles, Doubles]:
        """accel and gyro in the segment's axes."""
        a = self.thigh_angle
        accel = signals.STANDARD_GRAVITY * np.stack([np.sin(a), np.cos(a), 0 * a], axis=1)
        rate = _SWING * 2 * np.pi * 0.8 * np.cos(2 * np.pi * 0.8 * self.t)
        return accel, np.stack([0 * a, 0 * a, rate], axis=1)

    @property
    def yaw(self) -> Doubles:
        return _TURN * np.sin(2 * np.pi * 0.3 * self.t)

    @property
    def force(self) -> Doubles:
        """Bodyweights under each foot."""
        return 0.5 + 0.4 * np.sin(2 * np.pi * 0.5 * self.t)

    @property
    def knee_deg(self) -> Doubles:
        return 30.0 + 25.0 * np.sin(2 * np.pi * 0.8 * self.t)


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    """The files that the example map speaks of; its path."""
    (tmp_path / "map.toml").write_text(EXAMPLE.read_text())
    _imus(tmp_path / "walk1_imus.csv")
    _insoles(tmp_path / "walk1_insoles.h5")
    _reference(tmp_path / "walk1_angles.parquet")
    return tmp_path / "map.toml"


def _imus(path: Path) -> None:
    """100 Hz, semicolons, decimal commas, microseconds, g and deg/s, as mounted."""
    motion = Motion(np.arange(0.0, 33.0, 0.01))
    accel, gyro = (one @ MOUNTINGS["x_up_z_forward"] for one in motion.thigh)
    world_from_pelvis = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) * Rotation.from_rotvec(
        motion.yaw[:, None] * [0.0, 1.0, 0.0]
    )
    sensor = world_from_pelvis * Rotation.from_matrix(MOUNTINGS["x_up_z_back"])
    pelvis = np.tile(MOUNTINGS["x_up_z_back"].T @ [0.0, 1.0, 0.0], (len(motion.t), 1))
    names = ["SampleTime", *(f"ThighR {q} {a}" for q in ("Acc", "Gyr") for a in "XYZ")]
    names += [*(f"Pelvis Acc {a}" for a in "XYZ"), *(f"Pelvis q{k}" for k in range(4))]
    rows = np.column_stack(
        [motion.t * 1e6, accel / 9.80665, np.degrees(gyro), pelvis, sensor.as_quat()[:, [3, 0, 1, 2]]]
    )
    body = "\n".join(";".join(f"{cell:.7f}".replace(".", ",") for cell in row) for row in rows)
    path.write_text(f"// made by a test\n{';'.join(names)}\n{';'.join(['us'] * len(names))}\n{body}\n")


def _insoles(path: Path) -> None:
    """80 Hz on a clock 0.213 s ahead: newtons, millimetres; three zones on the left."""
    h5py = pytest.importorskip("h5py")
    motion = Motion(np.arange(0.0, 33.0, 0.0125) - 0.213)
    newtons = motion.force * MASS * 9.80665
    with h5py.File(path, "w") as file:
        group = file.create_group("insoles")
        group["right/force"] = newtons
        group["right/cop"] = np.tile([0.25 * LENGTH * 1000, 0.6 * WIDTH * 1000], (len(newtons), 1))
        for name, share in (("heel", 0.5), ("medial", 0.25), ("lateral", 0.25)):
            group[f"left/{name}"] = share * newtons


def _reference(path: Path) -> None:
    """1000 Hz; radians and Nm, the other sign; 50 Hz hum that the map's filter takes out."""
    motion = Motion(np.arange(0.0, 33.0, 0.001))
    hum = 5.0 * np.sin(2 * np.pi * 50 * motion.t)
    knee = -np.radians(motion.knee_deg + hum)
    table = {"time": motion.t, "R knee": knee, "R knee moment": -0.5 * MASS * np.ones(len(knee))}
    pq.write_table(pa.table(table), path)


def _channels(trial: Trial, *names: str) -> Doubles:
    return np.stack([trial.channels[:, signals.CHANNEL_INDEX[name]] for name in names], axis=1).astype(
        np.float64
    )


def test_the_example_maps_units_axes_rates_and_clocks(laboratory: Path, tmp_path: Path) -> None:
    said: list[str] = []
    (path,) = import_tables(laboratory, tmp_path / "out", said.append)
    assert path.name == "S01_walk1.parquet" and [*(tmp_path / "out").iterdir()] == [path]
    assert said == ["S01_walk1.parquet: 29.50 s, 18 of 54 channels, 2 of 14 labels"]
    trial = read_trial(path)
    assert (trial.meta.body_mass_kg, trial.meta.extra["condition"]) == (MASS, "W1")
    motion = Motion(trial.time_s + 2.0)
    accel, gyro = motion.thigh
    axes = [f"thigh_r_{q}_{a}" for q in ("accel", "gyro") for a in "xyz"]
    np.testing.assert_allclose(_channels(trial, *axes), np.hstack([accel, gyro]), atol=2e-3)
    up = _channels(trial, *(f"pelvis_accel_{a}" for a in "xyz"))
    np.testing.assert_allclose(up, np.tile([0, 9.80665, 0], (len(up), 1)), atol=1e-3)
    turn = _channels(trial, "pelvis_gyro_y")[2:-2, 0]
    truth = _TURN * 2 * np.pi * 0.3 * np.cos(2 * np.pi * 0.3 * motion.t)
    np.testing.assert_allclose(turn, truth[2:-2], atol=2e-3)
    yaw = Rotation.from_quat(trial.quaternions["pelvis"][:, [1, 2, 3, 0]]).as_euler("YXZ")[:, 0]
    np.testing.assert_allclose(yaw, motion.yaw, atol=1e-3)
    for side, centre in (("r", (0.25, 0.6)), ("l", (0.5 * 0.18 + 0.25 * 1.4, 0.5 * 0.5 + 0.25 * 1.05))):
        force = _channels(trial, f"insole_{side}_vgrf")[:, 0]
        np.testing.assert_allclose(force, motion.force, atol=1e-4)
        place = _channels(trial, f"insole_{side}_cop_ap", f"insole_{side}_cop_ml")
        np.testing.assert_allclose(place, np.tile(centre, (len(place), 1)), atol=1e-5)
    knee = trial.labels[:, signals.LABEL_NAMES.index("knee_angle_r")]
    np.testing.assert_allclose(knee, motion.knee_deg, atol=0.05)
    moment = trial.labels[:, signals.LABEL_NAMES.index("knee_angle_r_moment")]
    np.testing.assert_allclose(moment, 0.5, atol=1e-4)


def test_the_command_tells_what_the_check_finds(
    laboratory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = laboratory.read_text()
    second = text.index('accel_unit = "g"', text.index('part = "pelvis"'))
    laboratory.write_text(text[:second] + text[second:].replace('"g"', '"m/s2"', 1))
    assert cli.main(["import-table", str(laboratory), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out
    assert "S01_walk1.parquet: 29.50 s" in told
    assert "S01_walk1.parquet: error: pelvis_accel: its size is 1 in the median" in told


def test_every_missing_file_and_column_is_told_at_once(laboratory: Path, tmp_path: Path) -> None:
    text = laboratory.read_text()
    for old, new in (
        ('"ThighR Acc X"', '"ThighR Accel X"'),
        ('"Pelvis q0"', '"#99"'),
        ('"right/force"', '"right/Force"'),
        ('column = "R knee"', 'column = "R hip"'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    laboratory.write_text(text)
    with pytest.raises(ImportSetError) as refused:
        import_tables(laboratory, tmp_path / "out")
    lines = refused.value.defects
    assert len(lines) == 4
    assert "no column 'ThighR Accel X'; is it 'ThighR Acc X'" in lines[0]
    assert "no column '#99'" in lines[1]
    assert "no column 'right/Force'; is it 'right/force'" in lines[2]
    assert "no column 'R hip'" in lines[3]
    (tmp_path / "walk1_imus.csv").unlink()
    (tmp_path / "walk1_insoles.h5").write_bytes(b"no HDF5")
    with pytest.raises(ImportSetError) as refused:
        import_tables(laboratory, tmp_path / "out")
    assert [line for line in refused.value.defects if "cannot be read" in line] == list(
        refused.value.defects[:2]
    )
    assert not (tmp_path / "out").exists()


def test_every_mistake_of_the_map_is_told_with_its_key(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    for old, new in (
        ("mass_kg = 71.3", "mass_kg = 713"),
        ('accel_unit = "g" ', 'accel_unit = "G" '),
        ('part = "pelvis"', 'part = "hip"'),
        ('mounting = "x_up_z_back"', 'mounting = "z_up"'),
        ('name = "knee_angle_r"\n', 'name = "knee_angle"\n'),
        ('cop_unit = "mm"', 'cop_unit = "feet"'),
        ('unit = "us"', 'units = "us"'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(ImportSetError) as refused:
        load_map(tmp_path / "map.toml")
    keys = [line.split(": ")[1] for line in refused.value.defects]
    assert keys == [
        "wearer.mass_kg",
        "tables.imus.time.units",
        "tables.imus.imus.0.accel_unit",
        "tables.imus.imus.1.part",
        "tables.imus.imus.1.mounting",
        "tables.insoles.insoles.0.cop_unit",
        "tables.reference.labels.0",
    ]


def test_what_only_the_whole_map_shows(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace('part = "pelvis"', 'part = "thigh_r"')
    text = text.replace("offset_s = { insoles", "offset_s = { insole")
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(ImportSetError) as refused:
        load_map(tmp_path / "map.toml")
    first, second = refused.value.defects
    assert "trials.0.offset_s.insole: there is no table insole; there are imus, insoles, reference" in first
    assert "part thigh_r comes from tables.imus too" in second


def test_tables_that_share_no_time_are_refused(laboratory: Path, tmp_path: Path) -> None:
    laboratory.write_text(laboratory.read_text().replace("insoles = -0.213", "insoles = -300.0"))
    with pytest.raises(ImportSetError, match=r"walk1 has no common time: walk1_imus\.csv 0\.00 to 32\.99 s"):
        import_tables(laboratory, tmp_path / "out")


def test_a_time_that_goes_back_is_refused(laboratory: Path, tmp_path: Path) -> None:
    lines = (tmp_path / "walk1_imus.csv").read_text().splitlines()
    lines.insert(40, lines[20])
    (tmp_path / "walk1_imus.csv").write_text("\n".join(lines))
    with pytest.raises(ImportSetError, match="time does not increase at row 37"):
        import_tables(laboratory, tmp_path / "out")


def test_stamps_that_jitter_are_straightened_on_request(laboratory: Path, tmp_path: Path) -> None:
    """Rounded to 20 ms: every second time is there twice."""
    lines = (tmp_path / "walk1_imus.csv").read_text().splitlines()
    for i, line in enumerate(lines[3:], start=3):
        microseconds, _, rest = line.partition(";")
        rounded = 20_000 * round(float(microseconds.replace(",", ".")) / 20_000)
        lines[i] = f"{rounded};{rest}"
    (tmp_path / "walk1_imus.csv").write_text("\n".join(lines))
    with pytest.raises(ImportSetError, match="set steady = true if stamps only jitter"):
        import_tables(laboratory, tmp_path / "out")
    text = laboratory.read_text()
    laboratory.write_text(text.replace('unit = "us" }', 'unit = "us", steady = true }'))
    (path,) = import_tables(laboratory, tmp_path / "out")
    trial = read_trial(path)
    truth = Motion(trial.time_s + 2.0).thigh[1]
    gyro = _channels(trial, *(f"thigh_r_gyro_{a}" for a in "xyz"))
    np.testing.assert_allclose(gyro, truth, atol=0.02)
    (tmp_path / "walk1_imus.csv").write_text("\n".join(lines[:1000] + lines[1100:]))
    with pytest.raises(ImportSetError, match="from a steady rate at row"):
        import_tables(laboratory, tmp_path / "out")


def test_gaps_stay_gaps_and_fast_recordings_do_not_alias() -> None:
    at = np.arange(0.0, 1.98, 0.005)
    t = np.delete(np.arange(0.0, 2.0, 0.01), slice(50, 80))
    out = on_grid(np.sin(t)[:, None], t, at)[:, 0]
    inside = (at > 0.49 + 1e-9) & (at < 0.80 - 1e-9)
    assert np.isnan(out[inside]).all()
    np.testing.assert_allclose(out[~inside], np.sin(at[~inside]), atol=1e-4)
    fast = np.arange(0.0, 2.0, 0.001)
    hum = on_grid(np.sin(2 * np.pi * 190.0 * fast)[:, None], fast, at)[20:-20]
    assert np.abs(hum).max() < 0.05
