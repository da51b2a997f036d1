"""`second-skin standby`: holds what the next start of the service needs while there is none.

The service hands it each port's descriptor and its journal. When the service dies, this process reads the ports in its
place, so that no byte is lost in the kernel's small buffers, and hands all of it to the next one. Nothing heavy is
imported and nothing computed here: it must not die of what the service died of.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]  # ships none

from jetson_runtime.suit.errors import EndpointError

# A service that is not back by then starts cold: its devices are let go.
HOLD_NS = 10_000_000_000
PRIORITY = 50
_READ_BYTES = 4096
_MESSAGE_BYTES = 65_536
# In place of a stream: the end of a wake-up.
WOKE = -1
# The kernel closes a killed process's sockets before it has ended: so long may the rest of its end take.
_ENDING_MS = 1_000
_CREDENTIALS = struct.Struct("3i")


class _Held(NamedTuple):
    descriptor: int
    facts: dict[str, Any]


class Standby:
    """One service at a time, over a socket; `turn` in a loop."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._service: socket.socket | None = None
        self._process = -1  # its pidfd
        self._held: dict[int, _Held] = {}
        self._journal: int | None = None
        self._identity: Any = None
        self._reads: list[tuple[int, bytes, int]] = []
        self._lost: list[int] = []
        # Since when the ports are read here, ns; None while the service reads them.
        self._alone_ns: int | None = None
        self._tried = False
        self._poll = select.poll()
        self._poll.register(server, select.POLLIN)

    def turn(self) -> None:
        """Waits for something to do, and does it."""
        timeout_ms = None
        if self._alone_ns is not None:
            timeout_ms = max(0, (self._alone_ns + HOLD_NS - time.monotonic_ns()) // 1_000_000 + 1)
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout_ms)}
        if self._alone_ns is not None:
            self._read_ports(ready)
            if time.monotonic_ns() - self._alone_ns > HOLD_NS:
                self._forget()
        if self._service is not None and self._service.fileno() in ready:
            self._hear(self._service)
        if self._server.fileno() in ready:
            self._accept()

    def _accept(self) -> None:
        service, _ = self._server.accept()
        if self._service is not None:
            service.close()  # the lock of the service lets one run
            return
        peer, _, _ = _CREDENTIALS.unpack(
            service.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        try:
            self._process = os.pidfd_open(peer)
        except ProcessLookupError:
            service.close()  # dead before it was heard
            return
        self._service = service
        self._poll.register(service, select.POLLIN)
        held: dict[int, dict[str, Any]] = {}
        descriptors: list[int] = []
        if self._journal is not None:
            held = {index: one.facts for index, one in self._held.items()}
            descriptors = [self._journal, *(one.descriptor for one in self._held.values())]
        self._answer({"identity": self._identity, "held": held, "alone_ns": self._alone_ns}, descriptors)

    def _hear(self, service: socket.socket) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(service, _MESSAGE_BYTES, 4)
        except OSError:
            data, descriptors = b"", []
        if not data:
            self._end_of_service(service)
            return
        message = msgpack.unpackb(data)
        operation = message["op"]
        if operation == "begin":
            self._forget()
            self._identity, self._journal = message["identity"], descriptors[0]
        elif operation == "hold":
            self._drop(message["index"])
            self._held[message["index"]] = _Held(descriptors[0], message["facts"])
        elif operation == "drop":
            self._drop(message["index"])
        elif operation == "leave":
            self._forget()
        if operation in ("peek", "take"):
            self._hand_over(last=operation == "take")
        else:
            self._answer({}, [])  # a probe, too: that it is answered is all

    def _hand_over(self, *, last: bool) -> None:
        """What was read so far, in a memory of its own; with the last of it the ports are the service's again."""
        self._tried = True
        if last:
            self._read_ports({held.descriptor for held in self._held.values()})
        memory = os.memfd_create("second-skin-reads", os.MFD_CLOEXEC)
        with os.fdopen(memory, "wb", closefd=False) as file:
            msgpack.pack({"reads": self._reads, "lost": self._lost, "held": sorted(self._held)}, file)
        self._reads = []
        if last:
            self._forget()
        self._answer({}, [memory])
        os.close(memory)

    def _end_of_service(self, service: socket.socket) -> None:
        self._poll.unregister(service)
        service.close()
        self._service = None
        dead = _has_ended(self._process)
        os.close(self._process)
        # One that lives on reads its ports itself; one that died of what it was given is not to be given it again.
        if not dead or self._tried:
            self._forget()
        elif self._held and self._alone_ns is None:
            self._alone_ns = time.monotonic_ns()
            for held in self._held.values():
                self._poll.register(held.descriptor, select.POLLIN)
            self._read_ports({held.descriptor for held in self._held.values()})

    def _read_ports(self, ready: set[int]) -> None:
        """All that waits in those that are ready; one wake-up, as of the reactor."""
        for index, held in list(self._held.items()):
            if held.descriptor not in ready:
                continue
            try:
                while data := os.read(held.descriptor, _READ_BYTES):
                    self._reads.append((index, data, time.monotonic_ns()))
            except BlockingIOError:
                continue
            except OSError:
                pass
            self._lost.append(index)
            self._drop(index)
        self._reads.append((WOKE, b"", time.monotonic_ns()))

    def _drop(self, index: int) -> None:
        held = self._held.pop(index, None)
        if held is not None:
            with contextlib.suppress(KeyError):
                self._poll.unregister(held.descriptor)
            os.close(held.descriptor)

    def _forget(self) -> None:
        for index in list(self._held):
            self._drop(index)
        if self._journal is not None:
            os.close(self._journal)
        self._journal = self._identity = self._alone_ns = None
        self._reads, self._lost, self._tried = [], [], False

    def _answer(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if self._service is not None:
            with contextlib.suppress(OSError):  # it has died: the next look tells
                socket.send_fds(self._service, [msgpack.packb(message)], descriptors)


def _has_ended(process: int) -> bool:
    """process: its pidfd."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(_ENDING_MS))


def run(path: Path) -> int:
    """Listens at `path` until it is ended by a signal. EndpointError: it cannot."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        path.unlink(missing_ok=True)
        server.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        raise EndpointError(
            f"{path}: {error.strerror}; give this user the folder, or name another socket"
        ) from error
    server.listen(4)
    with contextlib.suppress(PermissionError):  # it reads in the reactor's place
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    standby = Standby(server)
    while True:
        standby.turn()
