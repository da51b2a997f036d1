"""`second-skin-lab dose` on a recording of known moments, on its export, and on input that cannot be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from made_up_trials import made_up_trial

from jetson_runtime.recording import export
from jetson_runtime.recording.mcap_file import RecordingFile
from jetson_runtime.stream import messages
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.signals import CHANNELS, LABEL_NAMES, PERIOD_NS, SIDES
from jetson_runtime.suit.trial import write_trial
from models import cli

MASS_KG = 70.0
MOMENT = 0.5
FIRST, LAST = 200, 400
LOST = range(300, 310)
SAT = range(350, 380)
LUMBAR = "lumbar_extension_moment"


def _frame(seq: int) -> dict[str, object]:
    t_ns = seq * PERIOD_NS
    valid = seq >= FIRST + 50
    angles = [name for name in LABEL_NAMES if not name.endswith("_moment")]
    moments = [name for name in LABEL_NAMES if name.endswith("_moment")]
    return {
        "seq": seq,
        "valid": valid,
        "state": "running" if valid else "settling",
        "age_ms": 1.0,
        "oldest_ms": 1.0,
        "settling_ms": 0.0,
        "missing": (),
        "angle": dict.fromkeys(angles, 0.0),
        "moment": dict.fromkeys(moments, MOMENT if valid else math.nan),
        "moment_valid": seq not in SAT,
        "ground": {side: {"vgrf": 0.5, "cop_ap": 0.5, "cop_ml": 0.5, "contact": True} for side in SIDES},
        "t_ns": t_ns,
    }


def _recording(folder: Path) -> Path:
    toml = folder / "suit.toml"
    wearer = f"[wearer]\nmass_kg = {MASS_KG}\nfoot_length_m = 0.27\nfoot_width_m = 0.10\n"
    toml.write_text(f'{wearer}[model]\nbundle = "x"\n[streams]\n')
    path = folder / "made.mcap"
    file = RecordingFile(path, {"session": "s1"})
    told = messages.encode_session({"config": configs.load(toml).model_dump_json()}, "s1", 1)
    file.add("session", 1, told)
    described = messages.describe(
        model={"name": "m", "sha256": "0"}, engine="e", precision="fp32", sides=SIDES, body_mass_kg=MASS_KG
    )
    file.add("hello", 1, messages.encode_hello(described, "s1", 1))
    for seq in [seq for seq in range(FIRST, LAST) if seq not in LOST]:
        t_ns = seq * PERIOD_NS
        file.add("frame", t_ns, messages._encode("frame", "s1", t_ns, _frame(seq), t_ns))
        row = bytes(8 * len(CHANNELS))
        file.add("features", t_ns, messages.encode_features(seq, t_ns, row, [t_ns] * 8, "s1", t_ns))
    file.close()
    return path


def _dose(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, object]:
    capsys.readouterr()
    assert cli.main(["dose", *map(str, words), "--json"]) == 0
    table: dict[str, object] = json.loads(capsys.readouterr().out)
    return table


def test_a_recording_and_its_export_have_the_same_dose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = _recording(tmp_path)
    told = _dose(capsys, recording)
    seconds = (LAST - FIRST - 50 - len(LOST) - len(SAT)) * 0.005
    assert told["valid_s"] == pytest.approx(seconds)
    assert told["invalid_s"] == pytest.approx(0.40)
    assert told["unheard_s"] == pytest.approx(0.05)
    load = told["loads"][LUMBAR]
    assert load["linear_nms"] == pytest.approx(MOMENT * MASS_KG * seconds)
    assert load["squared_nm2s"] == pytest.approx((MOMENT * MASS_KG) ** 2 * seconds)

    exported = tmp_path / "made.parquet"
    export.write_trial(exported, export.read([recording]), "S1", "L")
    again = _dose(capsys, exported)
    assert again["loads"][LUMBAR]["linear_nms"] == pytest.approx(load["linear_nms"])
    # The export has a row for each tick, told or not.
    assert again["invalid_s"] == pytest.approx(0.45)


def test_a_recording_without_its_end_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = _recording(tmp_path)
    assert cli.main(["dose", str(recording)]) == 0
    assert capsys.readouterr().err == ""
    recording.write_bytes(recording.read_bytes()[:-500])
    assert cli.main(["dose", str(recording)]) == 0
    told = capsys.readouterr()
    assert f"{recording}: has no end" in told.err
    assert f"second-skin recordings {tmp_path} --repair" in told.err
    assert "measured" in told.out


def test_trials_are_summed_up_and_moments_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / f"{k}.parquet" for k in range(2)]
    for k, path in enumerate(paths):
        write_trial(path, made_up_trial(f"s{k}", k, 1.6))
    names = "knee_angle_r_moment,knee_angle_l_moment"
    both = _dose(capsys, *paths, "--moments", names)
    one, other = (_dose(capsys, path, "--moments", names) for path in paths)
    assert list(both["loads"]) == names.split(",")
    for name, load in both["loads"].items():
        parts = [table["loads"][name]["linear_nms"] for table in (one, other)]
        assert load["linear_nms"] == pytest.approx(sum(parts))


def test_what_cannot_be_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = _recording(tmp_path)
    for words, told in (
        ([recording, "--moments", "lumbar"], "no moment is called lumbar"),
        ([recording, "--moments", ""], "no moment is called ''; there are "),
        ([recording, "--moments", f"{LUMBAR},{LUMBAR}"], f"{LUMBAR}: is there more than once"),
        ([tmp_path / "x.csv"], "name recordings"),
        ([recording, tmp_path / "x.parquet"], "twice"),
        ([tmp_path / "none.mcap"], "none.mcap"),
    ):
        assert cli.main(["dose", *map(str, words)]) == cli.BAD_INPUT
        assert told in capsys.readouterr().err
