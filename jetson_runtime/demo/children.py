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


class Child:
    """One command; what it says goes to a log file. It ends with the `with` block, however that ends."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._name = f"second-skin {arguments[0]}"
        self._log = log
        with log.open("wb") as out:
            # A session of its own: Ctrl-C reaches the demo alone, which then ends its children in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jetson_runtime.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

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
    """SIGTERM and SIGHUP unwind the block as Ctrl-C does, so that no child outlives it."""

    def unwind(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, unwind) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
