"""How a task of asyncio waits for ZeroMQ sockets. Standard library and pyzmq."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import zmq


class Readiness:
    """`wait` lets the running loop go on until one of `sockets` has something, for one task at a time.

    A socket's descriptor only says that something may have changed, once; and it stays readable until somebody looks:
    the loop watches it only while a task waits, or it would turn without end beside a task that does something else.
    """

    def __init__(self, sockets: Sequence[zmq.Socket[bytes]]) -> None:
        self._sockets = sockets
        self._descriptors = [int(socket.getsockopt(zmq.FD)) for socket in sockets]
        self._end: Callable[[], None] | None = None

    async def wait(self, timeout_s: float) -> None:
        """Returns for nothing now and then; look, and wait again."""
        if self._end is not None:
            raise RuntimeError("another task waits for this client already: give each its own")
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        def end() -> None:
            self._end = None
            timer.cancel()
            for descriptor in self._descriptors:
                loop.remove_reader(descriptor)
            wake()

        timer = loop.call_later(timeout_s, wake)
        self._end = end
        for descriptor in self._descriptors:
            loop.add_reader(descriptor, wake)
        try:
            if not any(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN for socket in self._sockets):
                await woken
        finally:
            self.end()

    def end(self) -> None:
        """Wakes who waits; before the sockets are closed."""
        if self._end is not None:
            self._end()
