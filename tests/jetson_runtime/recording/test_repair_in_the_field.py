"""Repair beside a recorder that writes, by root, and of files that hold anything at all."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jetson_runtime.cli import main
from jetson_runtime.recording import catalogue, parts
from jetson_runtime.recording.mcap_file import Reading, RecordingFile, being_written
from jetson_runtime.stream import messages
from jetson_runtime.suit.errors import RecordingError


def made(path: Path, count: int = 40, *, ended: bool = True) -> RecordingFile:
    """Of bytes that hardly become fewer."""
    drawn = random.Random(1)
    file = RecordingFile(path, {"session": "s1"})
    for number in range(1, count + 1):
        text = {"text": drawn.randbytes(2000).hex()}
        file.add("status", number, messages.encode_status(text, "s1", number))
    if ended:
        file.close()
    return file


def damaged(path: Path) -> bytes:
    """A file with a place in its middle that cannot be read; what it holds."""
    made(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)
    return bytes(content)


def test_what_is_being_written_is_never_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mcap"
    file = made(path, ended=False)
    file.sync()
    before = path.read_bytes()
    assert main(["recordings", str(tmp_path), "--repair"]) == 0
    assert "being written" in capsys.readouterr().out
    with pytest.raises(RecordingError, match="is being written"):
        catalogue.repair(path)
    assert path.read_bytes() == before
    file.close()
    assert catalogue.look(path, whole=True).state == catalogue.WHOLE
    assert len(list(Reading(path))) == 40


def test_a_file_is_locked_from_the_first_moment_that_it_has_its_name(tmp_path: Path) -> None:
    """What a look at each name finds is never a file that is there and free."""
    seen: dict[str, set[bool]] = {"open": set()}
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for path in tmp_path.glob("*.mcap"):
                seen["open"].add(being_written(path))

    watcher = threading.Thread(target=look)
    watcher.start()
    files = [RecordingFile(tmp_path / f"{number}.mcap", {}) for number in range(300)]
    ended.set()
    watcher.join()
    assert seen["open"] == {True}
    with pytest.raises(FileExistsError):
        RecordingFile(tmp_path / "7.mcap", {})
    for file in files:
        file.abandon()
    assert len(list(tmp_path.iterdir())) == 300


def test_two_repairs_at_once_are_one(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    content = damaged(path)
    refused: list[str] = []

    def repair() -> None:
        try:
            if catalogue.look(path, whole=True).state == catalogue.CUT:
                catalogue.repair(path)
        except RecordingError as error:
            refused.append(str(error))

    repairs = [threading.Thread(target=repair) for _ in range(4)]
    for thread in repairs:
        thread.start()
    for thread in repairs:
        thread.join()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.mcap", "a.mcap.damaged"]
    assert (tmp_path / "a.mcap.damaged").read_bytes() == content
    assert catalogue.look(path, whole=True).state == catalogue.WHOLE
    assert all("repaired" in text for text in refused), refused


def test_while_it_is_repaired_its_name_is_never_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    damaged(path)
    gone: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            if not os.path.exists(path):
                gone.append(1)

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(30):
        content = bytearray(path.read_bytes())
        content[0] = number
        path.write_bytes(content)
        assert catalogue.repair(path).kept
    ended.set()
    watcher.join()
    assert not gone
    assert len(list(tmp_path.glob("*.damaged*"))) == 30


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_repairs_is_its_owner_s_still(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    content = damaged(path)
    os.chown(path, 1234, 4321)
    path.chmod(0o664)
    kept = catalogue.repair(path).kept
    assert kept is not None and kept.read_bytes() == content
    for one in (path, kept):
        told = one.stat()
        assert (told.st_uid, told.st_gid, told.st_mode & 0o7777) == (1234, 4321, 0o664), one


# What stands in the file, and what is said of it.
KINDS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "zero length": (lambda whole: b"", "is empty"),
    "text": (lambda whole: b"once upon a time, " * 100, "is no MCAP file"),
    "one byte": (lambda whole: b"x", "is no MCAP file"),
    "the first bytes alone": (lambda whole: whole[:5], "holds nothing that can be read"),
    "a head alone": (lambda whole: whole[:60], "holds nothing that can be read"),
    "zeros": (lambda whole: bytes(len(whole)), "is no MCAP file"),
    "cut": (lambda whole: whole[: len(whole) // 2], "its end is missing"),
    "garbage in the middle": (
        lambda whole: whole[: len(whole) // 2] + b"\xff" * 200 + whole[len(whole) // 2 + 200 :],
        "damaged place",
    ),
    "garbage at the end": (lambda whole: whole[:-30] + b"\xff" * 30, "damaged place"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_damage_has_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "a.mcap"
    made(path)
    damage, words = KINDS[kind]
    content = damage(path.read_bytes())
    path.write_bytes(content)
    assert words in catalogue.look(path, whole=True).damage
    # An index that is sound is believed until the whole is read.
    known = catalogue.look(path).damage
    assert main(["recordings", str(tmp_path)]) == int(bool(known))
    told = capsys.readouterr()
    assert known in told.out and ("--repair" in told.err) is bool(known)
    assert main(["recordings", str(tmp_path), "--repair"]) == 0
    told = capsys.readouterr()
    assert "whole (repaired" in told.out or f"{words}; the original is a.mcap.damaged" in told.err
    if kind != "cut":
        assert (tmp_path / "a.mcap.damaged").read_bytes() == content


def test_bytes_turned_anywhere_are_never_more_than_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    made(path, 30)
    whole = path.read_bytes()
    drawn = random.Random(7)
    for _ in range(400):
        content = bytearray(whole[: drawn.randint(1, len(whole))] if drawn.random() < 0.2 else whole)
        for _ in range(drawn.choice((1, 1, 3, 40))):
            at = drawn.choice((drawn.randrange(len(content)), drawn.randrange(min(200, len(content)))))
            if drawn.random() < 0.4:
                at = max(0, len(content) - 1 - drawn.randrange(600))
            content[at : at + 8] = drawn.randbytes(min(8, len(content) - at))
        path.write_bytes(content)
        assert catalogue.glance(path).size == len(content)
        found = list(Reading(path))
        if catalogue.look(path, whole=True).state == catalogue.CUT:
            repaired = catalogue.repair(path)
            assert (repaired.entry is None) == (not found)
        if found:
            assert list(Reading(path)) == found
            assert catalogue.look(path).state == catalogue.WHOLE
        for kept in tmp_path.glob("*.damaged*"):
            kept.unlink()


def test_what_cannot_be_read_at_all_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mcap").mkdir()
    (tmp_path / "b.mcap").symlink_to(tmp_path / "nowhere")
    for words in ([], ["--repair"], ["--json"]):
        assert main(["recordings", str(tmp_path), *words]) == 1
        told = capsys.readouterr().err
        assert "a.mcap: cannot be read: Is a directory" in told
        assert "b.mcap: cannot be read: No such file" in told


def test_another_program_s_messages_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    file = RecordingFile(path, {})
    file.add("/scan", 1, b"\x00\x01laser")
    file.close()
    with pytest.raises(RecordingError, match="is no recording of the suit"):
        parts.by_session([path])
    assert main(["export", str(path), "--to", "csv", "--out", str(tmp_path / "x.csv")]) == 2
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert catalogue.repair(path).entry
