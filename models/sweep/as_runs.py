"""A sweep's jobs as runs: what `second-skin-lab report` and `export` take, of links to what the jobs trained.

SWEEP/runs/<recipe>/run.json, <fold>/config.json, <fold>/<outcome>.pt ...   as models/training/runs.py has it
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jetson_runtime.suit import signals
from models.sweep import ablation, state
from models.sweep.plan import Job, safe
from models.training import runs

RUNS = "runs"


def write(folder: Path, jobs: Sequence[Job]) -> list[Path]:
    """A run for each recipe of the grid, of the folds whose eight outcomes are done with no sensor left out.

    Links to what the sweep asked for earlier are taken away, so that no run holds folds of two recipes.
    """
    for link in [path for path in (folder / RUNS).glob("**/*") if path.is_symlink()]:
        link.unlink()
    made: dict[Path, None] = {}
    for (run, fold), of_fold in _by_fold(jobs).items():
        outcomes = {outcome for job in of_fold for outcome in job.outcomes}
        done = all(state.done(folder, job.name) is not None for job in of_fold)
        if done and outcomes == {*signals.OUTCOME_NAMES}:
            for job in of_fold:
                trained = state.job_folder(folder, job.name) / state.RUN
                _link(trained / runs.RUN, folder / RUNS / run)
                for file in sorted((trained / job.fold).glob("*.*")):
                    _link(file, folder / RUNS / run / fold)
            made[folder / RUNS / run] = None
    return list(made)


def _by_fold(jobs: Sequence[Job]) -> dict[tuple[str, str], list[Job]]:
    found: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        if job.ablation == ablation.ALL:
            recipe = safe("_".join(f"{key}-{value}" for key, value in job.variation.items()) or "as-given")
            found.setdefault((recipe, job.fold), []).append(job)
    return found


def _link(file: Path, into: Path) -> None:
    """Relative, so that the sweep's folder can be moved; the first of several jobs of a fold stays."""
    into.mkdir(parents=True, exist_ok=True)
    if file.exists() and not (into / file.name).is_symlink():
        (into / file.name).symlink_to(os.path.relpath(file, into))
