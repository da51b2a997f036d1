"""Somebody at the terminal: `second-skin collect` on a pseudo-terminal, read and typed to."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

# Ctrl-C counts, whatever the tests were started from.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jetson_runtime.cli import main
sys.exit(main())
"""


class Operator:
    """said: all that was printed so far."""

    def __init__(self, *words: str | Path) -> None:
        self._master, slave = pty.openpty()
        self.said = ""
        self._seen = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "collect", *map(str, words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    def reads(self, words: str, timeout_s: float = 120.0) -> str:
        """All that is printed up to `words`, from where the last call ended."""
        end_s = time.monotonic() + timeout_s
        while words not in self.said[self._seen :]:
            assert time.monotonic() < end_s, f"{words!r} did not come:\n{self.said}"
            assert self._take() or self.process.poll() is None, f"ended without {words!r}:\n{self.said}"
        begin = self._seen
        self._seen = self.said.index(words, begin) + len(words)
        return self.said[begin : self._seen]

    def types(self, line: str = "") -> None:
        os.write(self._master, line.encode() + b"\n")

    def ends(self) -> int:
        """The exit status."""
        end_s = time.monotonic() + 30.0
        while self.process.poll() is None and time.monotonic() < end_s:
            self._take()
        while self._take():
            pass
        return self.process.wait(1.0)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        os.close(self._master)

    def _take(self) -> bool:
        if not select.select([self._master], [], [], 0.05)[0]:
            return False
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return False
        self.said += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
