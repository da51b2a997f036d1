"""What the disk refuses, and Ctrl-C: one line that says where, why and what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from models.bundles import ship
from models.cli import BAD_INPUT, INTERRUPTED, main
from models.virtual_wearer import cohort

VIRTUAL = ["virtual", "--subjects", "1000", "--tasks", "W", "--seconds", "1", "--out"]


def _raises(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_full_disk_while_trials_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cohort, "write_trial", _raises(OSError(errno.ENOSPC, "No space left on device")))
    assert main([*VIRTUAL, str(tmp_path)]) == BAD_INPUT
    told = capsys.readouterr().err
    assert told == (
        f"second-skin-lab: {tmp_path / 'vw-1000_neutral_0.parquet'}: no space left on device;"
        " free some space and run the same command again\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_file_where_a_folder_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main([*VIRTUAL, str(tmp_path / "file" / "trials")]) == BAD_INPUT
    told = capsys.readouterr().err
    assert "not a directory; name a folder, not a file" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "permission denied; choose another folder"),
        (errno.EROFS, "read-only file system; choose a folder that can be written to"),
        (errno.EIO, "input/output error; mend that and run"),
    ],
)
def test_an_export_that_cannot_write(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ship, "ship", _raises(OSError(number, os.strerror(number), "out/weights.bin")))
    assert main(["export", "run", "data", "--out", "out"]) == BAD_INPUT
    assert f"second-skin-lab: out/weights.bin: {words}" in capsys.readouterr().err


def test_an_error_without_a_number_keeps_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ship, "ship", _raises(FileNotFoundError("run: is no run; make one")))
    assert main(["export", "run", "data", "--out", "out"]) == BAD_INPUT
    assert capsys.readouterr().err == "second-skin-lab: run: is no run; make one\n"


def test_ctrl_c_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cohort, "trial_of", _raises(KeyboardInterrupt()))
    assert main([*VIRTUAL, str(tmp_path)]) == INTERRUPTED
    assert capsys.readouterr().err.startswith("second-skin-lab: stopped;")
