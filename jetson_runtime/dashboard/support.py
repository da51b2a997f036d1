"""The support archive as a download: the doctor's report, made when it is asked for, one at a time."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from jetson_runtime.doctor import archive, command

NAME = "second-skin-support.tar.gz"


class Support:
    """Of the suit whose config lies at `config`; state: the folder of what outlives the service."""

    def __init__(self, config: Path, state: Path) -> None:
        self._config = config
        self._state = state
        self._turn = threading.Lock()

    def make(self) -> bytes | None:
        """The archive; takes seconds. None while another one is being made."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            heard: list[dict[str, Any] | None] = []
            report = [check._asdict() for check in command.examine(self._config, self._state, heard)]
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / NAME
                archive.write(path, report, heard[0] if heard else None, self._config)
                return path.read_bytes()
        finally:
            self._turn.release()
