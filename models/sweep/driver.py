"""The jobs of a sweep on Ray: on this machine, or on a cluster whose nodes share the sweep's folder.

The recordings travel through Ray's object store, each node gets them once. What a job comes to is written by the job
into the sweep's folder, so a worker, a node or this process may die at any time: Ray starts the job of a lost worker
anew, the same command starts a lost sweep anew, and both go on from the job's last checkpoint.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import platform
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from jetson_runtime.suit.errors import SuitError
from models.data.dataset import Recording
from models.errors import first_line
from models.sweep import state
from models.sweep.errors import SweepError
from models.sweep.plan import Job

Work: TypeAlias = Callable[[Job, Sequence[Recording], Path], list[dict[str, Any]]]

LOCAL = "local"
# How often the job of a lost worker is started anew, and how long it waits for a predecessor that still dies.
RETRIES = 5
PATIENCE_S = 60.0
# Ray gives its own processes seconds to start, which a busy machine may not have: it is tried again.
STARTS = 5
_TOKEN = "shared"
_ROOM = 1 << 20
_LISTENS_S = 10.0


def run(
    jobs: Sequence[Job],
    recordings: Sequence[Recording],
    folder: Path,
    work: Work,
    *,
    address: str = LOCAL,
    cpus: float = 1.0,
    gpus: float = 0.0,
    say: Callable[[str], None] = print,
    ray_options: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Does the jobs that `folder` does not have yet; returns name -> why it failed of those that did.

    address: `local`, or as of `ray.init`. cpus, gpus: what one job is given. ray_options: more for `ray.init`.
    Raises SweepError where Ray or its cluster is not there, a node does not see `folder`, or the disk is full.
    """
    if not (cpus > 0 and gpus >= 0):
        raise SweepError(f"a job cannot be given {cpus:g} cores and {gpus:g} GPUs; give at least some cores")
    folder = folder.resolve()
    todo = [job for job in jobs if state.done(folder, job.name) is None]
    say(f"{folder}: {len(jobs)} jobs, {len(jobs) - len(todo)} of them done before")
    if not todo:
        return {}
    options = {"num_cpus": _cores(len(todo) * cpus, cpus)} if address == LOCAL else {}
    with _cluster(address, {**options, **(ray_options or {})}):
        _check_nodes(folder)
        if lack := _lack(cpus, gpus):
            if address == LOCAL:
                raise SweepError(f"{lack}; give a job less with --cpus-per-job and --gpus-per-job")
            say(f"{lack}: the jobs wait for one to join")
        return _work_off(todo, recordings, folder, work, (cpus, gpus), say)


def attempt(work: Work, job: Job, recordings: Sequence[Recording], folder: Path) -> float:
    """Does one job in its folder unless it is done, then says so there; returns the seconds that took.

    Waits for a process that still works on it, as the one of a killed sweep may for a moment.
    """
    place = state.job_folder(folder, job.name)
    started_s = time.monotonic()
    with state.held(place, PATIENCE_S, "a sweep in the same folder must have ended first"):
        if state.done(folder, job.name) is None:
            state.write(place / state.JOB, job.as_table())
            rows = _worked(work, job, recordings, place)
            state.write(place / state.DONE, {"job": job.as_table(), "rows": rows})
    return time.monotonic() - started_s


def _worked(work: Work, job: Job, recordings: Sequence[Recording], place: Path) -> list[dict[str, Any]]:
    try:
        return work(job, recordings, place / state.RUN)
    except (RuntimeError, SuitError) as error:
        # torch and the training have errors of their own for a disk without room.
        if shutil.disk_usage(place).free < _ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place)) from error
        raise


def _work_off(
    todo: Sequence[Job],
    recordings: Sequence[Recording],
    folder: Path,
    work: Work,
    share: tuple[float, float],
    say: Callable[[str], None],
) -> dict[str, str]:
    import ray

    do = ray.remote(attempt).options(num_cpus=share[0], num_gpus=share[1], max_retries=RETRIES)
    once: Sequence[Recording] = list(recordings)
    data = ray.put(once)
    waiting = {do.remote(work, job, data, folder): job for job in todo}
    failed: dict[str, str] = {}
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        job = waiting.pop(ready[0])
        count = f"{len(todo) - len(waiting)}/{len(todo)}"
        try:
            say(f"{count}  {job.name}  {ray.get(ready[0]):.0f} s")
        except ray.exceptions.RayError as error:
            failed[job.name] = _why(error)
            say(f"{count}  {job.name}  failed: {failed[job.name]}")
            if state.disk_full(_cause(error)):
                raise SweepError(state.full(folder)) from None
    return failed


def _cores(wanted: float, least: float) -> int:
    """What this machine has, or less where the jobs want less; at least what one job is given."""
    return max(math.ceil(least), min(os.cpu_count() or 1, math.ceil(wanted)))


@contextmanager
def _cluster(address: str, options: dict[str, Any]) -> Iterator[None]:
    """Ray connected for as long as it lasts; one that the caller has connected is used and left as it is."""
    try:
        import ray
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise SweepError("a sweep runs on Ray: pip install '.[lab,sweep]' in the checkout") from None
    if ray.is_initialized():
        yield
        return
    if address == LOCAL:
        start_here(**options)
    else:
        _connect(address, options)
    try:
        yield
    finally:
        ray.shutdown()


def start_here(**options: Any) -> None:
    """Starts a Ray of this process on this machine; raises SweepError where it does not come up."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for attempt in range(STARTS):
        before = _children()
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
            return
        except Exception as error:  # Ray has no other name for it.
            ray.shutdown()
            _end(_children() - before)
            if attempt == STARTS - 1:
                raise SweepError(
                    f"Ray does not start on this machine, tried {STARTS} times ({first_line(error)}); is it too"
                    " busy, or is /tmp full? Its logs are in /tmp/ray/session_latest/logs"
                ) from None


def _children() -> set[int]:
    """The processes that this one has started and that still run."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # The thread may have ended.
            found |= set(map(int, path.read_text().split()))
    return found


def _end(processes: set[int]) -> None:
    """Of a start that failed: Ray keeps them to the end of this process, and the next start is the slower for them."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _connect(address: str, options: dict[str, Any]) -> None:
    import ray

    try:
        _refuse_silent(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (OSError, ImportError, RuntimeError, ValueError) as error:
        raise SweepError(
            f"--address {address}: no Ray cluster can be reached there ({first_line(error)}); start one with"
            " `ray start --head`, correct the address, give the cluster's token (RAY_AUTH_MODE=token and"
            " ~/.ray/auth_token), or leave --address out to work on this machine alone"
        ) from None


def _refuse_silent(address: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT: Ray would wait for minutes and then end this process."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_LISTENS_S).close()


def _check_nodes(folder: Path) -> None:
    """Raises SweepError where a node does not see `folder`, lacks this program, or has another torch."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    token = uuid.uuid4().hex
    state.write_text(folder / _TOKEN, token)
    look = ray.remote(seen_from_here)
    wanted = (token, *_versions())
    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    asked = [
        look.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(folder / _TOKEN)
        for node in nodes
    ]
    wrong = []
    for node, answer in zip(nodes, asked, strict=True):
        try:
            found = ray.get(answer)
        except ray.exceptions.RayError as error:
            wrong.append(f"{node['NodeManagerHostname']}: cannot run this program ({_why(error)})")
            continue
        if found[0] != token:
            wrong.append(f"{node['NodeManagerHostname']}: does not see {folder}, which all nodes must share")
        elif found != wanted:
            wrong.append(f"{node['NodeManagerHostname']}: has {_listed(found)}, here is {_listed(wanted)}")
    if wrong:
        raise SweepError("\n".join(["nodes of the cluster that cannot take part:", *wrong]))


def _lack(cpus: float, gpus: float) -> str:
    """Empty where some node has what one job is given."""
    import ray

    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    if any(has.get("CPU", 0.0) >= cpus and has.get("GPU", 0.0) >= gpus for has in resources):
        return ""
    return f"no node has {cpus:g} cores and {gpus:g} GPUs, which one job is given"


def seen_from_here(token: Path) -> tuple[str, ...]:
    """What the token's file holds on this node, empty where it is not there, and the versions of its programs."""
    content = token.read_text(encoding="utf-8") if token.exists() else ""
    return (content, *_versions())


def _versions() -> tuple[str, ...]:
    """Of what decides a training's last bits."""
    programs = (metadata.version(name).partition("+")[0] for name in ("torch", "numpy"))
    return (platform.python_version(), *programs)


def _listed(found: tuple[str, ...]) -> str:
    return "Python {}, torch {}, numpy {}".format(*found[1:])


def _cause(error: BaseException) -> BaseException | None:
    """What a job raised, of what Ray raises for it; None where its worker was lost."""
    cause: BaseException | None = getattr(error, "cause", None)
    return cause


def _why(error: BaseException) -> str:
    cause = _cause(error)
    if cause is None:
        return f"its worker was lost {RETRIES + 1} times ({first_line(error)})"
    return f"{type(cause).__name__}: {first_line(cause)}"
