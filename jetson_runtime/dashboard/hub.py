"""The browsers that look at the page, each on a WebSocket: what is shown is encoded once and sent to all of them.

A browser that does not read loses what is too old for it, and is let go after a while; no other notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

# Browsers at a time.
MOST = 32
# Messages that may wait for one: a second of them.
_QUEUE = 20
# Who takes nothing for so long is let go.
_PATIENCE_S = 5.0
_TRY_AGAIN_LATER = 1013
# What a browser that has gone, or does not read, ends in.
_GONE = (TimeoutError, asyncio.TimeoutError, WebSocketDisconnect, RuntimeError)


class Hub:
    """Used by the event loop's thread alone. watched: called with whether anybody looks, when that changes."""

    def __init__(self, watched: Callable[[bool], None], first: Callable[[], list[Any]]) -> None:
        """first: the messages that a browser which has just come begins with."""
        self._watched = watched
        self._first = first
        self._viewers: set[_Viewer] = set()

    @property
    def count(self) -> int:
        return len(self._viewers)

    def publish(self, message: Any) -> None:
        """To every browser; never waits."""
        text = encode(message)
        for viewer in self._viewers:
            viewer.put(text)

    async def serve(self, websocket: WebSocket) -> None:
        """One browser, until it goes or takes nothing any more."""
        await websocket.accept()
        if len(self._viewers) >= MOST:
            await websocket.close(_TRY_AGAIN_LATER, f"{MOST} browsers look already")
            return
        viewer = _Viewer()
        for message in self._first():
            viewer.put(encode(message))
        self._viewers.add(viewer)
        self._watched(True)
        leaves = asyncio.create_task(_left(websocket))
        try:
            while not leaves.done():
                await viewer.send(websocket, leaves)
        except _GONE:
            pass
        finally:
            leaves.cancel()
            self._viewers.discard(viewer)
            if not self._viewers:
                self._watched(False)
            with contextlib.suppress(*_GONE):
                await asyncio.wait_for(websocket.close(), 1.0)


class _Viewer:
    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=_QUEUE)
        self._filled = asyncio.Event()

    def put(self, text: str) -> None:
        self._waiting.append(text)
        self._filled.set()

    async def send(self, websocket: WebSocket, leaves: asyncio.Task[None]) -> None:
        """What waits, once there is something, or until it leaves."""
        filled = asyncio.ensure_future(self._filled.wait())
        try:
            await asyncio.wait((filled, leaves), return_when=asyncio.FIRST_COMPLETED)
        finally:
            filled.cancel()
        self._filled.clear()
        while self._waiting and not leaves.done():
            await asyncio.wait_for(websocket.send_text(self._waiting.popleft()), _PATIENCE_S)


def encode(message: Any) -> str:
    """ValueError where it holds a NaN or an infinity, which JSON does not have."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


async def _left(websocket: WebSocket) -> None:
    """Returns when the browser has gone; what it says is not listened to."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.receive_text()
