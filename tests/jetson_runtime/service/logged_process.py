"""A program of the product as a process of its own, what it says in a file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import IO

SECOND_SKIN = ("-m", "jetson_runtime.cli")


class LoggedProcess:
    """Python with `words`, from now on; stderr goes to a new file in `folder`."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.log_path = folder / f"log-{time.monotonic_ns()}"
        self._log: IO[str] = self.log_path.open("w")
        self.process = subprocess.Popen([sys.executable, *words], stderr=self._log)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def stop(self, patience_s: float = 60.0) -> int:
        """SIGTERM, and the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(patience_s)
        finally:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
