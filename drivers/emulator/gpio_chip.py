"""A GPIO chip whose lines a test, or a person at a keyboard, moves and looks at; behind a socket (`emulated_lines.py`).

Like the kernel's: a line has one user at a time, edges are stamped with CLOCK_MONOTONIC as they happen, and those that
find their user's queue full are lost, which their numbers tell.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

from drivers.gpio.emulated_lines import PACKET_BYTES
from drivers.gpio.lines import Line

_LOOK_S = 0.2


class EmulatedChip:
    """Lines by offset or name, each low at first, or where its user pulls it; open until `close`.

    history: (CLOCK_MONOTONIC ns, line, level) of each output's changes, in order.
    """

    def __init__(self, path: Path, lines: tuple[int | str, ...]) -> None:
        self.path = path
        self.history: list[tuple[int, int | str, bool]] = []
        self._lock = threading.Lock()
        self._levels: dict[int | str, bool] = dict.fromkeys(lines, False)
        self._driven: set[int | str] = set()
        self._holders: dict[int | str, _Holder] = {}
        self._closing = False
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(str(path))
        self._socket.listen()
        self._socket.settimeout(_LOOK_S)
        self._threads = [threading.Thread(target=self._run, name="emulated GPIO chip", daemon=True)]
        self._threads[0].start()

    @property
    def name(self) -> str:
        """For a config."""
        return f"emulated:{self.path}"

    def level(self, line: int | str) -> bool:
        """Whether the pin is high now."""
        return self._levels[line]

    def held(self, line: int | str) -> bool:
        """Whether somebody uses it."""
        return line in self._holders

    def drive(self, line: int | str, high: bool) -> int:
        """Puts an input high or low; the instant of the edge (CLOCK_MONOTONIC ns)."""
        with self._lock:
            at_ns = time.monotonic_ns()
            self._driven.add(line)
            changed = self._levels[line] is not high
            self._levels[line] = high
            if changed and (holder := self._holders.get(line)):
                holder.tell(line, high, at_ns)
        return at_ns

    def close(self) -> None:
        """As if the chip's driver were taken out: every user's next use fails."""
        self._closing = True
        self._socket.close()
        for holder in set(self._holders.values()):
            holder.end()
        for thread in self._threads:
            thread.join()
        self.path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._closing:
            try:
                user, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(user,), daemon=True))
            self._threads[-1].start()

    def _serve(self, user: socket.socket) -> None:
        holder = _Holder(user)
        with user, contextlib.suppress(OSError):
            while packet := user.recv(PACKET_BYTES):
                kind, *told = json.loads(packet)
                with self._lock:
                    if kind == "request":
                        self._request(holder, *told)
                    else:
                        self._set(holder, *told)
        with self._lock:
            self._holders = {line: other for line, other in self._holders.items() if other is not holder}

    def _request(self, holder: _Holder, who: str, wanted: dict[str, list[Any]]) -> None:
        lines = {name: Line(*told) for name, told in wanted.items()}
        for line in lines.values():
            if line.at not in self._levels:
                return holder.send("refused", f"has no line {line.at}")
            if line.at in self._holders:
                return holder.send("refused", f"{self._holders[line.at].who} holds line {line.at}")
        holder.who, holder.lines = who, lines
        for line in lines.values():
            self._holders[line.at] = holder
            if line.use == "output":
                self._move(line.at, line.active_low)
            elif line.pull and line.at not in self._driven:
                self._levels[line.at] = line.active_low
        return holder.send("granted", "")

    def _set(self, holder: _Holder, on: dict[str, bool]) -> None:
        for name, lit in on.items():
            line = holder.lines[name]
            self._move(line.at, lit is not line.active_low)

    def _move(self, line: int | str, high: bool) -> None:
        if self._levels[line] is not high:
            self._levels[line] = high
            self.history.append((time.monotonic_ns(), line, high))


class _Holder:
    """Who has requested lines."""

    def __init__(self, user: socket.socket) -> None:
        self.who = ""
        self.lines: dict[str, Line] = {}
        self._user = user
        self._numbers: dict[str, int] = {}

    def tell(self, at: int | str, high: bool, at_ns: int) -> None:
        """An edge of a line of its own, where it asked for edges of this kind."""
        name, line = next((name, line) for name, line in self.lines.items() if line.at == at)
        rising = high is not line.active_low
        if line.use not in ("both", "rising" if rising else "falling"):
            return
        self._numbers[name] = self._numbers.get(name, 0) + 1
        self.send("edge", name, rising, at_ns, self._numbers[name])

    def send(self, *words: Any) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            self._user.send(json.dumps(words).encode(), socket.MSG_DONTWAIT)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._user.shutdown(socket.SHUT_RDWR)
