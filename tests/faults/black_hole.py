"""A TCP relay that can fall silent without closing anything, as a cable that is pulled or a Wi-Fi that is lost."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class BlackHole:
    """Relays connections to 127.0.0.1:`target` from `port`. Those of the time of `swallow` are dead from then on."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._other: dict[socket.socket, socket.socket] = {}
        self._dead: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._ending = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def swallow(self) -> None:
        """Neither side of what is connected now hears anything any more, not even an end."""
        with self._lock:
            for one in self._other:
                self._selector.unregister(one)
            self._dead += self._other
            self._other.clear()

    def close(self) -> None:
        self._ending = True
        self._thread.join(5.0)
        for one in (self._listener, *self._dead, *self._other):
            one.close()

    def _run(self) -> None:
        while not self._ending:
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._other:
                        self._pass_on(key.fileobj)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        self._other |= {near: far, far: near}
        for one in (near, far):
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        other = self._other[one]
        with contextlib.suppress(OSError):
            data = one.recv(65_536)
            if data:
                other.sendall(data)
                return
        for end in (one, other):
            self._selector.unregister(end)
            del self._other[end]
            end.close()
