"""SWEEP.toml: what is to be trained. Strict: every mistake at once.

ablations = ["all", "without back", "only imus"]   # see ablation.py
by = "fold"                    # a job is one fold with its outcomes as a grouped network; "model": one outcome
folds = ["vw-1003"]            # subjects to withhold in turn; left out: each of the data's; a number: so many groups
outcomes = ["knee_angle"]      # left out: all eight
paper_literal = false          # true: the withheld subject validates too, as the paper appears to have done
[recipe]                       # any key of the training's recipe; what is not given is the paper's
max_epochs = 100
[grid]                         # every combination is trained with every ablation on every fold
learning_rate = [5e-5, 1e-4]
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from jetson_runtime.suit import signals
from models.sweep import ablation
from models.sweep.errors import SweepError
from models.training.recipe import RECIPES, TrainConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Value = int | float | str | bool


class Spec(BaseModel):
    """A sweep as it was asked for; folds: None is each subject in turn, a number so many groups of subjects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ablations: tuple[str, ...] = Field(default=(ablation.ALL,), min_length=1)
    by: Literal["fold", "model"] = "fold"
    folds: tuple[str, ...] | int | None = None
    outcomes: tuple[str, ...] = Field(default=signals.OUTCOME_NAMES, min_length=1)
    base: str = "paper"
    recipe: dict[str, Value] = {}
    grid: dict[str, tuple[Value, ...]] = {}

    def variations(self) -> list[dict[str, Value]]:
        """Every combination of the grid; one without any where there is no grid."""
        return [
            dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())
        ]

    def config(self, variation: Mapping[str, Value]) -> TrainConfig:
        """The recipe with one combination of the grid; ValidationError where a value is of another type."""
        given = {**asdict(RECIPES[self.base]), **self.recipe, **variation}
        return _RECIPE.validate_json(json.dumps(given), strict=True)


_RECIPE = TypeAdapter(TrainConfig)
_KEYS = tuple(field.name for field in fields(TrainConfig))


def load(path: Path) -> Spec:
    """The sweep at `path`; raises SweepError that lists every mistake with its key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SweepError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SweepError(f"{path}: is not valid TOML: {error}") from None
    try:
        spec = Spec.model_validate_json(json.dumps(table))
    except ValidationError as error:
        _refuse(path, _told(error))
    if mistakes := _mistakes(spec):
        _refuse(path, mistakes)
    return spec


def as_table(spec: Spec) -> dict[str, Any]:
    """The sweep with the whole recipe of its first combination, as JSON can hold it."""
    return {**spec.model_dump(mode="json"), "recipe": asdict(spec.config(spec.variations()[0]))}


def _refuse(path: Path, mistakes: list[str]) -> None:
    count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
    raise SweepError("\n".join([f"{path}: {count}; correct the file", *(f"  {line}" for line in mistakes)]))


def _told(error: ValidationError) -> list[str]:
    return [
        ": ".join(filter(None, (".".join(map(str, item["loc"])), item["msg"].removeprefix("Value error, "))))
        for item in error.errors()
    ]


def _mistakes(spec: Spec) -> list[str]:
    wrong = [
        f"{table}.{key}: is no key of the recipe; there are {', '.join(_KEYS)}"
        for table, keys in (("recipe", spec.recipe), ("grid", spec.grid))
        for key in keys
        if key not in _KEYS
    ]
    wrong += [f"grid.{key}: has no value" for key, values in spec.grid.items() if not values]
    wrong += ["grid.way: rows are made in one way for a whole sweep; put it under [recipe]"] * (
        "way" in spec.grid
    )
    wrong += [f"grid.{key}: stands in [recipe] too" for key in spec.grid if key in spec.recipe]
    wrong += [
        f"outcomes: {name!r} is none of {', '.join(signals.OUTCOME_NAMES)}"
        for name in spec.outcomes
        if name not in signals.OUTCOME_NAMES
    ]
    if spec.base not in RECIPES:
        wrong.append(f"base: {spec.base!r} is none of {', '.join(RECIPES)}")
    if spec.folds == () or (isinstance(spec.folds, int) and spec.folds < 3):
        wrong.append(
            f"folds: {spec.folds!r} withholds nobody; name subjects, give 3 or more, or leave it out"
        )
    for key in ("ablations", "outcomes"):
        if len(set(getattr(spec, key))) < len(getattr(spec, key)):
            wrong.append(f"{key}: names one twice")
    for name in spec.ablations:
        try:
            ablation.left_out(name)
        except SweepError as error:
            wrong.append(f"ablations: {error}")
    return wrong or _wrong_values(spec)


def _wrong_values(spec: Spec) -> list[str]:
    """Values that the recipe does not take, each told once."""
    told: dict[str, None] = {}
    for variation in spec.variations():
        try:
            spec.config(variation)
        except ValidationError as error:
            told |= dict.fromkeys(_told(error))
    return list(told)
