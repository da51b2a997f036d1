"""The jobs of a sweep. A job's name tells what it is of; the same job has the same name in every run of the sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from models.data.folds import Split, leave_one_out, withheld
from models.sweep.errors import SweepError
from models.sweep.spec import Spec, Value
from models.training.recipe import TrainConfig


@dataclass(frozen=True)
class Job:
    """Trainings that one worker does in one go: one fold, some outcomes, one recipe, one ablation.

    variation: what of the recipe the grid chose, for the tables.
    """

    fold: str
    split: Split
    outcomes: tuple[str, ...]
    ablation: str
    variation: dict[str, Value]
    config: TrainConfig

    @property
    def name(self) -> str:
        """Of the job's folder: fold, ablation and a digest of everything."""
        digest = hashlib.sha256(json.dumps(self.as_table(), sort_keys=True).encode()).hexdigest()
        outcome = f"{self.outcomes[0]}_" if len(self.outcomes) == 1 else ""
        return f"{safe(self.fold)}_{outcome}{safe(self.ablation)}_{digest[:10]}"

    def as_table(self) -> dict[str, Any]:
        """As JSON can hold it."""
        table: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return table


def jobs(spec: Spec, subjects: Iterable[str]) -> list[Job]:
    """All jobs in the order of the tables; raises SweepError where a subject to withhold is not in the data."""
    people = sorted(set(subjects))
    shares = [(outcome,) for outcome in spec.outcomes] if spec.by == "model" else [spec.outcomes]
    made = []
    for variation in spec.variations():
        config = spec.config(variation)
        splits = folds(spec, people, config.paper_literal)
        made += [
            Job(fold, split, share, ablation, variation, config)
            for ablation in spec.ablations
            for fold, split in splits.items()
            for share in shares
        ]
    return made


def folds(spec: Spec, subjects: Sequence[str], literal: bool) -> dict[str, Split]:
    """Name -> split: the withheld subject's, or `fold0` ... where groups of subjects are withheld.

    literal: the withheld validate too, and who would have validated trains.
    """
    try:
        if not isinstance(spec.folds, int):
            return leave_one_out(subjects, spec.folds, literal)
        every = [withheld(subjects, spec.folds, fold) for fold in range(spec.folds)]
    except ValueError as error:
        raise SweepError(f"folds: {error}") from None
    return {f"fold{i}": _literal(split) if literal else split for i, split in enumerate(every)}


def _literal(split: Split) -> Split:
    return replace(split, train=tuple(sorted({*split.train, *split.validation})), validation=split.test)


def safe(text: str) -> str:
    """As a part of a folder's name."""
    return "".join(c if c.isalnum() or c in "-+" else "-" for c in text)
