"""Lines of a chip that another process emulates: `drivers/emulator/gpio_chip.py` at the other end of a socket.

Packets of a Unix socket (SOCK_SEQPACKET), each one JSON list that begins with what it is:

    to the chip     ["request", user, {name: [at, use, active_low, pull]}]   once, first
                    ["set", {name: on}]
    from the chip   ["granted", ""] or ["refused", why]                       in reply to the request
                    ["edge", name, rising, at_ns, number]
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any

from drivers.gpio.lines import EDGES_AT_ONCE, Edge, Line, LineError

PACKET_BYTES = 4096
_REPLY_S = 2.0


class EmulatedLines:
    """As `Lines` says."""

    def __init__(self, path: str, lines: Mapping[str, Line], user: str) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.settimeout(_REPLY_S)
            self._socket.connect(path)
            self._send("request", user, lines)
            verdict, told = self._receive()
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise LineError(f"emulated:{path}: {error.strerror or error}; start what emulates it") from error
        if verdict != "granted":
            self._socket.close()
            raise LineError(f"emulated:{path}: {told}")

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> list[Edge]:
        edges: list[Edge] = []
        with contextlib.suppress(BlockingIOError):
            while len(edges) < EDGES_AT_ONCE:
                edges.append(Edge(*self._heard()[1:]))
        return edges

    def set(self, on: Mapping[str, bool]) -> None:
        try:
            self._send("set", dict(on))
        except BlockingIOError as error:
            raise LineError(f"emulated:{self._path}: takes nothing any more; start it anew") from error
        except OSError as error:
            raise self._gone() from error

    def close(self) -> None:
        self._socket.close()

    def _heard(self) -> Any:
        try:
            return self._receive()
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._gone() from error

    def _receive(self) -> Any:
        packet = self._socket.recv(PACKET_BYTES)
        if not packet:
            raise self._gone()
        return json.loads(packet)

    def _send(self, *words: Any) -> None:
        self._socket.send(json.dumps(words).encode())

    def _gone(self) -> LineError:
        return LineError(f"emulated:{self._path}: has gone; start what emulates it")
