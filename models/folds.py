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
    """Subjects by role; the three tuples are disjoint and sorted."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def withheld(subjects: Iterable[str], folds: int, fold: int) -> Split:
    """Fold `fold` of `folds`: its test subjects, the next fold's for validation, the rest for training.

    Depends on the names alone, not on their order; as many folds as subjects is the paper's leave-one-out. Raises
    ValueError where a role would stay empty.
    """
    names = sorted(set(subjects), key=_scrambled)
    if not 3 <= folds <= len(names) or not 0 <= fold < folds:
        raise ValueError(f"fold {fold} of {folds} needs 3 to {len(names)} folds for {len(names)} subjects")
    groups = [tuple(sorted(names[i::folds])) for i in range(folds)]
    test, validation = groups[fold], groups[(fold + 1) % folds]
    train = tuple(sorted(set(names) - set(test) - set(validation)))
    return Split(train, validation, test)


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


def _scrambled(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
