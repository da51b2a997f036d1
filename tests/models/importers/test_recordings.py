"""The suit's recordings with a laboratory's reference: two clocks, one movement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jetson_runtime.suit.signals import CHANNEL_NAMES, LABEL_NAMES, STREAMS
from jetson_runtime.suit.trial import Trial, read_trial
from models import cli
from models.importers.errors import ImportSetError
from models.importers.recordings import import_recordings, read_recording
from models.importers.session_map import load_sessions
from models.importers.storage import Table, write_table
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

Doubles = npt.NDArray[np.float64]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
BOOT_NS = 5_000_000_000_000
# Laboratory = OFFSET + (1 + SKEW) * suit, the suit's seconds from its first row.
OFFSET, SKEW = 3.4567, 40e-6
SECONDS, LOST = 20.0, 5
MASS = 71.3

MAP = """
subject = "S01"
{more}
[wearer]
mass_kg = 71.3
foot_length_m = 0.262
foot_width_m = 0.099
[[trials]]
name = "walk"
task = "W"
recording = "{recording}"
reference = [{reference}]
laboratory_pulse = {{ file = "analog.csv", column = "Sync", time = "Time" }}
"""


@pytest.fixture(scope="module")
def walk() -> Trial:
    trial = generate(Subject.random(5), "W", SECONDS, seed=2, clean=True)
    channels = trial.channels.copy()
    # A centre of pressure that is always known, so that splines can be compared with it.
    return replace(trial, channels=np.nan_to_num(channels, nan=0.5))


@pytest.fixture(scope="module")
def pulses() -> Doubles:
    """On the suit's seconds; the laboratory's analog channel starts later."""
    return 1.0 + np.cumsum(np.random.default_rng(1).uniform(0.6, 1.8, 15))


def _level(edges: Doubles, t: Doubles) -> Doubles:
    return np.any([(t >= edge) & (t < edge + 0.05) for edge in edges], axis=0).astype(np.float64)


@pytest.fixture
def laboratory(tmp_path: Path, walk: Trial, pulses: Doubles) -> Path:
    """Analog channel of 1 kHz with a pulse lost, angles at 100 Hz in radians, moments in Nm; from its second 5 on.

    Knees as Gait2392 counts them: with the angle, OpenSim's generalised force has the other sign.
    """
    analog = np.arange(5.0, SECONDS, 0.001)
    edges = OFFSET + (1 + SKEW) * np.delete(pulses, LOST)
    rows = np.column_stack([analog, 5.0 * _level(edges, analog)])
    (tmp_path / "analog.csv").write_text(
        "Time,Sync\n" + "\n".join(f"{t:.4f},{v:.2f}" for t, v in rows) + "\n"
    )
    at = np.arange(5.0, SECONDS, 0.01)
    suit = (at - OFFSET) / (1 + SKEW)
    labels = np.stack(
        [np.interp(suit, walk.time_s, column) for column in walk.labels.T.astype(np.float64)], axis=1
    )
    angles = [i for i, name in enumerate(LABEL_NAMES) if not name.endswith("_moment")]
    moments = [i for i, name in enumerate(LABEL_NAMES) if name.endswith("_moment")]
    knees = [LABEL_NAMES.index(f"knee_angle_{side}{kind}") for side in "rl" for kind in ("", "_moment")]
    labels[:, knees] *= -1.0
    for name, which, factor in (("ik.mot", angles, np.pi / 180.0), ("id.sto", moments, MASS)):
        names = tuple(LABEL_NAMES[i] for i in which)
        write_table(tmp_path / name, Table(names, at, factor * labels[:, which], in_degrees=False))
    return tmp_path


def _columns(walk: Trial, pulses: Doubles) -> dict[str, Doubles]:
    return {
        "t_ns": BOOT_NS + np.rint(walk.time_s * 1e9),
        **dict(zip(CHANNEL_NAMES, walk.channels.T.astype(np.float64), strict=True)),
        "sync": _level(pulses, walk.time_s),
    }


def _streams(walk: Trial, pulses: Doubles) -> dict[str, dict[str, Doubles]]:
    """Each device at its own rate and phase, the pulse's edges in a table of their own."""
    out: dict[str, dict[str, Doubles]] = {"sync": {"t_ns": BOOT_NS + np.rint(pulses * 1e9)}}
    for k, stream in enumerate(STREAMS):
        at = np.arange(0.001 * k, SECONDS - 0.01, 0.005 if stream.kind == "imu" else 1 / 80)
        values = [np.interp(at, walk.time_s, walk.channels[:, i]) for i in stream.channels]
        names = [CHANNEL_NAMES[i] for i in stream.channels]
        out[stream.name] = {"t_ns": BOOT_NS + np.rint(at * 1e9), **dict(zip(names, values, strict=True))}
    return out


def _parquet(path: Path, columns: Mapping[str, Doubles]) -> None:
    whole = {name: values.astype(np.int64) if name == "t_ns" else values for name, values in columns.items()}
    pq.write_table(pa.table(whole), path)


def _map(folder: Path, recording: str, more: str = 'reversed = ["knee_angle_r", "knee_angle_l"]') -> Path:
    path = folder / "map.toml"
    path.write_text(MAP.format(recording=recording, reference='"ik.mot", "id.sto"', more=more))
    return path


def _compare(trial: Trial, walk: Trial, imu: float, insole: float) -> None:
    """Greatest RMS error of a channel, in its own standard deviations; labels nearly exact."""
    suit = (trial.time_s + 5.0 - OFFSET) / (1 + SKEW)
    for i, name in enumerate(CHANNEL_NAMES):
        truth = np.interp(suit, walk.time_s, walk.channels[:, i])
        error = np.sqrt(np.nanmean((trial.channels[:, i] - truth) ** 2)) / max(truth.std(), 1e-3)
        assert error < (insole if name.startswith(("insole", "foot")) else imu), name
    for i, name in enumerate(LABEL_NAMES):
        truth = np.interp(suit, walk.time_s, walk.labels[:, i])
        assert np.sqrt(np.nanmean((trial.labels[:, i] - truth) ** 2)) < 0.02 * truth.std(), name


def test_one_table_with_the_pulse_s_level(laboratory: Path, walk: Trial, pulses: Doubles) -> None:
    _parquet(laboratory / "suit.parquet", _columns(walk, pulses))
    said: list[str] = []
    (path,) = import_recordings(_map(laboratory, "suit.parquet"), laboratory / "out", said.append)
    trial = read_trial(path)
    # The suit's level is known to a row of 5 ms, as both edges of a row are: half of it on average.
    offset = float(trial.meta.extra["sync_offset_s"])
    assert abs(offset - OFFSET) < 0.0035
    assert float(trial.meta.extra["sync_residual_ms"]) < 2.5
    seen = np.delete(OFFSET + (1 + SKEW) * pulses, LOST)
    count = int(np.sum((seen > 5.0) & (seen < SECONDS)))
    assert trial.meta.extra["sync_pulses"] == str(count)
    assert f"{count} pulses matched, 1 and 0 without partner" in said[0]
    assert abs(trial.duration_s - (SECONDS - 5.0)) < 0.1
    _compare(trial, walk, 0.12, 0.12)


@pytest.mark.parametrize(
    ("reversed_", "angle", "moment"),
    [
        (["knee_angle_r"], -1, -1),
        (["knee_angle_r", "knee_angle_r_moment"], -1, -1),
        (["knee_angle_r_moment"], 1, -1),
        ([], 1, 1),
    ],
)
def test_a_reversed_angle_reverses_its_moment_once(
    laboratory: Path, walk: Trial, pulses: Doubles, reversed_: list[str], angle: int, moment: int
) -> None:
    _parquet(laboratory / "suit.parquet", _columns(walk, pulses))
    (path,) = import_recordings(
        _map(laboratory, "suit.parquet", f"reversed = {reversed_}"), laboratory / "out"
    )
    trial = read_trial(path)
    suit = (trial.time_s + 5.0 - OFFSET) / (1 + SKEW)
    # The fixture's knees are the other way round: what is not reversed stays so.
    for name, sign in (
        ("knee_angle_r", -angle),
        ("knee_angle_r_moment", -moment),
        ("hip_flexion_r_moment", 1),
    ):
        column = LABEL_NAMES.index(name)
        truth = np.interp(suit, walk.time_s, walk.labels[:, column])
        assert np.sign(np.nansum(trial.labels[:, column] * truth)) == sign, name


@pytest.mark.parametrize("kind", ["folder", "hdf5"])
def test_a_table_for_each_stream_and_the_pulse_s_edges(
    laboratory: Path, walk: Trial, pulses: Doubles, kind: str
) -> None:
    streams = _streams(walk, pulses)
    if kind == "folder":
        (laboratory / "suit").mkdir()
        for name, columns in streams.items():
            _parquet(laboratory / "suit" / f"{name}.parquet", columns)
        recording = "suit"
    else:
        h5py = pytest.importorskip("h5py")
        recording = "suit.h5"
        with h5py.File(laboratory / recording, "w") as file:
            for name, columns in streams.items():
                for column, values in columns.items():
                    file[f"{name}/{column}"] = values
    (path,) = import_recordings(_map(laboratory, recording), laboratory / "out")
    trial = read_trial(path)
    assert abs(float(trial.meta.extra["sync_offset_s"]) - OFFSET) < 0.0003
    assert abs(float(trial.meta.extra["sync_skew_ppm"]) - 40.0) < 60.0
    _compare(trial, walk, 0.03, 0.25)


def test_a_gap_of_the_recording_stays_one(laboratory: Path, walk: Trial, pulses: Doubles) -> None:
    lost = (walk.time_s > 8.0) & (walk.time_s < 8.3)
    columns = {name: values[~lost] for name, values in _columns(walk, pulses).items()}
    _parquet(laboratory / "suit.parquet", columns)
    (path,) = import_recordings(_map(laboratory, "suit.parquet"), laboratory / "out")
    unknown = np.flatnonzero(np.isnan(read_trial(path).channels[:, 0]))
    assert 58 <= len(unknown) <= 62 and abs(unknown[0] / 200 + 5.0 - OFFSET - 8.0) < 0.02


def test_several_defects_and_pulses_that_do_not_match_are_told_together(
    laboratory: Path, walk: Trial, pulses: Doubles
) -> None:
    other = 1.0 + np.cumsum(np.random.default_rng(9).uniform(0.6, 1.8, 15))
    _parquet(laboratory / "suit.parquet", _columns(walk, other))
    path = _map(laboratory, "suit.parquet")
    text = path.read_text()
    second = text[text.index("[[trials]]") :].replace('"walk"', '"lift"')
    third = second.replace('"lift"', '"stand"').replace("suit.parquet", "absent.parquet")
    path.write_text(text + second.replace('"ik.mot", "id.sto"', '"analog.csv"') + third)
    with pytest.raises(ImportSetError) as refused:
        import_recordings(path, laboratory / "out")
    walked, lifted, stood = refused.value.defects
    assert "trial walk: " in walked and ("partner" in walked or "several ways" in walked)
    assert "analog.csv: has no column 'time'" in lifted
    assert "absent.parquet: cannot be read" in stood
    assert not (laboratory / "out").exists()


def test_no_pulse_no_channel_no_common_time(laboratory: Path, walk: Trial, pulses: Doubles) -> None:
    columns = _columns(walk, pulses)
    del columns["sync"]
    _parquet(laboratory / "suit.parquet", columns)
    path = _map(laboratory, "suit.parquet")
    with pytest.raises(
        ImportSetError, match="has no column 'sync' of the pulse; export it with the recording"
    ):
        import_recordings(path, laboratory / "out")
    far = (
        path.read_text()
        .replace("[[trials]]", "[[trials]]\nsuit_pulse = { edges_s = [5000.0] }")
        .replace('{ file = "analog.csv", column = "Sync", time = "Time" }', "{ edges_s = [900.0] }")
    )
    path.write_text(far)
    with pytest.raises(ImportSetError, match="recording and reference share no time"):
        import_recordings(path, laboratory / "out")
    _parquet(laboratory / "suit.parquet", {"t_ns": columns["t_ns"], "a": columns["t_ns"]})
    with pytest.raises(ImportSetError, match="holds no channel of the suit"):
        read_recording(laboratory / "suit.parquet")
    _parquet(laboratory / "suit.parquet", {**columns, "t_ns": columns["t_ns"][::-1]})
    with pytest.raises(ImportSetError, match="t_ns of suit does not increase"):
        read_recording(laboratory / "suit.parquet")
    (laboratory / "empty").mkdir()
    with pytest.raises(ImportSetError, match="holds no table of the suit"):
        read_recording(laboratory / "empty")


def test_one_pulse_by_hand_on_the_recording_s_clock(laboratory: Path, walk: Trial, pulses: Doubles) -> None:
    """Edges given in seconds of t_ns, as the example says."""
    _parquet(laboratory / "suit.parquet", _columns(walk, pulses))
    path = _map(laboratory, "suit.parquet")
    edge = BOOT_NS * 1e-9 + 10.0
    text = path.read_text().replace("[[trials]]", f"[[trials]]\nsuit_pulse = {{ edges_s = [{edge}] }}")
    path.write_text(
        text.replace(
            '{ file = "analog.csv", column = "Sync", time = "Time" }', f"{{ edges_s = [{10.0 + OFFSET}] }}"
        )
    )
    (made,) = import_recordings(path, laboratory / "out")
    assert float(read_trial(made).meta.extra["sync_offset_s"]) == pytest.approx(OFFSET, abs=1e-5)


def test_the_example_is_a_map_and_mistakes_have_their_keys(tmp_path: Path) -> None:
    text = (EXAMPLES / "import-recording.toml").read_text()
    (tmp_path / "map.toml").write_text(text)
    assert [trial.name for trial in load_sessions(tmp_path / "map.toml").trials] == ["walk1", "lift1"]
    for old, new in (
        ("mass_kg = 71.3", "mass = 71.3"),
        ('"knee_angle_l"]', '"knee_l"]'),
        ('reference = ["lift1_labels.parquet"]', "reference = []"),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(ImportSetError) as refused:
        load_sessions(tmp_path / "map.toml")
    keys = [line.split(": ")[1] for line in refused.value.defects]
    assert keys == ["wearer.mass_kg", "wearer.mass", "reversed", "trials.1.reference"]


def test_the_command_tells_alignment_and_check(
    laboratory: Path, walk: Trial, pulses: Doubles, capsys: pytest.CaptureFixture[str]
) -> None:
    _parquet(laboratory / "suit.parquet", _columns(walk, pulses))
    assert (
        cli.main(
            ["import-recording", str(_map(laboratory, "suit.parquet")), "--out", str(laboratory / "out")]
        )
        == 0
    )
    assert "pulses matched" in capsys.readouterr().out
    turned = _map(laboratory, "suit.parquet", more="")
    assert cli.main(["import-recording", str(turned), "--out", str(laboratory / "again")]) == 1
    assert "knee_angle_r, knee_angle_l: runs against its gyroscopes" in capsys.readouterr().out
