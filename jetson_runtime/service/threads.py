"""The threads of the service; `main.py` alone starts them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from jetson_runtime.service import realtime
from jetson_runtime.suit.config import Realtime


class Threads:
    """Each takes its place among the processors and priorities before its body. Daemons: none holds up an exit."""

    def __init__(self, table: Realtime) -> None:
        self._table = table
        self._known: list[threading.Thread] = []

    def start(
        self, name: str, body: Callable[[], None], rank: int = realtime.OTHER_RANK, *, pinned: bool = False
    ) -> None:
        """rank: see `realtime`; pinned: to the processors of [realtime]."""

        def entered() -> None:
            realtime.enter_thread(self._table, rank)
            if pinned:
                realtime.pin_thread(self._table)
            body()

        thread = threading.Thread(target=entered, name=name, daemon=True)
        self._known = [known for known in self._known if known.is_alive()]
        self._known.append(thread)
        thread.start()

    def join(self, seconds: float) -> None:
        """Waits so long, no longer, until all have ended."""
        deadline_s = time.monotonic() + seconds
        for thread in self._known:
            thread.join(max(0.0, deadline_s - time.monotonic()))
