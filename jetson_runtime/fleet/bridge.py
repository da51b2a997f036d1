"""`second-skin bridge nats`: a suit's stream into the local store, and from there to the server.

The main thread hears, gathers and writes, once a second; the forwarder's thread sends. Neither waits for the other, and
the service knows this process as a client like any.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any

from jetson_runtime import __version__
from jetson_runtime.fleet.batches import STATUS, Batch
from jetson_runtime.fleet.forwarder import Forwarder
from jetson_runtime.fleet.listener import Listener
from jetson_runtime.fleet.settings import FleetSettings
from jetson_runtime.fleet.store import Store

_SECOND_S = 1.0
_LOOK_S = 0.1
# Batches that wait in memory while the disk refuses them: a minute and a half.
_HELD = 200
# Of systemd's TimeoutStopSec: for what was gathered last to reach the server.
_GRACE_S = 3.0

_log = logging.getLogger("second-skin-fleet")


class Bridge:
    """Owns the store and both ends. `run` until `stop` is set."""

    def __init__(self, settings: FleetSettings, endpoint: str, key_file: Path | None) -> None:
        """SuitErrors: whatever is wrong with settings, files, store or address."""
        settings.access.options()
        self._settings = settings
        self._store = Store(settings.store, settings.store_mb * 1_000_000)
        try:
            self._listener = Listener(endpoint, key_file)
        except BaseException:
            self._store.close()
            raise
        self._forwarder = Forwarder(settings, self._store)
        self._held: deque[Batch] = deque(maxlen=_HELD)
        self._unstored = 0
        self._disk = ""
        self._told: dict[str, int] = {}

    def run(self, stop: threading.Event) -> None:
        self._forwarder.start()
        next_s = time.monotonic() + _SECOND_S
        try:
            while not stop.wait(_LOOK_S):
                self._listener.take()
                if time.monotonic() >= next_s:
                    self._second()
                    next_s = max(next_s + _SECOND_S, time.monotonic())
            self._listener.take()
            self._second()
        finally:
            self._forwarder.stop(_GRACE_S)
            self._listener.close()
            self._store.close()

    def _second(self) -> None:
        """What came goes to the disk; where that refuses, it is held and tried again."""
        new = self._listener.batches()
        named = {"site": self._settings.site, "suit": self._settings.suit}
        for batch in new:
            batch.update(named)
            if batch["kind"] == STATUS:
                batch["bridge"] = self._about()
        lost = max(0, len(self._held) + len(new) - _HELD)
        self._unstored += lost
        self._held.extend(new)
        why = ""
        try:
            if self._held:
                self._store.append(self._held)
                self._held.clear()
                self._forwarder.poke()
            self._store.keep()
        except OSError as error:
            why = f"{self._store.folder}: {error.strerror or error}"
        if why != self._disk:
            _log.warning("%s; %d batches are held", why, len(self._held)) if why else _log.info(
                "the disk is back"
            )
        self._disk = why
        self._tell_counts()

    def _about(self) -> dict[str, Any]:
        """What the bridge says of itself, at the time of writing."""
        return {
            "version": __version__,
            "why": self._forwarder.why,
            "disk": self._disk,
            "waiting": self._store.waiting,
            "store_mb": self._store.size_bytes / 1e6,
            **self._counts(),
        }

    def _counts(self) -> dict[str, int]:
        """Since this process began. missed, malformed: frames and messages that were not heard; unstored, dropped,
        damaged: batches that the disk refused, that made room, that cannot be read."""
        return {
            "missed": self._listener.missed,
            "malformed": self._listener.malformed,
            "unstored": self._unstored,
            "dropped": self._store.dropped,
            "damaged": self._store.damaged,
        }

    def _tell_counts(self) -> None:
        """A line for what was lost since the last one."""
        counts = {
            name: count for name, count in self._counts().items() if name not in ("missed", "malformed")
        }
        if counts != self._told:
            if any(counts.values()):
                _log.warning(
                    "lost: %s", ", ".join(f"{count} {name}" for name, count in counts.items() if count)
                )
            self._told = counts


def run(settings: FleetSettings, endpoint: str, key_file: Path | None) -> int:
    """Until SIGTERM or SIGINT; returns 0. SuitErrors as `Bridge`."""
    stop = threading.Event()

    def ended(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    bridge = Bridge(settings, endpoint, key_file)
    with contextlib.suppress(ValueError):  # not the main thread: whoever runs it there ends it by himself
        signal.signal(signal.SIGTERM, ended)
        signal.signal(signal.SIGINT, ended)
    _log.info("%s to %s as %s/%s", endpoint, settings.server[0], settings.site, settings.suit)
    bridge.run(stop)
    return 0
