"""The service's end of the line to `second-skin standby`."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]  # ships none

NO_ANSWER = "no standby process answered"
_TIMEOUT_S = 2.0
_MESSAGE_BYTES = 65_536
_MOST_DESCRIPTORS = 16

_log = logging.getLogger("second-skin")


class Legacy(NamedTuple):
    """What the service before left: facts and descriptor of each port by stream index, its journal's descriptor.

    alone_ns: when it was seen to be dead, CLOCK_MONOTONIC.
    """

    identity: Any
    held: dict[int, dict[str, Any]]
    ports: dict[int, int]
    journal: int
    alone_ns: int | None

    def close(self) -> None:
        """Closes this process's copies."""
        for descriptor in (self.journal, *self.ports.values()):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class Reads(NamedTuple):
    """What was read since: (stream index or `standby.WOKE`, bytes, time), and the streams whose port went away."""

    reads: list[tuple[int, bytes, int]]
    lost: list[int]
    held: list[int]


class StandbyLink:
    """`reach` makes one. From any thread; where the other end fails, it is told once and all else does nothing."""

    def __init__(self, line: socket.socket) -> None:
        self._line: socket.socket | None = line
        self._lock = threading.Lock()
        self.legacy: Legacy | None = None

    def begin(self, identity: Mapping[str, Any], journal: int) -> None:
        """What was held before is forgotten; from here on the journal is this service's."""
        self._ask({"op": "begin", "identity": identity}, [journal])

    def hold(self, index: int, facts: Mapping[str, Any], descriptor: int) -> None:
        """The stream's port is to be held."""
        self._ask({"op": "hold", "index": index, "facts": facts}, [descriptor])

    def drop(self, index: int) -> None:
        """The stream's port is to be let go; it is when this returns."""
        self._ask({"op": "drop", "index": index})

    def leave(self) -> None:
        """All is to be let go: there will be no next service, or one that starts cold."""
        self._ask({"op": "leave"})

    def peek(self) -> Reads | None:
        """What was read so far; reading goes on. None where the other end failed."""
        return self._reads("peek")

    def take(self) -> Reads | None:
        """The rest; the ports are no longer read nor held by the other end."""
        return self._reads("take")

    def answers(self) -> bool:
        """Whether the other end does, tried: one that hangs would say so of itself by nothing else."""
        return self._ask({"op": "probe"}) is not None

    def close(self) -> None:
        """Ends the line; the other end lets all go that it holds."""
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line = None

    def greet(self) -> None:
        """Hears what there is."""
        message, descriptors = self._receive(self._line) if self._line else ({}, [])
        held = {int(index): facts for index, facts in message.get("held", {}).items()}
        if held and len(descriptors) == 1 + len(held):
            ports = dict(zip(held, descriptors[1:], strict=True))
            self.legacy = Legacy(message["identity"], held, ports, descriptors[0], message["alone_ns"])

    def _reads(self, operation: str) -> Reads | None:
        answer = self._ask({"op": operation})
        if answer is None or not answer[1]:
            return None
        with os.fdopen(answer[1][0], "rb") as file:
            file.seek(0)
            told = msgpack.unpack(file)
        return Reads([(i, data, ns) for i, data, ns in told["reads"]], told["lost"], told["held"])

    def _ask(
        self, message: Mapping[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]] | None:
        with self._lock:
            line = self._line
            if line is None:
                return None
            try:
                socket.send_fds(line, [msgpack.packb(message)], list(descriptors))
                return self._receive(line)
            except OSError as error:
                self._lose(error)
                return None

    def _lose(self, why: OSError) -> None:
        if isinstance(why, TimeoutError):
            _log.warning("%s within %.0f s: until one does a restart is cold", NO_ANSWER, _TIMEOUT_S)
        else:
            _log.warning("the standby process is gone (%s): until it is back a restart is cold", why)
        if self._line is not None:
            self._line.close()
        self._line = None

    def _receive(self, line: socket.socket) -> tuple[dict[str, Any], list[int]]:
        data, descriptors, _, _ = socket.recv_fds(line, _MESSAGE_BYTES, _MOST_DESCRIPTORS)
        if not data:
            raise ConnectionResetError("it closed the line")
        message: dict[str, Any] = msgpack.unpackb(data, strict_map_key=False)
        return message, descriptors


def reach(path: Path) -> StandbyLink:
    """The standby process that listens at `path`; OSError: none does."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.settimeout(_TIMEOUT_S)
    try:
        line.connect(str(path))
        link = StandbyLink(line)
        link.greet()
    except OSError:
        line.close()
        raise
    return link
