"""The parent's side of `bench/worker.py`: a process to which one order at a time is given."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Longer than any order takes on a slow board; making the way may take its own time (TensorRT builds an engine).
_ANSWER_S = 120.0
_STOP_S = 2.0
_LOOK_S = 0.05


class WorkerLost(Exception):
    """The process ended or said nothing in time; the text is what it said last."""


class Worker:
    """A command that `worker.serve` obeys in, started at once; ends with `close`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def ready(self, timeout_s: float) -> dict[str, Any]:
        """Waits until its way is made; {"absent": reason} where it cannot be made here."""
        return self.answer(timeout_s)

    def tell(self, do: str, **order: Any) -> None:
        """Gives an order; its `answer` must be taken before the next one."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerLost(self._last_words()) from None

    def answer(
        self, timeout_s: float = _ANSWER_S, meanwhile: Callable[[], None] | None = None
    ) -> dict[str, Any]:
        """To the last order; `meanwhile` is called now and then until it comes."""
        out = self._process.stdout
        assert out is not None
        step_s = timeout_s if meanwhile is None else _LOOK_S
        while not select.select((out,), (), (), step_s)[0]:
            timeout_s -= step_s
            if timeout_s <= 0.0:
                raise WorkerLost("says nothing")
            if meanwhile is not None:
                meanwhile()
        line = out.readline()
        if not line:
            raise WorkerLost(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "ended without a word"
