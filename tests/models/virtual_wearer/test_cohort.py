"""Sessions of virtual wearers as files: one putting-on for each, a neutral stance, every task asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jetson_runtime.suit.signals import CHANNEL_INDEX
from jetson_runtime.suit.trial import read_trial
from models.data.tasks import NEUTRAL_CODE
from models.virtual_wearer import cohort, wearer
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.insoles import InsoleError

LOAD = CHANNEL_INDEX["insole_r_vgrf"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cohort")
    cohort.write(out, [1000], ("W", "L3"), 3.0, sessions=2, say=lambda line: None)
    return out


def test_a_session_is_a_neutral_stance_and_every_task(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(f"vw-1000_{code}_{k}.parquet" for code in ("neutral", "W", "L3") for k in (0, 1))
    neutral, lift = (read_trial(folder / f"vw-1000_{code}_1.parquet") for code in ("neutral", "L3"))
    assert (neutral.meta.task, neutral.meta.extra["session"]) == ("other:neutral", "1")
    assert (lift.meta.task, lift.meta.extra["condition"], lift.meta.extra["session"]) == ("L", "L3", "1")
    assert lift.plates is not None
    assert len(lift.time_s) == 600


def test_the_suit_is_put_on_once_for_a_session_and_anew_for_the_next(folder: Path) -> None:
    worn, again = Donning.worn(1000, 0), Donning.worn(1000, 1)
    late = worn.after(40.0)
    np.testing.assert_array_equal(worn.rotation, late.rotation)
    assert np.abs(worn.rotation - again.rotation).max() > 0.01
    still = cohort.trial_of(1000, 0, NEUTRAL_CODE)
    np.testing.assert_array_equal(read_trial(folder / "vw-1000_neutral_0.parquet").channels, still.channels)


def test_insoles_drift_over_the_session_towards_a_limit() -> None:
    error = InsoleError(gain=0.8, offset=0.02, drift=0.05)
    assert error.after(0.0) == error
    gains = [error.after(minutes).gain for minutes in (0.0, 40.0, 120.0, 1e6)]
    assert gains == sorted(gains)
    assert gains[-1] == pytest.approx(0.8 * 1.05)
    assert error.after(1e6).offset == pytest.approx(0.021)


def test_files_that_are_there_stay(folder: Path) -> None:
    path = folder / "vw-1000_W_0.parquet"
    before = path.stat().st_mtime_ns
    told: list[str] = []
    cohort.write(folder, [1000], ("W",), 3.0, say=told.append)
    assert path.stat().st_mtime_ns == before
    assert told == [f"{folder}: 2 of 2 trials, 2 of them were there before"]


def test_files_of_another_length_are_not_taken_for_those_asked_for(folder: Path) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(ValueError, match=r"vw-1000_L3_0\.parquet: lasts 3 s, not 5, one of 2 such files"):
        cohort.write(folder, [1000, 1001], ("L3", "W"), 5.0)
    assert sorted(folder.iterdir()) == before


def test_what_a_body_cannot_do_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def impossible(*_: object, **__: object) -> None:
        raise ValueError("the plan puts an ankle 0.091 m out of the leg's reach")

    monkeypatch.setattr(wearer, "generate", impossible)
    told: list[str] = []
    cohort.write(tmp_path, [1000], ("W2",), 3.0, say=told.append)
    assert told[0].startswith("vw-1000_W2_0: left out, the plan puts an ankle")
    assert told[1] == f"{tmp_path}: 1 of 2 trials"
    assert [path.name for path in tmp_path.iterdir()] == ["vw-1000_neutral_0.parquet"]


@pytest.mark.parametrize("code", ["W9", "jump", ""])
def test_an_unknown_code_is_refused_before_anything_is_written(tmp_path: Path, code: str) -> None:
    with pytest.raises(ValueError, match="no condition"):
        cohort.write(tmp_path / "out", [1000], ("W", code), 3.0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("seconds", "sessions", "word"),
    [(0.0, 1, "0 s"), (float("nan"), 1, "nan s"), (float("inf"), 1, "inf s"), (None, 0, "0 sessions")],
)
def test_no_time_and_no_session_are_refused(
    tmp_path: Path, seconds: float | None, sessions: int, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        cohort.write(tmp_path / "out", [1000], ("W",), seconds, sessions=sessions)
    assert not (tmp_path / "out").exists()
