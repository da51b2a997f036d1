"""Many virtual wearers' trials as files, the material of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from jetson_runtime.suit.trial import write_trial
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import TASKS, generate


def write(
    folder: Path,
    seeds: Iterable[int],
    tasks: Sequence[str] | None,
    seconds: float,
    *,
    trials_each: int = 1,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Trials `<subject>_<task>_<k>.parquet` of the wearers with these seeds; files that are there stay as they are.

    tasks: None is all that the virtual wearer can do. The same arguments write the same movement. A movement that
    this body cannot make (an ankle out of the leg's reach) is named and left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(seed, task, k) for seed in seeds for task in tasks or TASKS for k in range(trials_each)]
    make = partial(_write_one, folder, seconds)
    if processes == 1:
        impossible = list(filter(None, map(make, wanted)))
    else:
        with ProcessPoolExecutor(processes) as pool:
            impossible = list(filter(None, pool.map(make, wanted, chunksize=4)))
    for message in impossible:
        say(message)
    say(f"{folder}: {len(wanted) - len(impossible)} of {len(wanted)} trials")


def _write_one(folder: Path, seconds: float, which: tuple[int, str, int]) -> str:
    """Empty, or why there is no such trial."""
    seed, task, k = which
    path = folder / f"vw-{seed}_{task}_{k}.parquet"
    if path.exists():
        return ""
    try:
        trial = generate(Subject.random(seed), task, seconds, seed=k)
    except ValueError as error:
        return f"{path.stem}: left out, {error}"
    fresh = path.with_suffix(".new")
    write_trial(fresh, trial)
    fresh.replace(path)
    return ""
