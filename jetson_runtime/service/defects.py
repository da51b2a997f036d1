"""Internal errors that one device brings out: each is told once with its traceback, for whoever mends it."""

from __future__ import annotations

import logging
import traceback


class DefectLog:
    """`tell` may be called from any thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: set[tuple[str, str, str, int | None]] = set()

    def tell(self, stream: str, error: Exception) -> None:
        """Logs `error`, unless this stream's devices brought out the same one at the same place before."""
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, frames[-1].lineno) if frames else ("", None)
        defect = (stream, type(error).__name__, *place)
        if defect not in self._told:
            self._told.add(defect)
            self._log.error("%s: internal error; it is retried and not told again", stream, exc_info=error)
