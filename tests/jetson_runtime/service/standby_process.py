"""A standby process as the tests start it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worn_suit import until


@contextmanager
def standing_by(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process. Listens at `path` within, and is killed at the end, which leaves the socket's file where it is."""
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "jetson_runtime.cli", "standby", "--socket", str(path)]
    process = subprocess.Popen(command)
    try:
        assert until(path.exists)
        yield process
    finally:
        process.kill()
        process.wait()
