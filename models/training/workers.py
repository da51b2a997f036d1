"""Members dealt out to processes of one thread, and folds that only one training works on."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

import torch

from jetson_runtime.suit.errors import SuitError
from models.files import alone
from models.training.runs import RunError

Share = TypeVar("Share")
Report = TypeVar("Report")

_PATIENCE_S = 5.0
_PR_SET_PDEATHSIG = 1


def spread(
    work: Callable[[Sequence[Share], Callable[[Report], None]], None],
    items: Sequence[Share],
    processes: int,
    tell: Callable[[Report], None],
) -> None:
    """`work(share, report)` on every `processes`-th item in a process of its own; `tell` is called in this one.

    Raises in this process what a share raised (the first), and RunError where a process died; the others are ended.
    """
    if processes <= 1:
        with _one_thread():
            work(items, tell)
        return
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    shares = [items[i::processes] for i in range(processes)]
    started = [
        context.Process(target=_work, args=(work, share, queue, os.getpid()), daemon=True) for share in shares
    ]
    for process in started:
        process.start()
    try:
        _listen(queue, started, tell)
    finally:
        for process in started:
            process.terminate()
            process.join()


@contextlib.contextmanager
def locked(folders: Sequence[Path]) -> Iterator[None]:
    """Holds the folders for this training, its workers included; raises RunError where another one has them."""
    with contextlib.ExitStack() as held:
        for folder in folders:
            taken = RunError(f"{folder}: another training is at work on it; wait for it or end it")
            held.enter_context(alone(folder, _PATIENCE_S, taken))
        yield


def _work(
    work: Callable[[Sequence[Share], Callable[[Report], None]], None],
    share: Sequence[Share],
    queue: Any,
    parent: int,
) -> None:
    _live_no_longer_than(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _one_thread():
            work(share, lambda report: queue.put(("report", report)))
    except (SuitError, ValueError) as error:
        queue.put(("error", error))
    else:
        queue.put(("end", None))


def _live_no_longer_than(parent: int) -> None:
    """The kernel ends this worker with its training: nobody would hear of it, and the next training wants its fold."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _listen(queue: Any, started: Sequence[Any], tell: Callable[[Report], None]) -> None:
    running = len(started)
    while running:
        try:
            kind, content = queue.get(timeout=1.0)
        except Empty:
            dead = [p.exitcode for p in started if p.exitcode]
            if dead:
                raise RunError(
                    f"a training process ended with status {dead[0]}; run again to go on"
                ) from None
            continue
        if kind == "error":
            raise content
        if kind == "report":
            tell(content)
        else:
            running -= 1


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
