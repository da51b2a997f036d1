"""No subject stands on both sides of a split."""

from __future__ import annotations

import pytest

from models.data.folds import RESERVED_SEEDS, Split, is_virtual, leave_one_out, refuse_reserved, withheld

NAMES = [f"vw-{k}" for k in range(23)]


@pytest.mark.parametrize("folds", [3, 5, 23])
def test_every_subject_is_withheld_exactly_once(folds: int) -> None:
    splits = [withheld(NAMES, folds, fold) for fold in range(folds)]
    assert sorted(name for split in splits for name in split.test) == sorted(NAMES)
    for split in splits:
        assert sorted([*split.train, *split.validation, *split.test]) == sorted(NAMES)
        assert split.train and split.validation and split.test


def test_leave_one_out_withholds_one() -> None:
    assert len(withheld(NAMES, len(NAMES), 4).test) == 1


def test_each_subject_is_left_out_and_another_validates() -> None:
    splits = leave_one_out(NAMES)
    assert list(splits) == sorted(NAMES)
    for name, split in splits.items():
        assert split.test == (name,)
        assert len(split.validation) == 1
        assert sorted([*split.train, *split.validation, *split.test]) == sorted(NAMES)
    assert sorted(split.validation[0] for split in splits.values()) == sorted(NAMES)
    assert leave_one_out(reversed(NAMES), ["vw-3"]) == {"vw-3": splits["vw-3"]}


def test_in_the_paper_s_literal_way_the_withheld_one_validates() -> None:
    split = leave_one_out(["a", "b"], ["b"], paper_literal=True)["b"]
    assert split == Split(("a",), ("b",), ("b",))


def test_leaving_out_a_stranger_or_one_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="vw-99: not among the subjects vw-0, "):
        leave_one_out(NAMES, ["vw-99"])
    with pytest.raises(ValueError, match="needs 3 subjects, here are 2"):
        leave_one_out(["a", "b"])


def test_a_split_depends_on_the_names_alone() -> None:
    assert withheld(NAMES, 5, 2) == withheld(reversed(NAMES + NAMES), 5, 2)


@pytest.mark.parametrize(("folds", "fold"), [(2, 0), (24, 0), (5, 5), (5, -1)])
def test_impossible_folds_are_refused(folds: int, fold: int) -> None:
    with pytest.raises(ValueError, match="folds for 23 subjects"):
        withheld(NAMES, folds, fold)


@pytest.mark.parametrize("role", ["train", "validation"])
def test_a_wearer_kept_for_evaluation_neither_trains_nor_validates(role: str) -> None:
    others = ("s1", "vw-1000", "vw-real", "xvw-3")
    split = Split(**{"train": others, "validation": (), "test": (), role: (*others, "vw-999", "vw-0")})
    with pytest.raises(ValueError, match=r"^vw-0, vw-999: .* below 1000 are kept .* --subjects 1000:1300"):
        refuse_reserved(split)


def test_it_may_be_tested_on_and_all_others_may_train() -> None:
    split = Split(("s1", f"vw-{RESERVED_SEEDS}", "vw-real"), ("vw-2000",), ("vw-1",))
    refuse_reserved(split)
    assert split.test == ("vw-1",)


@pytest.mark.parametrize(
    ("name", "virtual"), [("vw-0", True), ("vw-1003", True), ("vw-anna", False), ("AB06", False), ("", False)]
)
def test_a_virtual_wearer_is_known_by_its_name(name: str, virtual: bool) -> None:
    assert is_virtual(name) == virtual
