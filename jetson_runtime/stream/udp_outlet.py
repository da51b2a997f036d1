"""Packets of fixed layout to the receivers that the config names. It never waits: what cannot be sent is counted."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from jetson_runtime.stream.datagram import DatagramEncoder
from jetson_runtime.suit.addresses import udp_target

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame


class UdpOutlet:
    """Of the publisher's thread. sent: packets that the kernel took; errors: those that it did not take."""

    def __init__(self, receivers: tuple[str, ...], session: str, sides: tuple[str, ...]) -> None:
        """receivers: `host:port`, checked (`udp_mistake`)."""
        self.sent = 0
        self.errors = 0
        self._encoder = DatagramEncoder(session, sides)
        self._sockets: dict[int, socket.socket] = {}
        self._targets: list[tuple[socket.socket, tuple[str, int]]] = []
        for receiver in receivers:
            host, port = udp_target(receiver)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            if family not in self._sockets:
                self._sockets[family] = one = socket.socket(family, socket.SOCK_DGRAM)
                one.setblocking(False)
            self._targets.append((self._sockets[family], (host, port)))

    def send(self, frame: Frame, publish_ns: int, diverging: bool) -> None:
        """One packet to each."""
        if not self._targets:
            return
        try:
            packet = self._encoder.encode(frame, publish_ns, diverging)
        except (struct.error, OverflowError):  # a force beyond a float's range is in no valid frame
            self.errors += len(self._targets)
            return
        for one, target in self._targets:
            try:
                one.sendto(packet, target)
                self.sent += 1
            except OSError:
                self.errors += 1

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()
        self._targets.clear()
