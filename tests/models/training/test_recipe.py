"""The paper's recipe is the default, and what is not as in the paper is told."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from models.training.recipe import PAPER, RECIPES, TrainConfig, beside_paper, learning_rate, seed_of


def test_the_defaults_are_the_paper_s_recipe() -> None:
    config = TrainConfig()
    assert config == RECIPES["paper"]
    assert (config.learning_rate, config.dropout) == (5e-5, 0.15)
    assert (config.min_epochs, config.max_epochs, config.patience) == (75, 150, 20)
    assert {learning_rate(config, progress) for progress in (0.0, 0.5, 1.0)} == {5e-5}


def test_what_the_defaults_do_otherwise_and_what_the_paper_does_not_tell_stand_apart() -> None:
    differs, ours = beside_paper(TrainConfig())
    assert differs.keys() == {"way", "paper_literal", "stopped when"}
    assert differs["way"] == {"paper": "offline", "here": "device"}
    assert ours == {
        "batch": 8,
        "outputs": 128,
        "legs": "both",
        "scored rows": "every eighth",
        "loss in": "SDs of the outcome",
    }
    literal = beside_paper(TrainConfig(way="offline", paper_literal=True))
    assert literal.differs.keys() == {"stopped when"}
    assert literal.ours == ours


def test_the_paper_is_asked_about_every_key_of_the_recipe() -> None:
    assert {key for key in asdict(TrainConfig()) if key not in PAPER} == {"seed"}


def test_every_deviation_of_the_quick_recipe_is_told() -> None:
    told, ours = beside_paper(RECIPES["quick"])
    assert told["schedule"] == {"paper": "constant", "here": "one_cycle"}
    assert {"learning_rate", "max_epochs", "min_epochs"} <= told.keys()
    assert (ours["epoch_steps"], ours["clip_norm"], ours["donning_deg"]) == (100, 1.0, 4.0)
    assert "dropout" not in told


def test_the_one_cycle_comes_down() -> None:
    config = TrainConfig(learning_rate=1e-3, schedule="one_cycle")
    rates = [learning_rate(config, progress) for progress in np.linspace(0.0, 1.0, 101)]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(1e-5)
    assert 3 <= int(np.argmax(rates)) <= 7


def test_all_mistakes_of_a_recipe_are_told_at_once() -> None:
    with pytest.raises(
        ValueError, match=r"dropout is 1.0, 0 to below 1 wanted; batch is 0, at least 1 wanted"
    ):
        TrainConfig(dropout=1.0, batch=0)


def test_seeds_differ_in_every_part() -> None:
    seeds = {seed_of(0, fold, column, step) for fold in "ab" for column in range(8) for step in range(9)}
    assert len(seeds) == 2 * 8 * 9
    assert seed_of(0, "a", 1) == seed_of(0, "a", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"min_epochs": -4},
        {"time_limit_s": -3.0},
        {"time_limit_s": float("nan")},
        {"clip_norm": float("nan")},
        {"donning_deg": -3.0},
        {"donning_deg": float("nan")},
        {"seed": -1},
    ],
    ids=str,
)
def test_what_is_no_number_to_train_with_is_told(wrong: dict[str, float]) -> None:
    ((key, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^recipe: {key} is {value!r}, "):
        TrainConfig(**wrong)  # type: ignore[arg-type]
