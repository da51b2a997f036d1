"""Other `second-skin` commands as processes of the demo's own: started, watched, and always taken down."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from jetson_runtime.suit.errors import SuitError

# SIGTERM, then SIGKILL to what has not ended by itself after this long.
STOP_S = 5.0
_TOLD_LINES = 12


class _Unwinding:
    """Signal handler: ends the program as Ctrl-C does; while a child is being started, once it can be ended too."""

    def __init__(self) -> None:
        self._held: list[int] | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._held is None:
            raise KeyboardInterrupt(number)
        self._held.append(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What comes within the block is raised behind it."""
        came: list[int] = []
        self._held = came
        try:
            yield
        finally:
            self._held = None
        if came:
            raise KeyboardInterrupt(came[0])


_unwind = _Unwinding()


class Child:
    """One command, in a `with` block; what it says goes to a log file. It ends with the block, however that ends."""

    _process: subprocess.Popen[bytes]

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._words = [sys.executable, "-m", "jetson_runtime.cli", *arguments]
        self._name = f"second-skin {arguments[0]}"
        self._log = log

    def __enter__(self) -> Child:
        process = None
        try:
            with self._log.open("wb") as out, _unwind.held():
                # A session of its own: Ctrl-C reaches the demo alone, which then ends its children in order.
                self._process = process = subprocess.Popen(
                    self._words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
                )
        except KeyboardInterrupt:
            if process is not None:
                self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def check(self) -> None:
        """Raises SuitError with what the process said last if it has ended."""
        status = self._process.poll()
        if status is not None:
            said = self._log.read_text(errors="replace").splitlines()[-_TOLD_LINES:]
            ending = (
                f"was killed by {signal.Signals(-status).name}"
                if status < 0
                else f"ended with status {status}"
            )
            raise SuitError("\n".join([f"{self._name} {ending}; it said last:", *said]))

    def stop(self) -> None:
        """Ends the process and waits for it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the block as Ctrl-C does, so that no child outlives it; ignored ones stay ignored."""
    heard = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, _unwind) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
