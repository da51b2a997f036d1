"""How the virtual wearers' insoles err against the true plates, beside what the paper prints of its insoles (III.B).

The errors' sizes are fitted to those numbers (models/virtual_wearer/insoles.py), so the table shows how good the fit
is; it says nothing of a real insole.

Usage: python benchmarks/insole_errors.py [FOLDER of trials, else a cohort is made]
           [--subjects 1000:1010] [--session 0] [--processes 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from jetson_runtime.suit.trial import Trial, read_trial
from models.data import tasks
from models.evaluation import insoles
from models.evaluation.markdown import number, table
from models.evaluation.printed import INSOLES, INSOLES_WALKING, Printed
from models.evaluation.scores import OVERALL, Score, Spread
from models.virtual_wearer import cohort

_PAPER: Mapping[str, Mapping[str, Printed]] = {OVERALL: INSOLES, "W": INSOLES_WALKING}


def main() -> None:
    options = _options()
    scores = _of_folder(options.folder) if options.folder else _of_cohort(options)
    rows = insoles.table(scores)
    people = len({score.subject for score in scores})
    print(
        f"{people} wearers, {len({score.trial for score in scores})} trials; mean ± SD over wearers, filtered\n"
    )
    head = ["value", "task", "RMSE", "unit", "paper's RMSE", "ratio", "R2"]
    print(table(head, [_line(row) for row in rows]))


def _line(row: insoles.Row) -> list[str]:
    paper = _PAPER.get(row.group, {}).get(row.value)
    return [
        row.value,
        row.group,
        _spread(row.rmse),
        insoles.VALUES[row.value],
        f"{paper.mean:.3f} ± {paper.sd:.3f}" if paper else "",
        number(row.rmse.mean / paper.mean, 2) if paper else "",
        _spread(row.r2),
    ]


def _spread(spread: Spread) -> str:
    return f"{number(spread.mean, 3)} ± {number(spread.sd, 3)}"


def _of_folder(folder: Path) -> list[Score]:
    made = []
    for path in sorted(folder.glob("*.parquet")):
        trial = read_trial(path)
        if trial.plates is not None and trial.meta.task != tasks.NEUTRAL:
            made += insoles.of_trial(path.stem, trial)
    if not made:
        raise SystemExit(f"{folder}: no trial with force plates")
    return made


def _of_cohort(options: argparse.Namespace) -> list[Score]:
    first, _, end = options.subjects.partition(":")
    which = [
        (seed, options.session, one.code)
        for seed in range(int(first), int(end))
        for one in tasks.conditions()
    ]
    if options.processes == 1:
        return [score for one in which for score in _of_one(one)]
    with ProcessPoolExecutor(options.processes) as pool:
        return [score for scores in pool.map(_of_one, which, chunksize=4) for score in scores]


def _of_one(which: tuple[int, int, str]) -> list[Score]:
    seed, session, code = which
    return [
        score
        for trial in _made(seed, session, code)
        for score in insoles.of_trial(f"vw-{seed}_{code}_{session}", trial)
    ]


def _made(seed: int, session: int, code: str) -> Iterator[Trial]:
    """The trial, or none where this body cannot make the movement."""
    try:
        yield cohort.trial_of(seed, session, code)
    except ValueError as error:
        print(f"vw-{seed} {code}: left out, {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--subjects", default="1000:1010")
    parser.add_argument("--session", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
