"""A whole sweep: its folder taken up, its jobs done, its tables written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from models.data.dataset import Recording
from models.files import refuse_foreign
from models.sweep import as_runs, driver, plan, state, tables
from models.sweep import spec as specs
from models.sweep.errors import SweepError
from models.sweep.spec import Spec
from models.training import opening


def run(
    spec: Spec,
    recordings: Sequence[Recording],
    folder: Path,
    *,
    work: driver.Work | None = None,
    address: str = driver.LOCAL,
    cpus: float = 1.0,
    gpus: float = 0.0,
    say: Callable[[str], None] = print,
    ray_options: Mapping[str, Any] | None = None,
) -> int:
    """Begins the sweep in `folder` or goes on with it; 0, or 1 where a job failed. The tables hold what is done.

    work: what a job does; None: trains and scores. Raises SweepError as `driver.run`, and where `folder` holds a sweep
    of other data or one that is running; ValueError where it holds something else, or a fold cannot be trained (see
    `opening.refuse_split`).
    """
    refuse_foreign(folder, state.SWEEP)
    jobs = plan.jobs(spec, [one.subject for one in recordings])
    for job in {(job.fold, job.split, job.outcomes): job for job in jobs}.values():
        opening.refuse_split(job.fold, recordings, job.split, job.config, job.outcomes)
    try:
        with state.held(folder, 0.0, "wait for the sweep that runs in it, or choose another --run"):
            state.open_sweep(folder, specs.as_table(spec), opening.data_hash(recordings))
            failed = driver.run(
                jobs,
                recordings,
                folder,
                work or _train_and_score(cpus),
                address=address,
                cpus=cpus,
                gpus=gpus,
                say=say,
                ray_options=ray_options,
            )
            for path in [*tables.write(folder, jobs), *as_runs.write(folder, jobs)]:
                say(str(path))
    except OSError as error:
        if state.disk_full(error):
            raise SweepError(state.full(folder)) from None
        raise
    for name, why in failed.items():
        say(f"not done: {name}: {why}")
    return 1 if failed else 0


def _train_and_score(cpus: float) -> driver.Work:
    from models.sweep.work import train_and_score

    return partial(train_and_score, processes=max(1, int(cpus)))
