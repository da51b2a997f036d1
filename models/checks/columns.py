"""Whether the columns, the grid of time and the metadata are those of a trial."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import ValidationError

from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.signals import PARTS, RATE_HZ
from models.checks.defects import Defect, longest, runs, several
from models.checks.sheet import KNOWN, WANTED, Sheet
from models.data import folds, tasks

_QUATERNION = re.compile(rf"^({'|'.join(PARTS)})_quat_[wxyz]$")
# What other laboratories call the words of our columns' names.
_SAME = {
    "acc": "accel",
    "acceleration": "accel",
    "gyr": "gyro",
    "gyroscope": "gyro",
    "right": "r",
    "left": "l",
    "torso": "back",
    "trunk": "back",
    "femur": "thigh",
    "tibia": "shank",
    "calcn": "foot",
    "knee_flexion": "knee_angle",
    "ankle_dorsiflexion": "ankle_angle",
    "torque": "moment",
    "grf": "vgrf",
    "cop_x": "cop_ap",
    "cop_z": "cop_ml",
    "t": "time",
    "timestamp": "time",
}
_ALIKE = 0.75
# Files round their times; a step that is off by more is no step of the grid.
_TIME_TOLERANCE_S = 1e-4
# Beyond this a mass is rather one in pounds.
_HEAVY_KG, _HEAVY_INDEX, _POUNDS_INDEX = 130.0, 35.0, 45.0
_POUND_KG = 0.45359237


def column_defects(sheet: Sheet) -> Iterator[Defect]:
    """Missing, renamed and misplaced columns."""
    missing = [name for name in WANTED if name not in sheet.types]
    unknown = [name for name in sheet.types if name not in KNOWN and not _QUATERNION.match(name)]
    for name in missing:
        near = nearest(name, unknown)
        remedy = f"rename {near!r} to it" if near else "add it; a device that was not worn is a column of NaN"
        yield Defect("error", sheet.name, name, "is missing", remedy)
    for name in WANTED:
        if name in sheet.types and not sheet.types[name].startswith(("float", "double", "halffloat")):
            yield Defect(
                "error",
                sheet.name,
                name,
                f"holds {sheet.types[name]}",
                "write floating-point numbers, NaN for what is unknown",
            )


def nearest(name: str, candidates: Sequence[str]) -> str | None:
    """Which of `candidates` is most likely another spelling of `name`; None where none is near."""
    scores = {
        other: difflib.SequenceMatcher(None, _words(name), _words(other)).ratio() for other in candidates
    }
    best = max(scores, key=lambda other: scores[other], default=None)
    return best if best is not None and scores[best] >= _ALIKE and _sides_agree(name, best) else None


def _words(name: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s.\-/]+", "_", name).lower()
    for other, ours in _SAME.items():
        text = re.sub(rf"(?<![a-z]){other}(?![a-z])", ours, text)
    return " ".join(sorted(text.split("_")))


def _sides_agree(name: str, other: str) -> bool:
    """Whether both tell the same side and axis: one letter must not count as a near miss."""
    first, second = (set(_words(text).split()) for text in (name, other))
    letters = {"r", "l", "x", "y", "z"}
    return first & letters == second & letters


def time_defects(sheet: Sheet) -> Iterator[Defect]:
    """A grid of another rate, with gaps, or not from 0."""
    if sheet.rows < 2:
        yield Defect(
            "error", sheet.name, "time", f"{sheet.rows} rows", "a trial has at least 2: record again"
        )
        return
    time = sheet.columns.get("time")
    if time is None:
        return
    if not np.isfinite(time).all():
        found = runs(~np.isfinite(time))
        yield Defect(
            "error", sheet.name, "time", f"is NaN {several(found)}", "write every time", longest(found)
        )
        return
    steps = np.diff(time)
    step = float(np.median(steps))
    if abs(step * RATE_HZ - 1.0) > 0.01:
        what = f"steps of {step:.6g} are {_rate(step)}, not {RATE_HZ} Hz"
        yield Defect("error", sheet.name, "time", what, f"resample the trial to {RATE_HZ} Hz, in seconds")
        return
    if abs(time[0]) > _TIME_TOLERANCE_S:
        yield Defect(
            "error", sheet.name, "time", f"begins at {time[0]:.6g} s", "subtract that: times are from 0"
        )
    off = np.abs(steps - 1.0 / RATE_HZ) > _TIME_TOLERANCE_S
    for row in np.flatnonzero(off)[:5]:
        what = f"a step of {steps[row]:.4f} s instead of {1.0 / RATE_HZ:.4f}, one of {off.sum()}"
        remedy = "cut the trial there, or resample it"
        yield Defect("error", sheet.name, "time", what, remedy, (int(row), int(row) + 1))
    drift = time - time[0] - np.arange(len(time)) / RATE_HZ
    if not off.any() and np.abs(drift).max() > _TIME_TOLERANCE_S:
        what = f"runs away from {RATE_HZ} Hz by {drift[-1] * 1000:.1f} ms until the end"
        yield Defect("error", sheet.name, "time", what, f"resample the trial to {RATE_HZ} Hz")


def _rate(step: float) -> str:
    if step <= 0.0:
        return "no steps forward"
    in_seconds = 1.0 / step
    if in_seconds < 5.0:
        return f"{in_seconds:.4g} Hz in seconds, {1000.0 * in_seconds:.4g} Hz if they are milliseconds"
    return f"{in_seconds:.4g} Hz"


def meta_defects(sheet: Sheet) -> Iterator[Defect]:
    """Metadata that are missing, or that say what no wearer is."""
    for key in ("subject", "task"):
        if not sheet.meta.get(key):
            yield Defect("error", sheet.name, f"metadata {key}", "is missing", "add it")
    subject = sheet.meta.get("subject", "")
    if subject and not folds.fits_a_folder(subject):
        what = f"{subject[:40]!r} cannot be a folder's name, as that of a withheld subject's fold is"
        yield Defect(
            "warning", sheet.name, "metadata subject", what, "write a short name without / and breaks"
        )
    yield from _wearer_defects(sheet)
    rate = sheet.meta.get("rate_hz", str(RATE_HZ))
    if rate not in (str(RATE_HZ), f"{RATE_HZ:.1f}"):
        remedy = f"resample the trial to {RATE_HZ} Hz"
        yield Defect("error", sheet.name, "metadata rate_hz", f"is {rate}", remedy)
    yield from _task_defects(sheet)


def _wearer_defects(sheet: Sheet) -> Iterator[Defect]:
    """Against the limits of the suit's own config."""
    numbers = {key: sheet.number(f"body_{key}" if key == "mass_kg" else key) for key in Wearer.model_fields}
    for key, value in numbers.items():
        name = f"body_{key}" if key == "mass_kg" else key
        if value is None:
            what = f"{sheet.meta[name]!r} is no positive number" if name in sheet.meta else "is missing"
            yield Defect("error", sheet.name, f"metadata {name}", what, "write it")
            continue
        if (limit := _outside(key, value)) is not None:
            yield Defect(
                "error", sheet.name, f"metadata {name}", f"{value:g}: {limit}", _converted(key, value)
            )
    mass, height = numbers["mass_kg"], sheet.number("height_m")
    if mass is not None and _outside("mass_kg", mass) is None:
        index = mass / height**2 if height else None
        if (index > _HEAVY_INDEX) if index is not None else (mass > _HEAVY_KG):
            sure = index is not None and index > _POUNDS_INDEX
            what = f"{mass:g} kg{f' at {height:g} m' if height else ''} would be an unusual wearer"
            remedy = f"if it is in pounds, write {mass * _POUND_KG:.1f}"
            name = "metadata body_mass_kg"
            yield Defect("error" if sure else "warning", sheet.name, name, what, remedy)
    length, width = numbers["foot_length_m"], numbers["foot_width_m"]
    if length and width and not 0.25 < width / length < 0.6 and _outside("foot_width_m", width) is None:
        what = f"{width:g} m is {width / length:.0%} of the length of {length:g} m"
        yield Defect(
            "warning", sheet.name, "metadata foot_width_m", what, "measure it where the foot is widest"
        )


def _outside(key: str, value: float) -> str | None:
    """Which limit of the suit's config `value` breaks."""
    usual = {"mass_kg": 70.0, "foot_length_m": 0.26, "foot_width_m": 0.10}
    try:
        Wearer.model_validate(usual | {key: value})
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return None


def _converted(key: str, value: float) -> str:
    """What to write, if another unit would make sense of the value."""
    units = (
        {"g": 0.001, "pounds": _POUND_KG, "newtons": 1 / 9.80665}
        if key == "mass_kg"
        else {"cm": 0.01, "mm": 0.001, "inches": 0.0254}
    )
    fits = [
        f"if it is in {unit}, write {value * scale:.4g}"
        for unit, scale in units.items()
        if _outside(key, value * scale) is None
    ]
    return " ".join(["measure it again", *fits]) if not fits else " or ".join(fits)


def _task_defects(sheet: Sheet) -> Iterator[Defect]:
    task, condition = sheet.task, sheet.meta.get("condition", "")
    if task and task not in tasks.KINDS and not task.startswith("other:"):
        remedy = f"write one of {', '.join(tasks.KINDS)}, or other:<name>"
        yield Defect("error", sheet.name, "metadata task", f"{task!r} is no kind of task", remedy)
    known = {one.code: one.kind for one in tasks.conditions()}
    if condition and known.get(condition, task) != task:
        what = f"{condition} is a condition of {known[condition]}, the task is {task}"
        yield Defect("error", sheet.name, "metadata condition", what, "correct one of them")
    elif condition and condition not in known:
        what = f"{condition!r} is not in the task set"
        remedy = "see `second-skin-lab tasks`; tables by condition show it as its own"
        yield Defect("warning", sheet.name, "metadata condition", what, remedy)
