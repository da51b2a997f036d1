"""A session with the suit (`second-skin collect`) -> trials: cut by its marks, each with the neutral stance it was
tared in. Labels are unknown: whoever has a reference brings it with a map (`recordings.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetson_runtime.recording.mcap_file import SUFFIX, Reading
from jetson_runtime.recording.parts import by_session
from jetson_runtime.recording.trials import Marked, marked
from jetson_runtime.stream import messages
from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.signals import LABEL_NAMES, PERIOD_NS, RATE_HZ
from jetson_runtime.suit.trial import Trial, TrialMeta, write_trial
from models.data.tasks import NEUTRAL, condition
from models.files import whole
from models.importers.errors import ImportSetError, defect, raise_all
from models.importers.suit_replay import Stretch, fill

_OTHER = "other:"
_SHORTEST_ROWS = RATE_HZ // 2

Say = Callable[[str], None]


def import_session(given: Path, out: Path, say: Say = lambda line: None) -> list[Path]:
    """Writes `<subject>_<task>_<trial>.parquet` into `out` for each trial that was kept, and `..._neutral.parquet`.

    given: a recording, or a folder of them, of any number of sessions. Trials that are void or were never judged are
    told and left out. Raises ImportSetError, before the first is written, that lists what is wrong.
    """
    parts = _parts(given)
    trials = marked(_events(parts))
    if not trials:
        raise ImportSetError([defect(given, "holds no trial's marks", "record with second-skin collect")])
    for trial in trials:
        if trial.state != "kept":
            say(f"{trial.name}: left out: {trial.why}")
    kept = [trial for trial in trials if trial.state == "kept"]
    raise_all(_defects(given, kept))
    made = [
        one
        for session, paths in parts.items()
        for one in _of_session([trial for trial in kept if trial.session == session], paths)
    ]
    raise_all([f"{given}: {name}: {found}" for name, found in made if isinstance(found, str)])
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, found in made:
        assert isinstance(found, Trial)
        written.append(out / f"{name}.parquet")
        with whole(written[-1]) as fresh:
            write_trial(fresh, found)
        say(f"{written[-1].name}: {found.duration_s:.2f} s{_told(found.meta.extra)}")
    return written


def _parts(given: Path) -> dict[str, list[Path]]:
    """Session -> its parts, in order."""
    paths = sorted(given.glob(f"*{SUFFIX}")) if given.is_dir() else [given]
    for path in paths:
        if not path.is_file():
            raise ImportSetError([defect(path, "is no file", "name a recording, or their folder")])
    parts = by_session(paths)
    if not parts:
        raise ImportSetError([defect(given, "holds no recording", f"name a {SUFFIX} file, or their folder")])
    return parts


def _events(parts: Mapping[str, Sequence[Path]]) -> Iterable[dict[str, Any]]:
    for paths in parts.values():
        for path in paths:
            for message in Reading(path):
                if message.topic == messages.EVENT:
                    yield messages.decode(message.payload)


def _defects(given: Path, trials: Sequence[Marked]) -> list[str]:
    """Trials that no file can hold: of a task that nobody knows, without an end, two of one name."""
    found = []
    for trial in trials:
        task = trial.key[1]
        if not task.startswith(_OTHER):
            try:
                condition(task)
            except ValueError as error:
                found.append(f"{given}: {trial.name}: {error}")
        if trial.end_ns is None:
            found.append(f"{given}: {trial.name}: no mark tells its end; export it with second-skin export")
    names = [trial.name for trial in trials]
    twice = sorted({name for name in names if names.count(name) > 1})
    return found + [
        f"{given}: {name}: two kept trials have this name; import one recording" for name in twice
    ]


def _of_session(trials: Sequence[Marked], paths: Iterable[Path]) -> list[tuple[str, Trial | str]]:
    """Name and trial, or what is wrong with it."""
    stances = {id(trial): _stance(trial) for trial in trials}
    stretches = {id(trial): Stretch(trial.moves_ns - PERIOD_NS, trial.end_ns or 0) for trial in trials}
    if trials:
        fill([*stretches.values(), *(one for one in stances.values() if one)], paths)
    made: list[tuple[str, Trial | str]] = []
    for trial in trials:
        moved, stance = stretches[id(trial)], stances[id(trial)]
        wearer = moved.wearer
        if wearer is None:
            made.append((trial.name, "no wearer was set, or its bytes were not recorded"))
            continue
        if len(moved.channels) < _SHORTEST_ROWS or not np.isfinite(moved.channels).any():
            made.append((trial.name, f"holds {len(moved.channels)} rows, and of channels none or too few"))
            continue
        made.append((trial.name, _trial(moved, _meta(trial, wearer, moved))))
        if stance is not None and stance.quaternions:
            made.append((f"{trial.name}_neutral", _trial(stance, _neutral(trial, wearer))))
    return made


def _stance(trial: Marked) -> Stretch | None:
    """The frames that the trial's tare is of; None where it was taken before the recording began."""
    tare = trial.tare
    if tare is None or "from_ns" not in tare:
        return None
    return Stretch(tare["from_ns"], tare["until_ns"])


def _trial(stretch: Stretch, meta: TrialMeta) -> Trial:
    rows = len(stretch.channels)
    return Trial(
        np.arange(rows) / RATE_HZ,
        stretch.channels.astype(np.float32),
        np.full((rows, len(LABEL_NAMES)), np.nan, np.float32),
        meta,
        {part: turned.astype(np.float32) for part, turned in stretch.quaternions.items()},
    )


def _meta(trial: Marked, wearer: Wearer, stretch: Stretch) -> TrialMeta:
    """condition: the code. sync_s: the pulses, from the first row. session: of this trial and its neutral stance."""
    task = trial.key[1]
    about = {**_about(trial), "imu_kind": "measured", "begin_ns": str(stretch.grid_ns[0]), "sync": trial.sync}
    if not task.startswith(_OTHER):
        about["condition"] = task
    told = {"repetitions": trial.repetition, "repetitions_counted": trial.counted}
    about |= {key: str(value) for key, value in told.items() if value is not None}
    if trial.pulses_ns:
        seconds = [(at_ns - int(stretch.grid_ns[0])) * 1e-9 for at_ns in trial.pulses_ns]
        about["sync_s"] = " ".join(f"{second:.6f}" for second in seconds)
    if trial.findings:
        about["findings"] = "; ".join(trial.findings)
    kind = task if task.startswith(_OTHER) else condition(task).kind
    return _of_wearer(trial, kind, wearer, about)


def _neutral(trial: Marked, wearer: Wearer) -> TrialMeta:
    return _of_wearer(trial, NEUTRAL, wearer, {**_about(trial), "imu_kind": "measured"})


def _about(trial: Marked) -> dict[str, str]:
    """A tare before each trial makes each a wearing of its own."""
    about = {"trial": trial.key[2], "session": f"{trial.session} {trial.name}"}
    return about | ({"tare_id": trial.tare["tare_id"]} if trial.tare else {})


def _of_wearer(trial: Marked, task: str, wearer: Wearer, about: dict[str, str]) -> TrialMeta:
    return TrialMeta(
        trial.key[0] or "unknown",
        task,
        wearer.mass_kg,
        wearer.foot_length_m,
        wearer.foot_width_m,
        f"recording of session {trial.session}",
        about,
    )


def _told(about: Mapping[str, str]) -> str:
    words = [f"{about['repetitions']} repetitions"] if "repetitions" in about else []
    words += [f"pulse at {about['sync_s']} s"] if "sync_s" in about else []
    words += [f"kept although {about['findings']}"] if "findings" in about else []
    return "".join(f"; {word}" for word in words)
