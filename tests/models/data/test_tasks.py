"""The task table: complete, consistent with the paper's text, and honest about what the text does not say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.analytical import hand_forces
from models.data import tasks
from models.data.paper import STATEMENTS
from models.data.tasks import COLUMNS, KINDS, Condition

SHIPPED = tasks.TABLE


def test_there_are_33_conditions_of_7_kinds_and_every_code_is_its_own() -> None:
    codes = [one.code for one in tasks.conditions()]
    assert len(codes) == len(set(codes)) == 33
    assert list(KINDS) == ["L", "PP", "PS", "SH", "SP", "VA", "W"]
    assert set(Counter(one.kind for one in tasks.conditions())) == set(KINDS)
    assert sum(len(tasks.of_kind(kind)) for kind in KINDS) == 33


def test_done_once_for_30_seconds_are_postures_static_push_pull_and_loaded_walking_alone() -> None:
    """II.B: "The only exceptions to this were ..."; all others 5 or 10 times at the wearer's own pace."""
    for one in tasks.conditions():
        once = one.kind in ("PS", "SP") or (one.kind == "W" and one.load_kg is not None)
        assert (one.repetitions, one.seconds) == (1, 30.0) if once else one.repetitions in (5, 10), one.code
        assert (one.paper.get("repetitions") == "once") == (one.paper.get("seconds") == "once") == once


def test_only_walking_is_cyclic_and_on_the_treadmill() -> None:
    assert {one.code for one in KINDS.values() if one.cyclic} == {"W"}
    assert {one.code for one in KINDS.values() if one.treadmill} == {"W"}
    assert {one.kind for one in tasks.conditions() if one.cyclic} == {"W"}


def test_hand_forces_are_closed_as_the_paper_closes_them() -> None:
    closures = {one.code: one.closure for one in KINDS.values() if one.closure}
    assert closures == {"PP": "symmetric", "SP": "symmetric", "SH": "shovel"}
    assert all(callable(getattr(hand_forces, name)) for name in closures.values())


def test_every_fact_of_the_paper_has_its_place_and_none_is_claimed_that_it_does_not_state() -> None:
    stated = [(one.code, field, key) for one in tasks.conditions() for field, key in one.paper.items()]
    stated += [(one.code, field, key) for one in KINDS.values() for field, key in one.paper.items()]
    assert {key for _, _, key in stated} | {"varied", "repeated"} == set(STATEMENTS)
    assert all(STATEMENTS[key].place and STATEMENTS[key].words for _, _, key in stated)
    named = {one.code for one in tasks.conditions() if one.source == "paper"}
    assert named == {"SH1", "VA1", "VA2"}
    values = {
        code for code, field, _ in stated if field in ("load_kg", "height_m", "speed_m_s", "incline_deg")
    }
    assert values == {"SH1"}


def test_the_statements_are_the_papers_own_words(shared: Path) -> None:
    """Compared without line breaks; [...] stands for what was left out."""
    files = sorted((shared / "paper").glob("*.txt"))
    if not files:
        pytest.skip("needs the paper's text beside the checkout")
    text = _plain(" ".join(file.read_text(encoding="utf-8") for file in files))
    missing = {
        key: piece
        for key, statement in STATEMENTS.items()
        for piece in statement.words.split("[...]")
        if _plain(piece) not in text
    }
    assert missing == {}


def test_the_set_varies_weight_symmetry_and_incline() -> None:
    assert len({one.load_kg for one in tasks.of_kind("L")}) > 1
    assert {one.hands for one in tasks.conditions()} == set(tasks.HANDS)
    assert {one.incline_deg for one in tasks.of_kind("W")} == {-5.0, 0.0, 5.0}


def test_lookup_by_code() -> None:
    one = tasks.condition("SH1")
    assert (one.kind, one.load_kg, one.height_m, one.source) == ("SH", 4.54, 0.457, "paper")
    assert tasks.kind(one.kind).name == "shovelling"
    with pytest.raises(ValueError, match="'SH9'; there are SH1, SH2, SH3, SH4"):
        tasks.condition("SH9")
    with pytest.raises(ValueError, match="'X'; there are L, PP"):
        tasks.of_kind("X")


def test_another_laboratorys_table_is_loaded_with_every_defect_told(tmp_path: Path) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    own = tmp_path / "own.csv"
    own.write_text("\n".join([*lines[:3], *lines[-1:]]), encoding="utf-8")
    assert list(tasks.load(own)) == ["L1", "L2", "W6"]
    own.write_text(
        "\n".join(
            [
                lines[0],
                "L1,L,lift,10,,20,both,,1.0,,ours,kind@kinds",
                "L1,L,lift,10,,20,both,,1.0,,ours,kind@kinds",
                "Q1,Q,dance,7,,20,three,,1.0,,theirs,kind@kinds",
                "W1,W,walk,1,,900,none,5 %,,1.0,ours,load@nowhere",
                "W2,W,walk,10,,,none,,,1.0,paper,kind@kinds",
                "W3,W,walk",
            ]
        ),
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match="11 defects") as told:
        tasks.load(own)
    for what in (
        "row 3, code: L1 is there twice",
        "row 4, kind: 'Q'",
        "row 4, hands: 'three'",
        "row 4, source: 'theirs'",
        "row 4, repetitions: '7'",
        "row 5, load_kg: '900'",
        "row 5, incline_deg: '5 %'",
        "row 5, seconds: a condition done once",
        "row 5, paper: load@nowhere",
        "row 6, source: is `paper`",
        "row 7, row: does not have 12 cells",
    ):
        assert what in str(told.value)


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("code;kind\nL1;L\n", encoding="utf-8")
    with pytest.raises(ValueError, match=", ".join(COLUMNS[:3])):
        tasks.load(own)


def test_a_condition_is_frozen() -> None:
    one: Condition = tasks.condition("L1")
    with pytest.raises(AttributeError):
        one.load_kg = 3.0  # type: ignore[misc]


def _plain(text: str) -> str:
    return " ".join(text.replace("”", '"').split()).replace("- ", "-")
