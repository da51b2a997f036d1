"""A recording of the suit as it was written, with the sync line's events, brought on the laboratory's clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_recordings import OFFSET, SKEW, Doubles, _compare, _map, laboratory, pulses, walk

from jetson_runtime.recording.mcap_file import RecordingFile
from jetson_runtime.stream import messages
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.signals import CHANNEL_INDEX, PERIOD_NS
from jetson_runtime.suit.trial import Trial, read_trial
from models.importers.errors import ImportSetError
from models.importers.recordings import import_recordings
from models.importers.suit_recording import read_recorded

__all__ = ["laboratory", "pulses", "walk"]
BOOT_SEQ = 1_000_000_000


def record(folder: Path, walk: Trial, pulses: Doubles, marks: dict[float, str], wearer: str = "") -> Path:
    """As the recorder writes it: frames, features, an event for each edge, marks (trial) by their second."""
    path = folder / "20261123T101500Z_s1_000.mcap"
    config = folder / "suit.toml"
    config.write_text(f'{wearer}[model]\nbundle = "x"\n[streams]\n')
    file = RecordingFile(path, {"session": "s1"})
    told = {"config": configs.load(config).model_dump_json()}
    file.add("session", 1, messages.encode_session(told, "s1", 1))
    boot_ns = BOOT_SEQ * PERIOD_NS
    for row, channels in enumerate(walk.channels.astype(np.float64)):
        seq, t_ns = BOOT_SEQ + row, boot_ns + row * PERIOD_NS
        features = messages.encode_features(seq, t_ns, channels.tobytes(), [t_ns] * 8, "s1", t_ns)
        file.add("features", t_ns, features)
    for number, edge_s in enumerate(pulses.tolist()):
        for name, later_s in (("rising", 0.0), ("falling", 0.05)):
            at_ns = boot_ns + round((edge_s + later_s) * 1e9)
            content = {"edge": name, "number": 2 * number + 1, "at_ns": at_ns}
            file.add("event", at_ns, messages.encode_event(messages.SYNC, content, "s1", at_ns))
    for second, trial in marks.items():
        at_ns = boot_ns + round(second * 1e9)
        file.add("event", at_ns, messages.encode_event("mark", {"trial": trial}, "s1", at_ns))
    file.close()
    return path


@pytest.mark.parametrize("named", ["20261123T101500Z_s1_000.mcap", "*_s1_*.mcap"])
def test_the_recorder_s_file_is_aligned_by_its_sync_events(
    laboratory: Path, walk: Trial, pulses: Doubles, named: str
) -> None:
    record(laboratory, walk, pulses, {})
    (path,) = import_recordings(_map(laboratory, named), laboratory / "out")
    trial = read_trial(path)
    # Stamped edges against an analog channel of 1 kHz: no row of 5 ms between them.
    assert abs(float(trial.meta.extra["sync_offset_s"]) - OFFSET) < 0.0005
    assert abs(float(trial.meta.extra["sync_skew_ppm"]) - SKEW * 1e6) < 60.0
    assert float(trial.meta.extra["sync_residual_ms"]) < 1.0
    _compare(trial, walk, 0.03, 0.25)


def test_a_mark_chooses_its_part_and_the_last_of_two(laboratory: Path, walk: Trial, pulses: Doubles) -> None:
    record(laboratory, walk, pulses, {0.5: "7", 3.0: "8", 6.0: "7", 16.0: "9"})
    map_path = _map(laboratory, "*_s1_*.mcap")
    map_path.write_text(map_path.read_text() + 'mark = { trial = "7" }\n')
    (path,) = import_recordings(map_path, laboratory / "out")
    trial = read_trial(path)
    assert trial.duration_s == pytest.approx(10.0 * (1 + SKEW), abs=0.02)
    assert abs(float(trial.meta.extra["sync_offset_s"]) - (OFFSET + 6.0 * (1 + SKEW))) < 0.001


@pytest.mark.parametrize("mass_kg", [71.3, 142.6])
def test_forces_are_of_the_map_s_wearer_or_the_recording_is_refused(
    laboratory: Path, walk: Trial, pulses: Doubles, mass_kg: float
) -> None:
    worn = f"[wearer]\nmass_kg = {mass_kg}\nfoot_length_m = 0.262\nfoot_width_m = 0.099\n"
    record(laboratory, walk, pulses, {}, worn)
    map_path = _map(laboratory, "*_s1_*.mcap")
    if mass_kg != 71.3:
        with pytest.raises(
            ImportSetError, match=r"142.6 kg with .* of the map is 71.3 kg .* rescale_insoles"
        ):
            import_recordings(map_path, laboratory / "out")
        map_path.write_text("rescale_insoles = true\n" + map_path.read_text())
    (path,) = import_recordings(map_path, laboratory / "out")
    column = CHANNEL_INDEX["insole_r_vgrf"]
    mean = np.nanmean(read_trial(path).channels[:, column])
    assert mean == pytest.approx(np.nanmean(walk.channels[:, column]) * mass_kg / 71.3, rel=0.1)


@pytest.mark.parametrize(("edge", "count"), [("both", 0), ("rising", 0), ("falling", 1)])
def test_the_end_of_a_pulse_that_began_before_the_mark_is_none(
    tmp_path: Path, walk: Trial, edge: str, count: int
) -> None:
    """A pulse from 1.00 to 1.05 s, and the mark in its middle; with `falling` the line tells ends alone."""
    sync = f'[sync]\nchip = "x"\nline = 4\nedge = "{edge}"\n'
    path = record(tmp_path, walk, np.array([1.0]), {1.02: "7"}, sync)
    *_, edges_s, _ = read_recorded(path, {"trial": "7"})
    assert len(edges_s) == count


@pytest.mark.parametrize(
    ("named", "more", "why"),
    [
        ("*_s2_*.mcap", "", "matches no file"),
        ("*_s1_*.mcap", 'mark = { trial = "5" }\n', "has no mark with trial 5"),
        ("analog.mcap", "", "is no file"),
    ],
)
def test_what_cannot_be_read_is_told_by_name(
    laboratory: Path, walk: Trial, pulses: Doubles, named: str, more: str, why: str
) -> None:
    record(laboratory, walk, pulses, {1.0: "1"})
    map_path = _map(laboratory, named)
    map_path.write_text(map_path.read_text() + more)
    with pytest.raises(ImportSetError, match=why):
        import_recordings(map_path, laboratory / "out")
