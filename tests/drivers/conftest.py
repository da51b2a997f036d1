"""A pseudo-terminal whose other end the test holds."""

from __future__ import annotations

import os
import select
import tty
from collections.abc import Iterator

import pytest


class Pty:
    """`name` is the port to open; what is read and written here is the device's end of the wire."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        os.close(slave)
        self._open = True

    def read(self, timeout_s: float = 0.0) -> bytes:
        if not self._open:
            return b""
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        try:
            return os.read(self.master, 65536) if ready else b""
        except OSError:  # nobody has the port open
            return b""

    def write(self, data: bytes) -> None:
        if self._open:
            os.write(self.master, data)

    def hang_up(self) -> None:
        if self._open:
            os.close(self.master)
        self._open = False


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    pair.hang_up()
