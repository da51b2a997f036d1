"""All the ways of one run of `bench engines`, each in its process, started together and asked together or in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.bench.processes import Worker, WorkerLost
from jetson_runtime.bench.ways import REFERENCE, WayToRun, one_thread
from jetson_runtime.inference.bundle import GOLDEN, Bundle

# A TensorRT engine is built at its first start.
_MAKING_S = 600.0


class Crew:
    """`names` of the ways at hand; `absent` says of each other one why it is not, or what it said before it was lost.

    `known`: a file of rows and the outcomes they must give: by PyTorch in float64, which the way REFERENCE computes
    beside its own work; the bundle's golden file where that is not here.
    """

    def __init__(self, ways: Sequence[WayToRun], model: Bundle, folder: Path) -> None:
        self.absent: dict[str, str] = {}
        self.known = model.path / GOLDEN
        self._workers: dict[str, Worker] = {}
        extra = [] if REFERENCE in ways or REFERENCE.missing() else [REFERENCE]
        with contextlib.ExitStack() as stack:
            self._stack = stack
            for way in (*ways, *extra):
                self._start(way, model, folder)
            # Started together, for most of it is importing; ready one after the other.
            for name in self.names:
                self._try(name, lambda worker: worker.ready(_MAKING_S))
            if extra:
                self._workers.pop(REFERENCE.name, None)
            self._stack = stack.pop_all()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def names(self) -> list[str]:
        """Of the ways that can be asked."""
        return list(self._workers)

    def ask_all(self, do: str, **order: Any) -> dict[str, dict[str, Any]]:
        """One order to all at once, and the answers by name."""
        for name in self.names:
            self._try(name, lambda worker: worker.tell(do, **order))
        answers = {name: self._try(name, lambda worker: worker.answer()) for name in self.names}
        return {name: answer for name, answer in answers.items() if answer is not None}

    def ask(
        self, name: str, do: str, *, meanwhile: Callable[[], None] | None = None, **order: Any
    ) -> dict[str, Any] | None:
        """One order to one way, `meanwhile` called now and then; None where the way was lost."""

        def both(worker: Worker) -> dict[str, Any]:
            worker.tell(do, **order)
            return worker.answer(meanwhile=meanwhile)

        answer: dict[str, Any] | None = self._try(name, both)
        return answer

    def _start(self, way: WayToRun, model: Bundle, folder: Path) -> None:
        if package := way.missing():
            self.absent[way.name] = f"{package} is not installed"
            return
        command = way.command(model.path)
        if way == REFERENCE:
            self.known = folder / "reference.npz"
            command += ["--reference", str(self.known)]
        worker = Worker(command, one_thread())
        self._stack.callback(worker.close)
        self._workers[way.name] = worker

    def _try(self, name: str, do: Callable[[Worker], Any]) -> Any:
        """What `do` answers; None, and the way is absent from now on, where it cannot be had."""
        try:
            answer = do(self._workers[name])
        except WorkerLost as error:
            answer, reason = None, str(error)
        else:
            reason = str(answer.get("absent", "")) if isinstance(answer, dict) else ""
        if reason:
            self.absent[name] = reason
            del self._workers[name]
        return answer
