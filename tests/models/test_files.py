"""A file is there whole or not at all, and an error names it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from models.files import whole, write_whole


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
