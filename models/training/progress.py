"""Progress bars of a training: one for the whole run, one for each fold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from jetson_runtime.suit import signals
from models.training.fit import EpochEnd
from models.training.recipe import TrainConfig


@contextlib.contextmanager
def bars(folds: Sequence[str], config: TrainConfig) -> Iterator[Callable[[EpochEnd], None]]:
    """Yields what to call at each epoch's end; a bar counts the epochs of all eight outcomes of its fold."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[losses]}")
    epochs = len(signals.OUTCOME_NAMES) * config.max_epochs
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as progress:
        whole = progress.add_task("all folds", total=epochs * len(folds), losses="")
        begun: dict[str, TaskID] = {}

        def watch(end: EpochEnd) -> None:
            if end.fold not in begun:
                begun[end.fold] = progress.add_task(end.fold, total=epochs, losses="")
            # A run that is gone on with, or ends early: the epochs before and after it count at once.
            skipped = config.max_epochs - end.epoch if end.ended else 0
            losses = (
                f"{end.outcome} {end.train_loss:.3f} / {end.validation_loss:.3f} (best {end.best_loss:.3f})"
            )
            description = f"{end.fold} epoch {end.epoch}"
            progress.update(begun[end.fold], advance=1 + skipped, losses=losses, description=description)
            progress.update(whole, advance=1 + skipped)

        yield watch
