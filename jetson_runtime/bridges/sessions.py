"""Puts a stream's messages into the order that a bridge needs: nothing of a session before its `hello`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from jetson_runtime.stream import messages

# `hello` comes once a second; two seconds of all else.
_WAITING_MESSAGES = 500


class Sessions:
    """Use by one thread. `hello`: the newest one of the session that is told; None before the first."""

    def __init__(self) -> None:
        self.hello: dict[str, Any] | None = None
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_WAITING_MESSAGES)

    def take(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What can be told now: this message and those that waited for it, or nothing yet."""
        if message["topic"] == messages.HELLO:
            self.hello = message
            yield message
            waiting = list(self._waiting)
            self._waiting.clear()
            yield from (one for one in waiting if one["session"] == message["session"])
        elif self.hello is not None and message["session"] == self.hello["session"]:
            yield message
        else:
            self._waiting.append(message)
