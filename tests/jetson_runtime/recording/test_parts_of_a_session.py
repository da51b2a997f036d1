"""Parts of one session: any number of them, in order whatever a clock on a wall said, each as long as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_runtime.recording import catalogue
from jetson_runtime.recording.mcap_file import RecordingFile
from jetson_runtime.recording.parts import by_session, in_order
from jetson_runtime.recording.store import Store
from jetson_runtime.stream import messages
from jetson_runtime.suit.recording_table import RecordingTable

S = 1_000_000_000


def record(path: Path, session: str, first_s: int) -> Path:
    """Ten seconds from `first_s` on, after the head that each part begins with: the session's first messages."""
    file = RecordingFile(path, {"session": session})
    file.add("session", S, messages.encode_session({}, session, S))
    for second in range(first_s, first_s + 11):
        file.add("status", second * S, messages.encode_status({}, session, second * S))
    file.close()
    return path


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "cut"])
def test_a_later_part_is_as_long_as_it_is(tmp_path: Path, ended: bool) -> None:
    path = record(tmp_path / "late.mcap", "s1", 5000)
    if not ended:
        path.write_bytes(path.read_bytes()[:-40])
    assert catalogue.look(path).state == (catalogue.WHOLE if ended else catalogue.CUT)
    assert catalogue.look(path).duration_s == pytest.approx(10.0)


def test_parts_are_in_order_whatever_their_names_say(tmp_path: Path) -> None:
    first = record(tmp_path / "20261123T120000Z_s1_000.mcap", "s1", 100)
    second = record(tmp_path / "19700101T000000Z_s1_001.mcap", "s1", 200)
    third = record(tmp_path / "20261123T115000Z_s1_1000.mcap", "s1", 300)
    other = record(tmp_path / "20261123T110000Z_s2_000.mcap", "s2", 150)
    empty = tmp_path / "20261123T100000Z_s2_001.mcap"
    empty.write_bytes(b"")
    names = sorted(tmp_path.iterdir())
    assert by_session(names) == {"s1": [first, second, third], "s2": [other]}
    assert in_order(names) == [first, second, third, other, empty]


@pytest.mark.parametrize(("taken", "following"), [([998, 999], 1000), ([999, 1000], 1001), ([5], 6)])
def test_there_is_no_last_part(tmp_path: Path, taken: list[int], following: int) -> None:
    for number in taken:
        (tmp_path / f"20261123T120000Z_s1_{number:03d}.mcap").touch()
    store = Store(RecordingTable(folder=tmp_path, keep_free_mb=0), lambda: None, lambda line: None)
    payload = messages.encode_status({}, "s1", S)
    store.add(messages.decode(payload), payload)
    try:
        assert store.path is not None and store.path.stem.endswith(f"_s1_{following:03d}")
    finally:
        store.close()
