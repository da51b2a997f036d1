"""Row 50: a suit that is wrong in many ways at once and for a while, and how much is written about it."""

from __future__ import annotations

import time
from pathlib import Path

from broken_suit import BrokenSuit, Start, until
from worn_suit import BUNDLE

SECONDS = 20.0
# A stream is told when its fault changes, at most once in a second; half of the eight may flap.
LINES_A_SECOND = 4


def _sizes(folder: Path) -> dict[str, int]:
    """Of every file below `folder`."""
    return {str(path): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}


def _with_cache(suit: BrokenSuit) -> None:
    text = suit.write_config().read_text()
    cache = suit.folder / "cache"
    cache.mkdir()
    suit.config.write_text(text.replace(f'bundle = "{BUNDLE}"', f'bundle = "{BUNDLE}"\ncache = "{cache}"'))


def test_row_50_a_flood_of_garbage_writes_few_lines_and_nothing_else(start: Start) -> None:
    """Damage to every packet of five devices, two that come and go, one whose power comes and goes."""
    suit, service = start(write=_with_cache)
    assert until(lambda: service.state() == "running"), service.log
    assert until(lambda: list((suit.folder / "cache" / "last-good").glob("[!.]*"))), service.log
    before, lines = _sizes(suit.folder), len(service.log.splitlines())
    for name in ("imu_back", "imu_thigh_l", "imu_shank_l", "insole_l", "insole_r"):
        suit.outlets[name].damage(garbage_every=1, corrupt_every=2, truncate_every=3)
    began_s = time.monotonic()
    while time.monotonic() < began_s + SECONDS:
        for name in ("imu_pelvis", "imu_thigh_r"):
            suit.outlets[name].unplug()
        suit.outlets["imu_shank_r"].restart()
        time.sleep(0.5)
        for name in ("imu_pelvis", "imu_thigh_r"):
            suit.outlets[name].replug()
        time.sleep(0.5)
        service.client.recv_all(0)
    seconds = time.monotonic() - began_s
    assert service.stream("imu_back")["bad_bytes"] > 10_000, "the flood was there"
    written = service.log.splitlines()[lines:]
    assert 0 < len(written) <= LINES_A_SECOND * seconds, "\n".join(written)
    assert max(map(len, written)) < 500
    after = _sizes(suit.folder)
    log = str(service.log_path)
    assert {path: size for path, size in after.items() if path != log} == {
        path: size for path, size in before.items() if path != log
    }
    for outlet in suit.outlets.values():
        outlet.damage(garbage_every=0, corrupt_every=0, truncate_every=0)
    assert until(lambda: service.state() == "running"), service.log
