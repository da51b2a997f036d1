"""The recordings of a folder for the page: a list that is quick to make, and a name's file where it may be had."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import Any

from jetson_runtime.recording import catalogue
from jetson_runtime.recording.mcap_file import SUFFIX
from jetson_runtime.stream import glance

# So many of the newest are listed.
MOST = 50
# What a recorder writes is measured over at least so long.
_MEASURED_S = 10.0
# Of recordings, for the rate at which one grew.
_LOOKED_AT = 5
_MB = 1e6


class Recordings:
    """Of one folder. Each call may take as long as the disk does: not for a thread that must not wait."""

    def __init__(self, folder: Path, keep_free_mb: int) -> None:
        self._folder = folder
        self._keep_free_mb = keep_free_mb
        self._known: dict[tuple[str, int, int], catalogue.Entry] = {}
        self._written: tuple[str, float, int] | None = None
        self._rate: float | None = None

    def listed(self) -> list[dict[str, Any]]:
        """The newest, of plain types; empty where there is no folder yet."""
        paths = sorted(self._paths(), key=lambda path: path.name, reverse=True)[:MOST]
        entries = [self._look(path) for path in paths]
        self._known = {key: entry for key, entry in self._known.items() if entry.path in paths}
        return [_told(entry) for entry in entries]

    def file(self, name: str) -> Path | None:
        """The whole or cut recording of exactly this name; None for anything else, a file that is being written too."""
        path = next((path for path in self._paths() if path.name == name), None)
        return path if path is not None and self._look(path).state != catalogue.OPEN else None

    def hours_left(self, file: str) -> float | None:
        """How long the disk will last, at the rate of `file`, which the recorder writes now; else at that of the newest
        recording that is whole. None while that is not known."""
        try:
            free = shutil.disk_usage(self._folder).free - self._keep_free_mb * _MB
            if file:
                self._measure(Path(file))
            rate = (self._rate if file else None) or self._rate_before()
        except OSError:
            return None
        return max(0.0, free / rate / 3600) if rate else None

    def _rate_before(self) -> float | None:
        """Bytes a second."""
        for path in sorted(self._paths(), key=lambda path: path.name, reverse=True)[:_LOOKED_AT]:
            entry = self._look(path)
            if entry.duration_s >= _MEASURED_S:
                return entry.size / entry.duration_s
        return None

    def _measure(self, path: Path) -> None:
        """The rate at which the file grows, from one look to another."""
        size, now_s = path.stat().st_size, time.monotonic()
        if self._written is None or self._written[0] != path.name or size < self._written[2]:
            self._written = path.name, now_s, size
        elif now_s - self._written[1] >= _MEASURED_S:
            self._rate = (size - self._written[2]) / (now_s - self._written[1]) or None
            self._written = path.name, now_s, size

    def _paths(self) -> list[Path]:
        """Files of this very folder: a link may lead anywhere."""
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.glob(f"*{SUFFIX}") if path.is_file() and not path.is_symlink()]

    def _look(self, path: Path) -> catalogue.Entry:
        """As it is now; what is closed is looked into once."""
        facts = path.stat()
        key = path.name, facts.st_size, facts.st_mtime_ns
        if key not in self._known:
            entry = catalogue.glance(path)
            if entry.state == catalogue.OPEN:
                return entry
            self._known[key] = entry
        return self._known[key]


def _told(entry: catalogue.Entry) -> dict[str, Any]:
    age_s = time.time() - entry.path.stat().st_mtime
    return {
        "name": entry.path.name,
        "state": entry.state,
        "labels": entry.labels,
        "minutes": "" if math.isnan(entry.duration_s) else f"{entry.duration_s / 60:.1f} min",
        "size": f"{entry.size / _MB:.1f} MB",
        "age": "" if entry.state == catalogue.OPEN else glance.age(max(0.0, age_s)),
        "can_be_had": entry.state != catalogue.OPEN,
    }
