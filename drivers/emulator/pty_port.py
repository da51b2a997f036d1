"""A pseudo-terminal under a name of its own: what a device's USB or serial port looks like to the host."""

from __future__ import annotations

import os
import tty
from pathlib import Path

READ_SIZE = 4096


class PtyPort:
    """A raw pty whose slave end is found at the symlink `link`; plugged in from the start.

    The emulator keeps a slave open too, so that the line stays raw between two users of the port. Writing never
    blocks: what does not fit into the kernel's buffer (about 15 kB) is lost, as in a real serial buffer, and
    counted in `dropped_bytes` and `dropped_writes`.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self.dropped_bytes = 0
        self.dropped_writes = 0
        self._master = self._slave = -1
        self.plug()

    @property
    def plugged(self) -> bool:
        """False between `unplug` and `plug`."""
        return self._master >= 0

    def fileno(self) -> int:
        """The master's file descriptor; -1 while unplugged."""
        return self._master

    def plug(self, link: Path | None = None) -> None:
        """Appear as a new tty, at `link` if given (another port of the host), else at the old name."""
        self.unplug()
        self.link = link or self.link
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        point_link(self.link, os.ttyname(self._slave))

    def unplug(self) -> None:
        """Hang up: the host's reads end with an error, and the name is gone."""
        if not self.plugged:
            return
        if os.path.islink(self.link) and os.readlink(self.link) == os.ttyname(self._slave):
            self.link.unlink()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    close = unplug

    def read(self) -> bytes:
        """What the host has sent; empty when nothing waits or while unplugged."""
        if not self.plugged:
            return b""
        try:
            return os.read(self._master, READ_SIZE)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send to the host what the kernel takes; lost without a count while unplugged."""
        if not self.plugged:
            return
        try:
            lost = len(data) - os.write(self._master, data)
        except BlockingIOError:
            lost = len(data)
        if lost:
            self.dropped_bytes += lost
            self.dropped_writes += 1


def point_link(link: Path, target: str) -> None:
    """Make `link` point to `target` in one step, whether or not it was there."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)
