"""Protocols, progress and counting without a suit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.cli import main
from jetson_runtime.collect import counting, protocol
from jetson_runtime.collect.progress import Progress
from jetson_runtime.suit.errors import ProtocolError
from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES
from jetson_runtime.suit.tasks_table import rows
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "collect.toml"


def test_the_paper_s_session_is_all_33_conditions_in_the_table_s_order_or_a_drawn_one() -> None:
    told = protocol.load("paper", "S01").ordered()
    assert [one.task for one in told] == list(rows())
    assert len(told) == 33
    by_task = {one.task: one for one in told}
    assert (by_task["L1"].repetitions, by_task["L1"].seconds, by_task["L1"].count) == (10, None, "hips")
    assert (by_task["W5"].repetitions, by_task["W5"].seconds) == (None, 30.0)
    assert (by_task["VA1"].count, by_task["W2"].count) == ("none", "strides")
    assert all(one.tare for one in told)
    drawn = [one.task for one in protocol.load("paper", "S01", 7).ordered()]
    assert sorted(drawn) == sorted(rows()) and drawn != list(rows())
    assert drawn == [one.task for one in protocol.load("paper", "S01", 7).ordered()]


def test_the_example_is_a_protocol_and_more_than_the_table_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {one.task: one for one in protocol.load(str(EXAMPLE)).ordered()}
    assert (told["W5"].seconds, told["W5"].rest_s, told["L1"].rest_s) == (60.0, 120.0, 30.0)
    assert (told["other:stairs"].repetitions, told["other:squat"].count) == (3, "hips")
    assert main(["collect", str(EXAMPLE), "--list"]) == 0
    assert "lift a light lead blanket" in capsys.readouterr().out


def test_every_mistake_of_a_protocol_is_told_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        'subject = "S 1"\nrest_s = -1\nplan = 3\nconditions = ["L9", "other:hop", '
        '{ task = "W1", repetitions = 2, seconds = 3.0 }]\n'
    )
    with pytest.raises(ProtocolError) as refused:
        protocol.load(str(path))
    told = str(refused.value)
    assert "6 mistakes" in told
    for words in ("subject:", "rest_s:", "plan:", "L9: no condition; there are L1", "give what", "not both"):
        assert words in told
    path.write_text('conditions = ["L1"]\n')
    with pytest.raises(ProtocolError, match="names no subject"):
        protocol.load(str(path))
    with pytest.raises(ProtocolError, match="cannot be read"):
        protocol.load(str(tmp_path / "absent.toml"))


def test_progress_is_taken_up_and_that_of_another_session_refused(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    progress = Progress(path, "S01", "abc")
    first = progress.begin("L1")
    first.state = "kept"
    progress.save()
    progress.go_to(1)
    progress.skip()
    again = Progress(path, "S01", "abc")
    assert (again.found, again.step, again.skipped) == (True, 2, (1,))
    assert [one.number for one in again.kept(0)] == [1]
    assert again.begin("L1").number == 2
    assert [one.number for one in Progress(path, "S01", "abc").undecided()] == [2]
    with pytest.raises(ProtocolError, match="of another protocol"):
        Progress(path, "S02", "abc")
    path.write_text(path.read_text()[:40])
    with pytest.raises(ProtocolError, match="no progress of a session"):
        Progress(path, "S01", "abc")


def test_trials_of_another_progress_have_other_names_and_those_of_an_old_file_keep_theirs(
    tmp_path: Path,
) -> None:
    first, second = (Progress(tmp_path / f"{name}.json", "S01", "abc") for name in "ab")
    names = {one.name(one.begin("L1")) for one in (first, second)}
    again = Progress(tmp_path / "a.json", "S01", "abc")
    assert len(names) == 2 and again.name(again.trials[0]) in names
    old = tmp_path / "old.json"
    old.write_text(
        '{"subject": "S01", "protocol": "abc", "trials": [{"step": 0, "task": "L1", "number": 4}]}'
    )
    taken_up = Progress(old, "S01", "abc")
    assert taken_up.name(taken_up.trials[0]) == "4"


@pytest.mark.parametrize(("code", "repetitions"), [("L3", 5), ("L6", 5), ("SH3", 5), ("W2", 10)])
def test_what_can_be_counted_is_counted_right_on_virtual_wearers(code: str, repetitions: int) -> None:
    """Within one of walking: a stride is cut where the recording ends."""
    hips = [LABEL_NAMES.index(f"hip_flexion_{side}") for side in "rl"]
    counts = []
    for seed in (1, 2, 5):
        trial = generate(Subject.random(seed), code, None, seed=seed)
        if code.startswith("W"):
            vgrf = trial.channels[:, CHANNEL_INDEX["insole_r_vgrf"]].astype(np.float64)
            counts.append(counting.strides(vgrf))
        else:
            counts.append(counting.excursions(trial.labels[:, hips].mean(axis=1).astype(np.float64)))
    assert all(abs(count - repetitions) <= code.startswith("W") for count in counts), counts


def test_nothing_is_counted_where_nobody_moves_or_nothing_is_known() -> None:
    rng = np.random.default_rng(0)
    assert counting.excursions(rng.normal(5.0, 2.0, 4000)) == 0
    assert counting.strides(rng.normal(0.5, 0.02, 4000)) == 0
    assert counting.excursions(np.full(4000, np.nan)) == counting.strides(np.full(4000, np.nan)) == 0
    bends = 40.0 - 40.0 * np.cos(2 * np.pi * 0.25 * np.arange(0, 20, 0.005))
    assert counting.excursions(bends) == 5
    bends[1000:1200] = np.nan
    assert counting.excursions(bends) == 5
