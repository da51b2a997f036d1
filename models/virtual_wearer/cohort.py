"""Many virtual wearers' sessions as files, the material of a training.

A session is as the paper's was: the suit is put on once, the wearer stands in a neutral posture, then does every
condition that is asked for. Its trials are `<subject>_neutral_<session>.parquet` and
`<subject>_<condition>_<session>.parquet`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jetson_runtime.suit.signals import RATE_HZ
from jetson_runtime.suit.trial import Trial, write_trial
from models.data import tasks
from models.data.tasks import NEUTRAL_CODE
from models.files import whole
from models.processes import spread
from models.virtual_wearer import wearer
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.subject import Subject

# From the beginning of one condition to that of the next, in the order of the table: 33 take two hours.
MINUTES_EACH = 4.0
# seed, session, code
_Which = tuple[int, int, str]


def write(
    folder: Path,
    seeds: Iterable[int],
    wanted: Sequence[str] | None = None,
    seconds: float | None = None,
    *,
    sessions: int = 1,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Sessions of the wearers with these seeds; files that are there stay as they are, and are counted apart.

    wanted: codes of conditions or of kinds (how such a movement is done is then drawn anew for each session); None is
    all 33 conditions. seconds: of each trial but the neutral one; None is as the table says. The same arguments write
    the same movement. A movement that this body cannot make (an ankle out of the leg's reach) is named and left out.
    ValueError for a code that the table does not know, no session, less than a second, or where a file that is there
    is of another length than `seconds`, before anything is written.
    """
    if sessions < 1:
        raise ValueError(f"{sessions} sessions: every wearer puts the suit on at least once")
    if seconds is not None and not 1.0 <= seconds < float("inf"):
        raise ValueError(
            f"{seconds:g} s: a trial lasts a second at least; leave it out for the table's own lengths"
        )
    codes = list(dict.fromkeys([NEUTRAL_CODE, *_known(wanted)]))
    trials = [(seed, session, code) for seed in seeds for session in range(sessions) for code in codes]
    done = {which for which in trials if _path(folder, which).exists()}
    if seconds is not None:
        _refuse_other_lengths([_path(folder, which) for which in done if which[2] != NEUTRAL_CODE], seconds)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [which for which in trials if which not in done]
    impossible = [why for why in spread(partial(_write_one, folder, seconds), missing, processes) if why]
    for message in impossible:
        say(message)
    before = f", {len(done)} of them were there before" if done else ""
    say(f"{folder}: {len(trials) - len(impossible)} of {len(trials)} trials{before}")


def trial_of(seed: int, session: int, code: str, seconds: float | None = None) -> Trial:
    """One trial: `code` of a condition, a kind, or NEUTRAL_CODE; ValueError where the body cannot do it."""
    subject = Subject.random(seed)
    donning = Donning.worn(seed, session).after(MINUTES_EACH * _place(code))
    if code == NEUTRAL_CODE:
        trial = wearer.neutral(subject, donning, seed=session)
    else:
        trial = wearer.generate(subject, code, seconds, session, donning=donning)
    return replace(trial, meta=replace(trial.meta, extra={**trial.meta.extra, "session": str(session)}))


def _known(wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return tuple(one.code for one in tasks.conditions())
    for code in wanted:
        if code not in tasks.KINDS:
            tasks.condition(code)
    return tuple(wanted)


def _place(code: str) -> int:
    """Of a condition in the session, the neutral stance being the first; a kind's is that of its first condition."""
    if code == NEUTRAL_CODE:
        return 0
    if code in tasks.KINDS:
        code = tasks.of_kind(code)[0].code
    return 1 + [one.code for one in tasks.conditions()].index(code)


def _path(folder: Path, which: _Which) -> Path:
    seed, session, code = which
    return folder / f"vw-{seed}_{code}_{session}.parquet"


def _refuse_other_lengths(paths: Iterable[Path], seconds: float) -> None:
    others = [path for path in sorted(paths) if _rows(path) != round(seconds * RATE_HZ)]
    if others:
        raise ValueError(
            f"{others[0]}: lasts {_rows(others[0]) / RATE_HZ:g} s, not {seconds:g}, one of {len(others)} such files"
            " that are there already; choose another folder, or remove them"
        )


def _rows(path: Path) -> int:
    """0 of a file that is no trial."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowInvalid):
        return 0


def _write_one(folder: Path, seconds: float | None, which: _Which) -> str:
    """Empty, or why there is no such trial."""
    path = _path(folder, which)
    try:
        trial = trial_of(*which, seconds)
    except ValueError as error:
        return f"{path.stem}: left out, {error}"
    with whole(path) as fresh:
        write_trial(fresh, trial)
    return ""
