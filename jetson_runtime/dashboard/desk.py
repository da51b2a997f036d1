"""What all browsers are shown, put together from the stream and the disk; lives in the event loop's thread."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from jetson_runtime.dashboard import card
from jetson_runtime.dashboard.feed import Feed, Heard
from jetson_runtime.dashboard.hub import Hub
from jetson_runtime.dashboard.live import Account, Live
from jetson_runtime.dashboard.recordings import Recordings
from jetson_runtime.dashboard.view import Row

_DISK_S, _LOOK_S = 5.0, 0.5
# What the feed has heard and this thread has not looked at yet; a second of it.
_MOST_WAITING = 20


class Desk:
    """hub: the browsers. `run` until it is cancelled."""

    def __init__(self, endpoint: str, recordings: Recordings, bundle: Path) -> None:
        """endpoint: the public address. bundle: where the model's card is looked for."""
        self.hub = Hub(self._watch, self._first)
        self._feed = Feed(endpoint, self._heard)
        self._recordings = recordings
        self._bundle = bundle
        self._live, self._account = Live(), Account()
        self._newest = Heard()
        self._waiting = 0
        self._hours: float | None = None
        self._card: list[Row] = []
        self._card_of = ""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Listens while somebody looks, and looks at the disk now and then."""
        self._loop = asyncio.get_running_loop()
        self._feed.start()
        looked_s = 0.0
        try:
            while True:
                is_due = time.monotonic() - looked_s > _DISK_S or _model_of(self._newest) != self._card_of
                if self.hub.count and is_due:
                    looked_s = time.monotonic()
                    await asyncio.to_thread(self._look_at_disk, self._newest)
                await asyncio.sleep(_LOOK_S)
        finally:
            self._feed.stop()

    def _watch(self, watched: bool) -> None:
        if watched:
            self._feed.watch(True)
        else:
            self._feed.watch(False)
            # Whoever comes next begins with what is heard then.
            self._live, self._account, self._newest = Live(), Account(), Heard()

    def _first(self) -> list[Any]:
        return [{"recent": list(self._live.recent), "account": self._account.newest or None}]

    def _heard(self, heard: Heard) -> None:
        """By the feed's thread."""
        if self._loop is not None and self._waiting < _MOST_WAITING:
            self._waiting += 1
            self._loop.call_soon_threadsafe(self._show, heard)

    def _show(self, heard: Heard) -> None:
        self._waiting -= 1
        self._newest = heard
        self.hub.publish({"live": self._live.batch(heard, time.monotonic_ns())})
        if (account := self._account.told(heard, self._hours, self._card)) is not None:
            self.hub.publish({"account": account})

    def _look_at_disk(self, heard: Heard) -> None:
        report = (heard.status or {}).get("recording") or {}
        self._hours = self._recordings.hours_left(str(report.get("file") or ""))
        sha256 = _model_of(heard)
        if sha256 != self._card_of:
            self._card = card.of_bundle(self._bundle, sha256)
            self._card_of = sha256


def _model_of(heard: Heard) -> str:
    """The running model's hash, '' while it is not known."""
    return str(((heard.hello or {}).get("model") or {}).get("sha256", ""))
