"""Which subjects are withheld. A subject's trials never stand on both sides of a split."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

# Virtual wearers of seeds below this are for the demo and for evaluation: no shipped model has seen one.
RESERVED_SEEDS = 1000
_VIRTUAL = re.compile(r"vw-(\d+)")


@dataclass(frozen=True)
class Split:
    """Subjects by role; sorted. Nobody trains who stands in another role.

    Validation and test are the same in the paper's literal way alone, else disjoint.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def is_virtual(subject: str) -> bool:
    """Whether this is the name of a virtual wearer, no person."""
    return _VIRTUAL.fullmatch(subject) is not None


def withheld(subjects: Iterable[str], folds: int, fold: int) -> Split:
    """Fold `fold` of `folds`: its test subjects, the next fold's for validation, the rest for training.

    Depends on the names alone, not on their order; as many folds as subjects is the paper's leave-one-out. Raises
    ValueError where a role would stay empty.
    """
    names = sorted(set(subjects), key=_scrambled)
    _refuse_too_few(len(names), 3, "keeping training, validation and test apart")
    if not 3 <= folds <= len(names):
        raise ValueError(
            f"{folds} folds for {len(names)} subjects: 3 to {len(names)} can be; choose --folds so, or --withhold"
        )
    if not 0 <= fold < folds:
        raise ValueError(
            f"no fold {fold} among {folds} folds for {len(names)} subjects: --fold counts from 0"
        )
    groups = [tuple(sorted(names[i::folds])) for i in range(folds)]
    test, validation = groups[fold], groups[(fold + 1) % folds]
    train = tuple(sorted(set(names) - set(test) - set(validation)))
    return Split(train, validation, test)


def leave_one_out(
    subjects: Iterable[str], withheld_subjects: Iterable[str] | None = None, paper_literal: bool = False
) -> dict[str, Split]:
    """A fold for each of `withheld_subjects` (None: for all), called like them: they test, all others train.

    One of the others, always the same for a subject, is taken from training to validate; with `paper_literal` the
    withheld subject itself does. Raises ValueError where a name is unknown or too few subjects are there.
    """
    names = sorted(set(subjects), key=_scrambled)
    chosen = sorted(names) if withheld_subjects is None else list(dict.fromkeys(withheld_subjects))
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not among the subjects {', '.join(sorted(names))}")
    _refuse_too_few(len(names), 2 if paper_literal else 3, "leaving one subject out")
    return {name: _without(name, names, paper_literal) for name in chosen}


def refuse_reserved(split: Split) -> None:
    """Raises ValueError where a virtual wearer kept for demo and evaluation would train or validate."""
    virtual = filter(None, map(_VIRTUAL.fullmatch, (*split.train, *split.validation)))
    reserved = sorted(seed for found in virtual if (seed := int(found[1])) < RESERVED_SEEDS)
    if reserved:
        named = ", ".join(f"vw-{seed}" for seed in reserved[:5]) + (", ..." if len(reserved) > 5 else "")
        raise ValueError(
            f"{named}: virtual wearers of seeds below {RESERVED_SEEDS} are kept for the demo and for evaluation;"
            f" train on others, e.g. `second-skin-lab virtual --subjects {RESERVED_SEEDS}:{RESERVED_SEEDS + 300}`"
        )


def fits_a_folder(name: str) -> bool:
    """Whether a fold may be called so, as that of a withheld subject is: its folder stands in that of the run."""
    return (
        name.isprintable() and "/" not in name and name not in ("", ".", "..") and len(name.encode()) <= 200
    )


def _refuse_too_few(subjects: int, needed: int, what: str) -> None:
    if subjects < needed:
        raise ValueError(f"{what} needs {needed} subjects, here are {subjects}; add some")


def _without(name: str, names: list[str], paper_literal: bool) -> Split:
    second = name if paper_literal else names[(names.index(name) + 1) % len(names)]
    return Split(tuple(sorted(set(names) - {name, second})), (second,), (name,))


def _scrambled(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
