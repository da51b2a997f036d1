"""A recording written by hand, exported: rows on the grid, gaps as NaN, units in the heads, the knee's sign."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.cli import main
from jetson_runtime.recording import export
from jetson_runtime.recording.mcap_file import RecordingFile
from jetson_runtime.stream import messages
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.signals import CHANNELS, LABEL_NAMES, PERIOD_NS
from jetson_runtime.suit.trial import read_trial

SEQS = [seq for seq in range(100, 140) if seq != 120]
MASS_KG = 70.0


def _config(folder: Path) -> str:
    path = folder / "suit.toml"
    wearer = f"[wearer]\nmass_kg = {MASS_KG}\nfoot_length_m = 0.27\nfoot_width_m = 0.10\n"
    path.write_text(f'{wearer}[model]\nbundle = "x"\n[streams]\n')
    return configs.load(path).model_dump_json()


def _frame(seq: int) -> dict[str, object]:
    angles = [name for name in LABEL_NAMES if not name.endswith("_moment")]
    moments = [name for name in LABEL_NAMES if name.endswith("_moment")]
    return {
        "seq": seq,
        "valid": seq >= 110,
        "angle": {name: float(seq) for name in angles},
        "moment": dict.fromkeys(moments, 0.5),
        "moment_valid": seq < 130,
    }


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "made.mcap"
    file = RecordingFile(path, {"session": "s1"})
    file.add("session", 1, messages.encode_session({"config": _config(tmp_path)}, "s1", 1))
    for seq in SEQS:
        t_ns = seq * PERIOD_NS
        file.add("frame", t_ns, messages._encode("frame", "s1", t_ns, _frame(seq)))
        row = np.full(len(CHANNELS), float(seq)).tobytes()
        file.add("features", t_ns, messages.encode_features(seq, t_ns, row, [t_ns] * 8, "s1", t_ns))
        if seq in (112, 125):
            mark = {"task": "W", "subject": "S1", "trial": str(seq)}
            file.add("event", t_ns, messages.encode_event("mark", mark, "s1", t_ns))
    file.close()
    return path


def test_a_trial_has_a_row_for_each_tick_and_nan_where_there_was_none(
    recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trial.parquet"
    assert main(["export", str(recording), "--to", "parquet", "--out", str(out), "--task", "W"]) == 0
    trial = read_trial(out)
    assert len(trial.time_s) == 40
    assert np.flatnonzero(np.isnan(trial.channels[:, 0])).tolist() == [20]
    assert np.flatnonzero(np.isnan(trial.labels[:, 0])).tolist() == [*range(10), 20]
    assert np.flatnonzero(np.isnan(trial.labels[:, -1])).tolist() == [*range(10), 20, *range(30, 40)]
    assert (trial.meta.body_mass_kg, trial.meta.task) == (MASS_KG, "W")
    assert trial.labels[15, 0] == 115.0


def test_marks_cut_a_recording_into_trials(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    assert main(["export", str(recording), "--to", "parquet", "--out", str(out), "--by-mark"]) == 0
    trials = [read_trial(path) for path in sorted(out.iterdir())]
    assert [(trial.meta.subject, trial.meta.task) for trial in trials] == [("S1", "W")] * 2
    assert [int(trial.channels[0, 0]) for trial in trials] == [112, 125]
    assert [len(trial.time_s) for trial in trials] == [13, 15]


def test_a_csv_names_each_unit_and_leaves_empty_what_is_no_number(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.csv"
    assert main(["export", str(recording), "--to", "csv", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.open()))
    assert float(rows[3]["knee_angle_r [deg]"]) == 103.0
    assert float(rows[3]["hip_flexion_l_moment [Nm/kg]"]) == 0.5
    assert float(rows[3]["insole_r_vgrf [bodyweights]"]) == 103.0
    assert rows[20]["knee_angle_r [deg]"] == ""
    flags = [(rows[i]["valid"], rows[i]["moment_valid"]) for i in (3, 15, 20, 35)]
    assert flags == [("0", "1"), ("1", "1"), ("0", "0"), ("1", "0")]
    assert float(rows[35]["hip_flexion_l_moment [Nm/kg]"]) == 0.5
    assert int(rows[20]["t_ns [ns]"]) == 120 * PERIOD_NS


def test_a_mark_stands_in_the_row_of_the_time_at_which_it_was_made(tmp_path: Path) -> None:
    """Told ten rows later, as behind a slow disk; two within one row; one before the first row is in none."""
    path = tmp_path / "marked.mcap"
    file = RecordingFile(path, {"session": "s1"})
    file.add("session", 1, messages.encode_session({"config": _config(tmp_path)}, "s1", 1))
    made = [(90, 0, "too early"), (112, 3_000_000, "one"), (125, 0, "two"), (125, 4_999_999, "three")]
    for seq in range(100, 140):
        t_ns = seq * PERIOD_NS
        file.add("frame", t_ns, messages._encode("frame", "s1", t_ns, _frame(seq)))
        for row, more_ns, text in made:
            if seq == row + 10:
                mark = {"text": text, "at_ns": row * PERIOD_NS + more_ns}
                file.add("event", t_ns, messages.encode_event("mark", mark, "s1", t_ns))
    file.close()
    out = tmp_path / "table.csv"
    assert main(["export", str(path), "--to", "csv", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.open()))
    told = [row for row in rows if row["marks"]]
    assert [int(row["t_ns [ns]"]) // PERIOD_NS for row in told] == [112, 125]
    assert told[0]["mark_at_ns [ns]"] == str(112 * PERIOD_NS + 3_000_000)
    assert [int(at) - 125 * PERIOD_NS for at in told[1]["mark_at_ns [ns]"].split()] == [0, 4_999_999]
    assert [json.loads(row["marks"]) for row in told] == [
        [{"text": "one"}],
        [{"text": "two"}, {"text": "three"}],
    ]
    assert all(row["mark_at_ns [ns]"] == "" for row in rows if not row["marks"])
    # What is between two marks ends where the second one was made.
    lengths = [len(piece.valid) for _, _, piece in export.pieces(export.read([path]))]
    assert lengths == [13, 12, 1, 14]


@pytest.mark.parametrize(("words", "sign"), [((), 1.0), (("--knee-flexion", "negative"), -1.0)])
def test_opensim_gets_degrees_newton_metres_and_the_knee_of_its_model(
    recording: Path, tmp_path: Path, words: tuple[str, ...], sign: float
) -> None:
    out = tmp_path / "motion.mot"
    assert main(["export", str(recording), "--to", "opensim", "--out", str(out), *words]) == 0
    for path, knee, hip, values in (
        (out, "knee_angle_r", "hip_flexion_r", (115.0, 115.0)),
        (tmp_path / "motion_moments.sto", "knee_angle_r_moment", "hip_flexion_r_moment", (35.0, 35.0)),
    ):
        head, _, body = path.read_text().partition("endheader\n")
        lines = [line.split("\t") for line in body.splitlines()]
        assert f"nRows={len(lines) - 1}" in head
        assert f"nColumns={len(lines[0])}" in head
        third, fifteenth, sitting = (
            dict(zip(lines[0], map(float, lines[i]), strict=True)) for i in (4, 16, 36)
        )
        assert (fifteenth[knee], fifteenth[hip]) == (sign * values[0], values[1])
        assert third["time"] == pytest.approx(0.015)
        assert np.isnan([third[knee], third[hip]]).all(), "a frame that was not valid"
        assert np.isnan(sitting[hip]) == path.name.endswith("_moments.sto"), "feet that carry nobody"


def test_a_dot_within_a_name_is_no_ending(recording: Path, tmp_path: Path) -> None:
    for name in ("run1.5", "run1.6.mot"):
        assert main(["export", str(recording), "--to", "opensim", "--out", str(tmp_path / name)]) == 0
    made = sorted(path.name for path in tmp_path.glob("run*"))
    assert made == ["run1.5.mot", "run1.5_moments.sto", "run1.6.mot", "run1.6_moments.sto"]


def test_what_holds_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.mcap"
    empty.write_bytes(b"")
    assert main(["export", str(empty), "--to", "csv", "--out", str(tmp_path / "x.csv")]) == 2
    assert "holds no frames" in capsys.readouterr().err


def _told(path: Path, marks: list[tuple[int, dict[str, object]]]) -> list[str]:
    """Frames 100 to 139 and these marks at their frame's time, cut: each piece's name, first row and count."""
    file = RecordingFile(path, {"session": "s1"})
    file.add("session", 1, messages.encode_session({"config": _config(path.parent)}, "s1", 1))
    for seq in range(100, 140):
        t_ns = seq * PERIOD_NS
        row = np.full(len(CHANNELS), float(seq)).tobytes()
        file.add("features", t_ns, messages.encode_features(seq, t_ns, row, [t_ns] * 8, "s1", t_ns))
        for at, mark in marks:
            if at == seq:
                payload = messages.encode_event("mark", {**mark, "at_ns": t_ns}, "s1", t_ns)
                file.add("event", t_ns, payload)
    file.close()
    return [
        f"{name.partition('_')[2]} {piece.channels[0, 0]:.0f} {len(piece.valid)}"
        for name, _, piece in export.pieces(export.read([path]))
    ]


def _phase(phase: str, trial: int) -> dict[str, object]:
    return {"phase": phase, "task": "L1", "subject": "S1", "trial": str(trial)}


def test_a_trial_goes_from_its_begin_to_its_end_and_a_void_one_is_left_out(tmp_path: Path) -> None:
    marks = [
        *((102, _phase("begin", 1)), (106, _phase("end", 1)), (107, _phase("void", 1))),
        *((110, _phase("begin", 2)), (118, _phase("end", 2)), (119, _phase("kept", 2))),
        *((122, {"text": "by hand"}), (130, _phase("begin", 3))),
    ]
    assert _told(tmp_path / "cut.mcap", marks) == ["S1_L1_2 110 8", " 122 8", "S1_L1_3 130 10"]


def test_a_trial_that_was_superseded_later_is_left_out_too(tmp_path: Path) -> None:
    marks = [
        *((102, _phase("begin", 1)), (106, _phase("end", 1)), (107, _phase("kept", 1))),
        *((110, _phase("begin", 2)), (118, _phase("end", 2)), (119, _phase("kept", 2))),
        (120, _phase("void", 1)),
    ]
    assert _told(tmp_path / "redone.mcap", marks) == ["S1_L1_2 110 8"]
