"""A folder of trials, checked as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetson_runtime.suit.errors import TrialError
from models.checks.defects import Defect, errors, listed
from models.checks.trial_file import Facts, check_file
from models.processes import spread

# People's weight changes between sessions; feet and scales are measured to a few per cent.
_SAME, _NEAR = 0.01, 0.10
_ENDING = ".parquet"


@dataclass(frozen=True)
class Report:
    """All that was found in `files` files, by file."""

    files: int
    defects: tuple[Defect, ...]

    def text(self) -> str:
        """One line for each defect, errors before warnings, and their count."""
        ordered = sorted(self.defects, key=lambda one: one.severity != "error")
        wrong = len(errors(self.defects))
        count = f"{self.files} files: {wrong} errors, {len(self.defects) - wrong} warnings"
        return "\n".join([*(one.line() for one in ordered), count])

    def table(self) -> dict[str, Any]:
        """As one object of JSON."""
        wrong = len(errors(self.defects))
        return {
            "files": self.files,
            "errors": wrong,
            "warnings": len(self.defects) - wrong,
            "defects": [one.table() for one in self.defects],
        }


def check_folder(folder: Path, processes: int = 1) -> Report:
    """Every defect of every trial in `folder`; raises TrialError where there is none."""
    return check_files(trial_paths(folder), processes)


def check_files(paths: Sequence[Path], processes: int = 1) -> Report:
    """Every defect of these trials, and of them together."""
    checked = spread(check_file, paths, processes)
    found = [one for defects, _ in checked for one in defects]
    return Report(len(paths), (*found, *between([facts for _, facts in checked])))


def trial_paths(folder: Path) -> list[Path]:
    """The trials in `folder`, by name; raises TrialError where there is none, or one that would be passed over."""
    if not folder.is_dir():
        raise TrialError(f"{folder}: is no folder; see that it is there and rightly spelt")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == _ENDING)
    shouted = [path.name for path in paths if path.suffix != _ENDING]
    if shouted:
        raise TrialError(
            f"{folder}: {listed(shouted)}: a trial's name ends in {_ENDING}, in small letters: rename it"
        )
    if not paths:
        raise TrialError(f"{folder}: holds no trial (*.parquet); make some with `second-skin-lab virtual`")
    return paths


def refuse(folder: Path, defects: Iterable[Defect]) -> None:
    """Raises TrialError that lists the errors among `defects`, if there is any."""
    found = errors(defects)
    if found:
        count = f"{len(found)} error{'s' if len(found) > 1 else ''}"
        head = f"{folder}: {count}; mend them (`second-skin-lab check {folder}` looks again)"
        raise TrialError("\n".join([head, *(f"  {one.line()}" for one in found)]))


def between(facts: Sequence[Facts]) -> Iterator[Defect]:
    """What only all files together show: no truth at all, one recording twice, one subject with two bodies."""
    first: dict[str, Facts] = {}
    for one in facts:
        if one.digest and one.digest in first:
            before = first[one.digest]
            what = f"holds the same recording as {before.file}"
            if before.subject != one.subject:
                what += f", which is of {before.subject}, this of {one.subject}"
            yield Defect("error", one.file, "file", what, "take one of them out")
        first.setdefault(one.digest, one)
    if facts and not any(one.labelled for one in facts) and any(one.labelled is False for one in facts):
        remedy = "import the reference with the sensors"
        yield Defect(
            "error", "all files", "labels", "are NaN everywhere: nothing to learn or to score", remedy
        )
    people: dict[str, list[Facts]] = defaultdict(list)
    for one in facts:
        if one.subject:
            people[one.subject].append(one)
    for subject, trials in people.items():
        yield from _bodies(subject, trials)


def _bodies(subject: str, trials: list[Facts]) -> Iterator[Defect]:
    """A defect for each trial whose body is not that of the subject's first."""
    for key, value in trials[0].numbers.items():
        for one in trials[1:]:
            apart = abs(one.numbers.get(key, value) / value - 1.0)
            if apart > _SAME:
                what = f"{one.numbers[key]:g} for {subject}, {value:g} in {trials[0].file}"
                remedy = "correct one of them, or give two people two names"
                yield Defect(
                    "error" if apart > _NEAR else "warning", one.file, f"metadata {key}", what, remedy
                )
