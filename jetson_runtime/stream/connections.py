"""The connections that clients have open: counted, limited, and shut down where one has to go.

libzmq closes no connection of a bound socket on request. It is done here on the connection's descriptor, as if the peer
had hung up. Descriptors are used again, so that a connection is known by its socket's inode.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass

from jetson_runtime.suit.config import Security

# A client of ours subscribes to a handful of topics.
MOST_SUBSCRIPTIONS = 32
# A quarter of the connections is kept for this machine: strangers need no key to hold one open for the 3 s of a
# handshake, and a controller on the suit must find room when it comes back.
_KEPT_FOR_THIS_MACHINE = 4
# At most one line in this time says who was turned away, for each reason.
_LINE_NS = 1_000_000_000
# No client of ours sends so much before it is heard; what a heartbeat takes between two sweeps is nothing.
_MOST_UNHEARD_BYTES = 1_000_000
_HEARTBEATS_BYTES = 512
# tcpi_bytes_received of struct tcp_info (linux/tcp.h), and all before it.
_BYTES_RECEIVED = struct.Struct("=128xQ")
# In a flood not every connection too many is a reason to look through all.
_SWEEP_NS = 50_000_000

REFUSED, REVOKED, OVER_LIMIT, FLOODING = "refused", "revoked", "over_limit", "flooding"

_log = logging.getLogger("second-skin")


@dataclass
class _Peer:
    descriptor: int
    inode: int
    address: str
    host: str
    key: str = ""
    subscriptions: int = 0
    failure: str = ""
    shut: bool = False
    # Of a TCP connection: bytes received so far, those of them that are no message yet, whether one has come meanwhile.
    received: int = 0
    unheard: int = 0
    spoke: bool = False


class Connections:
    """Thread-safe. `counts`: `connected` now, and how many were turned away since the start, by reason."""

    def __init__(self, limits: Security) -> None:
        self._limits = limits
        self._most_elsewhere = limits.max_clients - limits.max_clients // _KEPT_FOR_THIS_MACHINE
        self._peers: dict[int, _Peer] = {}
        # Of those not shut down: how many from each host; '' is this machine.
        self._of_host: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._turned_away = dict.fromkeys((REFUSED, REVOKED, OVER_LIMIT, FLOODING), 0)
        self._swept_ns = 0
        # When the last line of each reason was written, and how often it has held since.
        self._told: dict[str, tuple[int, int]] = {}

    @property
    def counts(self) -> dict[str, int]:
        return {"connected": self._of_host.total(), **self._turned_away}

    def arrived(self, descriptor: int) -> None:
        """A connection was accepted; shuts it down where it is one too many."""
        with self._lock:
            peer = self._peer(descriptor)
            if peer is None or peer.shut:
                return
            if self._is_too_many(peer) and time.monotonic_ns() - self._swept_ns > _SWEEP_NS:
                self._swept_ns = time.monotonic_ns()
                self._forget_the_gone(list(self._peers.values()))
            if self._of_host.total() > self._limits.max_clients:
                self._shut(peer, OVER_LIMIT, f"there are {self._limits.max_clients} connections already")
            elif peer.host and self._from_elsewhere() > self._most_elsewhere:
                most = self._most_elsewhere
                self._shut(peer, OVER_LIMIT, f"other machines have {most} connections already")
            elif peer.host and self._of_host[peer.host] > self._limits.max_clients_per_address:
                most = self._limits.max_clients_per_address
                self._shut(peer, OVER_LIMIT, f"its machine has {most} connections already")

    def left(self, descriptor: int, failure: str) -> None:
        """The connection ends; `failure`: why its handshake failed, '' where it did not."""
        with self._lock:
            ending = [peer for peer in self._peers.values() if peer.descriptor == descriptor]
            for peer in ending:
                peer.failure = failure
            self._forget_the_gone(ending)

    def sweep(self) -> None:
        """Forgets connections that were still open when their end was told, and shuts down those that send without end
        what is no message; to be called twice a second."""
        with self._lock:
            self._swept_ns = time.monotonic_ns()
            self._forget_the_gone(list(self._peers.values()))
            for peer in self._peers.values():
                if not peer.shut and _never_ends(peer):
                    self._shut(peer, FLOODING, "it sends a message that never ends")

    def heard(self, descriptor: int, key: str, known: Container[str], *, subscribes: bool) -> bool:
        """Whether to heed a message of this connection, whose client has shown `key` ('' on local addresses).

        Shuts it down where the key is not `known` any more, or it subscribes without end.
        """
        with self._lock:
            peer = self._peer(descriptor)
            if peer is None or peer.shut or (peer.key and peer.key != key):
                return False  # what is heard came from a connection that has ended
            peer.key, peer.failure, peer.spoke = key, "", True
            peer.subscriptions += subscribes
            if key and key not in known:
                self._shut(peer, REVOKED, "its key was revoked")
            elif peer.subscriptions > MOST_SUBSCRIPTIONS:
                self._shut(peer, FLOODING, f"more than {MOST_SUBSCRIPTIONS} subscriptions")
            return not peer.shut

    def revoke(self, names: Mapping[str, str], known: Container[str]) -> None:
        """Shuts down every connection with a key that is not `known`; `names` of the keys there were."""
        with self._lock:
            for peer in self._peers.values():
                if peer.key and peer.key not in known and not peer.shut:
                    self._shut(peer, REVOKED, f"the key of {names.get(peer.key, 'this client')} was revoked")

    def refused(self, address: str, reason: str) -> None:
        """A client was not let in."""
        with self._lock:
            self._turn_away(REFUSED, address, reason)

    def _peer(self, descriptor: int) -> _Peer | None:
        """The connection behind `descriptor`, known or new; None where it has ended."""
        try:
            inode = os.fstat(descriptor).st_ino
            if inode not in self._peers:
                address, host = _whereabouts(descriptor)
                self._peers[inode] = _Peer(descriptor, inode, address, host)
                self._of_host[host] += 1
        except OSError:
            return None
        return self._peers[inode]

    def _is_too_many(self, peer: _Peer) -> bool:
        from_host = self._of_host[peer.host] if peer.host else 0
        return (
            self._of_host.total() > self._limits.max_clients
            or from_host > self._limits.max_clients_per_address
            or (bool(peer.host) and self._from_elsewhere() > self._most_elsewhere)
        )

    def _from_elsewhere(self) -> int:
        return self._of_host.total() - self._of_host[""]

    def _forget_the_gone(self, peers: list[_Peer]) -> None:
        for peer in peers:
            if _is_open(peer):
                continue
            del self._peers[peer.inode]
            if peer.shut:
                continue
            self._of_host[peer.host] -= 1
            if peer.failure:
                self._turn_away(REFUSED, peer.address, peer.failure)

    def _shut(self, peer: _Peer, kind: str, reason: str) -> None:
        peer.shut = True
        self._of_host[peer.host] -= 1
        _shut_down(peer)
        self._turn_away(kind, peer.address, reason)

    def _turn_away(self, kind: str, address: str, reason: str) -> None:
        self._turned_away[kind] += 1
        now_ns = time.monotonic_ns()
        line_ns, untold = self._told.get(reason, (-_LINE_NS, 0))
        if now_ns - line_ns < _LINE_NS:
            self._told[reason] = line_ns, untold + 1
            return
        others = f" (and {untold} others since the last such line)" if untold else ""
        _log.warning("client %s turned away: %s%s", address, reason, others)
        self._told[reason] = now_ns, 0


def _whereabouts(descriptor: int) -> tuple[str, str]:
    """The peer in words, and its host where that is another machine, else ''. OSError: it has gone."""
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.family == socket.AF_UNIX:
            size = struct.calcsize("3i")
            pid = struct.unpack("3i", copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
            return f"process {pid}", ""
        host, port = copy.getpeername()[:2]
    plain = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(plain, "ipv4_mapped", None) or plain
    return f"{host}:{port}", "" if mapped.is_loopback else host


def _never_ends(peer: _Peer) -> bool:
    """libzmq holds all parts of a message until the last has come, however many: its limits are of one part, and of
    whole messages. To be asked at each sweep."""
    received = _bytes_received(peer)
    grown, peer.received = received - peer.received, received
    peer.unheard = 0 if peer.spoke else max(0, peer.unheard + grown - _HEARTBEATS_BYTES)
    peer.spoke = False
    return peer.unheard > _MOST_UNHEARD_BYTES


def _bytes_received(peer: _Peer) -> int:
    """On a TCP connection since its begin; 0 for others, which are of this machine and of the service's group."""
    try:
        with socket.socket(fileno=os.dup(peer.descriptor)) as copy:
            if copy.family == socket.AF_UNIX or os.fstat(copy.fileno()).st_ino != peer.inode:
                return 0
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
    except OSError:
        return 0
    return int(_BYTES_RECEIVED.unpack(info)[0]) if len(info) == _BYTES_RECEIVED.size else 0


def _is_open(peer: _Peer) -> bool:
    try:
        return os.fstat(peer.descriptor).st_ino == peer.inode
    except OSError:
        return False


def _shut_down(peer: _Peer) -> None:
    """Through a copy, looked at after it was made: what is shut down is this connection or nothing."""
    try:
        with socket.socket(fileno=os.dup(peer.descriptor)) as copy:
            if os.fstat(copy.fileno()).st_ino == peer.inode:
                copy.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has gone by itself
