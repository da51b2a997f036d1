"""A file is there whole or not at all, and an error names it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from models.files import alone, refuse_foreign, whole, whole_folder, write_whole


def test_a_new_file_takes_the_old_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    with whole(path) as fresh:
        fresh.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")])
def test_after_an_error_the_old_one_stands_alone(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    with pytest.raises(type(error)), whole(path) as fresh:
        fresh.write_bytes(b"ha")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_writing_names_the_file_and_others_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match="No space") as full, whole(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(path)
    with pytest.raises(FileNotFoundError) as absent, whole(path):
        (tmp_path / "other").read_bytes()
    assert Path(absent.value.filename).name == "other"
    with pytest.raises(FileNotFoundError) as nowhere:
        write_whole(tmp_path / "no" / "b.txt", b"")
    assert nowhere.value.filename == str(tmp_path / "no" / "b.txt")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter").write_text("one")
    with (
        pytest.raises(ValueError, match=r"thesis: holds something else \(no mark\)"),
        whole_folder(thesis, "mark"),
    ):
        raise AssertionError
    with (
        pytest.raises(ValueError, match="chapter: holds something else"),
        whole_folder(thesis / "chapter", "mark"),
    ):
        raise AssertionError
    assert (thesis / "chapter").read_text() == "one"


def test_a_new_folder_takes_the_place_of_its_like_or_of_nothing(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    for content in ("old", "new"):
        with whole_folder(out, "mark") as fresh:
            (fresh / "mark").write_text(content)
        assert (out / "mark").read_text() == content
    with pytest.raises(KeyboardInterrupt), whole_folder(out, "mark") as fresh:
        (fresh / "mark").write_text("half")
        raise KeyboardInterrupt
    assert (out / "mark").read_text() == "new"
    assert list(out.parent.iterdir()) == [out]


def test_whoever_holds_a_folder_finds_nothing_half_written_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt.4711.new").write_text("ha")
    write_whole(tmp_path / "a.txt", b"whole")
    with alone(tmp_path, 0.0, ValueError("never")), pytest.raises(ValueError, match="taken"):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "lock"]
        with alone(tmp_path, 0.0, ValueError("taken")):
            raise AssertionError


def test_work_begins_among_nothing_but_its_own(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "absent", "run.json")
    for own in ("lock", "run.json.17.new"):
        (tmp_path / own).touch()
    refuse_foreign(tmp_path, "run.json")
    (tmp_path / "trial.parquet").touch()
    with pytest.raises(
        ValueError, match=r"something else \(trial.parquet, no run.json\); choose another --run"
    ):
        refuse_foreign(tmp_path, "run.json")
    (tmp_path / "run.json").touch()
    refuse_foreign(tmp_path, "run.json")
