"""A recording damaged at any place: what was hit is lost and nothing behind it, and the original stays."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.opcode import Opcode

from jetson_runtime.cli import main
from jetson_runtime.recording import catalogue
from jetson_runtime.recording.mcap_file import Message, Reading, RecordingFile
from jetson_runtime.stream import messages

COUNT = 400
HEAD = 9
Places = dict[int, list[tuple[int, int]]]


def record(path: Path, count: int = COUNT) -> list[Message]:
    """Two topics by turns, of bytes that hardly become fewer."""
    drawn = random.Random(1)
    file = RecordingFile(path, {"session": "s1"})
    written = []
    for number in range(1, count + 1):
        content = {"text": drawn.randbytes(1000).hex()}
        payload = messages.encode_event("mark", content, "s1", number)
        if number % 2:
            payload = messages.encode_status(content, "s1", number)
        written.append(Message("status" if number % 2 else "event", number, payload))
        file.add(*written[-1])
    file.close()
    return written


def places(data: bytes) -> Places:
    """Where a file's records begin, by opcode, and their bytes."""
    found: Places = {}
    at = 8
    while at < len(data) - 8:
        length = int.from_bytes(data[at + 1 : at + HEAD], "little")
        found.setdefault(data[at], []).append((at, HEAD + length))
        at += HEAD + length
    return found


def longer(length: int, by: int) -> bytes:
    return (length - HEAD + by).to_bytes(8, "little")


Damage = Callable[[Places], tuple[int, bytes]]
# Where, and what stands there then; and how many chunks that costs.
DAMAGES: dict[str, tuple[Damage, int]] = {
    "an index swallows what follows": (
        lambda at: (at[Opcode.MESSAGE_INDEX][6][0] + 1, longer(at[Opcode.MESSAGE_INDEX][6][1], 100_000)),
        0,
    ),
    "an index without end": (lambda at: (at[Opcode.MESSAGE_INDEX][6][0] + 1, bytes([255] * 8)), 0),
    "an index of no kind": (lambda at: (at[Opcode.MESSAGE_INDEX][6][0], b"\xee"), 0),
    "an index gone": (
        lambda at: (at[Opcode.MESSAGE_INDEX][6][0], bytes(at[Opcode.MESSAGE_INDEX][6][1])),
        0,
    ),
    "a chunk's length": (lambda at: (at[Opcode.CHUNK][3][0] + 1, longer(at[Opcode.CHUNK][3][1], 9)), 1),
    "a chunk that is no more": (lambda at: (at[Opcode.CHUNK][3][0], b"\x07"), 1),
    "a chunk's bytes": (lambda at: (at[Opcode.CHUNK][3][0] + 5000, bytes(64)), 1),
    "the first chunk, which told the topics": (lambda at: (at[Opcode.CHUNK][0][0] + 5000, bytes(64)), 1),
    "the file's beginning": (lambda at: (0, bytes(4)), 0),
    "the facts": (lambda at: (at[Opcode.METADATA][0][0] + HEAD, bytes([255] * 12)), 0),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_costs_what_it_hit_alone_and_the_original_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "made.mcap"
    written = record(path)
    data = bytearray(path.read_bytes())
    damage, chunks = DAMAGES[name]
    where, what = damage(places(bytes(data)))
    data[where : where + len(what)] = what
    path.write_bytes(data)
    found = list(Reading(path))
    assert set(found) <= set(written)
    # A chunk holds at most so many of these messages of 2 kB.
    assert COUNT - 25 * chunks <= len(found) <= COUNT - chunks
    assert main(["recordings", str(tmp_path), "--repair"]) == 0
    assert "repaired, 1 damaged places left out" in capsys.readouterr().out
    assert catalogue.look(path, whole=True).state == catalogue.WHOLE
    assert list(Reading(path)) == found
    assert (tmp_path / "made.mcap.damaged").read_bytes() == bytes(data)


def test_a_recording_that_was_merely_cut_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "made.mcap"
    written = record(path)
    data = path.read_bytes()
    at = places(data)
    index, chunk, end = at[Opcode.MESSAGE_INDEX][6][0], at[Opcode.CHUNK][4][0], len(data)
    for cut in (index + 3, index + 30, chunk, chunk + 1, chunk + 20, chunk + 5000, end - 1, end - 20):
        path.write_bytes(data[:cut] + bytes(100 if cut == chunk else 0))
        before = list(Reading(path))
        assert before == written[: len(before)] and before
        assert catalogue.look(path).state == catalogue.CUT
        assert catalogue.repair(path)[1:] == (0, None), cut
        assert list(Reading(path)) == before
        assert [one.name for one in tmp_path.iterdir()] == ["made.mcap"]


def test_what_holds_nothing_is_set_aside_by_name_and_the_next_one_is_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mcap").write_bytes(b"")
    record(tmp_path / "b.mcap")
    whole = (tmp_path / "b.mcap").read_bytes()
    (tmp_path / "b.mcap").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.mcap").write_bytes(whole[:200])
    assert main(["recordings", str(tmp_path)]) == 1
    assert main(["recordings", str(tmp_path), "--repair"]) == 0
    told = capsys.readouterr()
    for name, why in (("a", "is empty"), ("c", "holds nothing that can be read")):
        assert f"{name}.mcap: {why}; the original is {name}.mcap.damaged" in told.err
    assert "whole (repaired)" in told.out
    names = ["a.mcap.damaged", "b.mcap", "c.mcap.damaged"]
    assert sorted(one.name for one in tmp_path.iterdir()) == names


def test_a_second_damage_keeps_the_first_original_too(tmp_path: Path) -> None:
    path = tmp_path / "made.mcap"
    for kept in ("made.mcap.damaged", "made.mcap.damaged2"):
        path.unlink(missing_ok=True)
        record(path)
        data = bytearray(path.read_bytes())
        data[0] = 0
        path.write_bytes(data)
        assert catalogue.repair(path).kept == tmp_path / kept


def test_a_recording_is_listed_with_what_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, facts in (("a", {"subject": "S01", "task": "L3", "trial": "2\x1b[2J"}), ("b", {})):
        RecordingFile(tmp_path / f"{name}.mcap", {"session": "s1", **facts}).close()
    assert main(["recordings", str(tmp_path)]) == 0
    labelled, plain = capsys.readouterr().out.splitlines()
    assert labelled.endswith("  whole  S01 L3 2\N{REPLACEMENT CHARACTER}[2J")
    assert plain.endswith("  whole")
