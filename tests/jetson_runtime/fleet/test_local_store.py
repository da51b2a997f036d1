"""The store on the disk: bounded, counted, whole after whatever a power cut left of its last file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jetson_runtime.fleet import batches, segment
from jetson_runtime.fleet.store import Store
from jetson_runtime.suit.errors import StateError

LIMIT = 10_000_000


def batch(number: int, size: int = 1000) -> batches.Batch:
    return {"kind": batches.KINDS[number % 3], "session": "s", "text": f"{number}" + "x" * size}


def filled(folder: Path, count: int, limit: int = LIMIT, size: int = 1000) -> Store:
    store = Store(folder, limit)
    for number in range(1, count + 1):
        store.append([batch(number, size)])
    return store


def numbers(store: Store) -> list[int]:
    """Of all that can be read, and each as it was written."""
    found, at = [], 0
    while (record := store.after(at)) is not None:
        at = record.number
        told = batches.unpack(record.payload)
        assert (told["number"], told["store"]) == (at, store.id)
        found.append(at)
    return found


def newest_file(folder: Path) -> Path:
    return segment.paths(folder)[-1]


def test_it_goes_on_where_it_stood(tmp_path: Path) -> None:
    store = filled(tmp_path, 10)
    first_id = store.id
    store.set_sent(4)
    assert store.waiting == 6
    store.close()
    again = Store(tmp_path, LIMIT)
    assert (again.id, again.newest, again.sent, again.waiting) == (first_id, 10, 4, 6)
    again.append([batch(11), batch(12)])
    assert numbers(again) == list(range(1, 13))
    again.close()
    third = Store(tmp_path, LIMIT)
    assert numbers(third) == list(range(1, 13))
    third.close()


@pytest.mark.parametrize("cut", [1, 20, 900, 1030])
@pytest.mark.parametrize("zeros", [0, 5000])
def test_a_last_record_that_a_power_cut_left_half_costs_itself_alone(
    tmp_path: Path, cut: int, zeros: int
) -> None:
    """zeros: a file system may have given the file its length and not its content."""
    filled(tmp_path, 10).close()
    path = newest_file(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    with path.open("ab") as file:
        file.write(bytes(zeros))
    store = Store(tmp_path, LIMIT)
    assert numbers(store) == list(range(1, 10))
    assert store.damaged >= 1
    store.append([batch(10)])
    assert numbers(store)[:9] == list(range(1, 10))
    assert len(numbers(store)) == 10
    store.close()


@pytest.mark.parametrize("at", [0.1, 0.37, 0.5, 0.9])
@pytest.mark.parametrize("size", [1, 40, 1500])
def test_damage_anywhere_costs_what_was_hit_and_nothing_behind_it(
    tmp_path: Path, at: float, size: int
) -> None:
    filled(tmp_path, 30).close()
    path = newest_file(tmp_path)
    data = bytearray(path.read_bytes())
    place = int(at * len(data))
    data[place : place + size] = bytes(byte ^ 0x5A for byte in data[place : place + size])
    path.write_bytes(data)
    store = Store(tmp_path, LIMIT)
    found = numbers(store)
    assert len(found) >= 30 - 1 - size // 1000 - 1
    assert found == sorted(set(found))
    assert found[0] == 1
    assert found[-1] == 30
    assert store.damaged >= 1
    store.close()


def test_a_damaged_place_is_counted_once_however_often_it_is_read(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    path = newest_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"3xx", b"3xy"))
    assert [numbers(store), numbers(store), store.damaged] == [[1, 2, 4, 5], [1, 2, 4, 5], 1]
    store.close()


@pytest.mark.parametrize("content", [b"", b"{", b'{"store": 3}', b"\x00" * 40])
def test_a_damaged_cursor_begins_with_the_oldest_under_the_same_name(tmp_path: Path, content: bytes) -> None:
    """The server says then what it has: `test_bridge.py`."""
    store = filled(tmp_path, 5)
    store.set_sent(3)
    first_id = store.id
    store.close()
    (tmp_path / "cursor").write_bytes(content)
    again = Store(tmp_path, LIMIT)
    assert (again.id, again.sent, again.newest) == (first_id, 0, 5)
    again.close()


def test_a_full_store_drops_its_oldest_and_counts_what_the_server_never_had(tmp_path: Path) -> None:
    store = filled(tmp_path, 300, limit=1_000_000, size=10_000)
    assert store.size_bytes <= 1_000_000
    found = numbers(store)
    assert found == list(range(found[0], 301))
    assert store.dropped == found[0] - 1
    before = store.dropped
    store.set_sent(300)
    for number in range(301, 500):
        store.append([batch(number, 10_000)])
        store.set_sent(number)
    assert store.dropped == before, "what the server has is no loss"
    store.close()
    on_disk = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert on_disk <= 1_100_000


def test_what_the_server_has_had_for_long_goes(tmp_path: Path) -> None:
    store = Store(tmp_path, 1_000_000, keep_sent_s=0.0)
    for number in range(1, 40):
        store.append([batch(number, 10_000)])
    store.set_sent(30)
    store.keep()
    assert numbers(store)[0] in range(20, 32)
    assert numbers(store)[-1] == 39
    assert store.dropped == 0
    store.close()
    again = Store(tmp_path, 1_000_000)
    assert (again.newest, again.sent) == (39, 30)
    again.close()


def test_of_a_long_sent_store_nothing_stays_and_its_numbers_go_on(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    store.set_sent(5)
    store.close()
    assert len(segment.paths(tmp_path)) == 1, "a server may lose its newest minutes"
    os.utime(newest_file(tmp_path), (0, 0))
    again = Store(tmp_path, LIMIT)
    again.keep()
    assert segment.paths(tmp_path) == []
    again.set_sent(2)  # as a forwarder does at each connection
    again.close()
    third = Store(tmp_path, LIMIT)
    third.append([batch(6)])
    assert (third.id, third.sent, numbers(third), third.dropped) == (store.id, 5, [6], 0)
    third.close()


def test_the_newest_file_ends_once_it_is_old_enough_and_its_beginning_sent(tmp_path: Path) -> None:
    """Else the last words of a day keep the whole of it here."""
    store = Store(tmp_path, LIMIT, keep_sent_s=0.3)
    for number in range(1, 4):
        store.append([batch(number)])
        store.keep()
        time.sleep(0.12)
    assert len(segment.paths(tmp_path)) == 1, "nothing is sent: no more files than there must be"
    store.set_sent(3)
    store.keep()
    time.sleep(0.3)
    store.append([batch(4)])
    store.keep()
    assert numbers(store) == [4]
    store.close()


def test_what_the_server_names_is_known_again_by_its_content(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    told = store.after(2)
    assert told is not None
    assert store.holds(told.message_id) is True
    assert store.holds(f"{store.id}-3-00000000") is False, "the number, but not what is here"
    assert store.holds(f"{store.id}-77-00000000") is False, "never written here"
    assert store.holds("somebody else's") is False
    assert store.number_of(told.message_id) == 3
    store.close()


def test_a_second_bridge_is_refused(tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    with pytest.raises(StateError, match="another bridge"):
        Store(tmp_path, LIMIT)
    store.close()
    Store(tmp_path, LIMIT).close()


_ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from jetson_runtime.fleet.store import Store
store = Store(Path(sys.argv[1]), int(sys.argv[2]))
written = 0
try:
    for number in range(200):
        store.append([{"kind": "frames", "session": "s", "text": "x" * 50_000}])
        written += 1
except OSError as error:
    print("refused", error.errno)
found, at = 0, 0
while (record := store.after(at)) is not None:
    at, found = record.number, found + 1
print(written, found, store.newest, store.dropped)
"""


@pytest.mark.parametrize(("limit", "goes_on"), [(8_000_000, True), (100_000_000, False)])
def test_a_full_disk_costs_the_oldest_and_damages_nothing(tmp_path: Path, limit: int, goes_on: bool) -> None:
    """A file system of 2 MB in a mount namespace of its own. goes_on: there is an older file that can make room."""
    mounted = f'mount -t tmpfs -o size=2m tmpfs {tmp_path} && exec "$@"'
    program = [sys.executable, "-c", _ON_A_SMALL_DISK, str(tmp_path), str(limit)]
    command = ["unshare", "--mount", "sh", "-c", mounted, "sh", *program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    if "ermission" in done.stderr or "not permitted" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    lines = done.stdout.splitlines()
    written, found, newest, dropped = map(int, lines[-1].split())
    assert written == newest == found + dropped, "what it took is whole"
    assert (written == 200, lines[0].startswith("refused")) == (goes_on, not goes_on)
