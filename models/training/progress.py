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
        done: dict[tuple[str, str], int] = {}

        def watch(end: EpochEnd) -> None:
            if end.fold not in begun:
                begun[end.fold] = progress.add_task(end.fold, total=epochs, losses="")
            # What ended early is done; what is gone on with counts from where it stood.
            done[end.fold, end.outcome] = config.max_epochs if end.ended else end.epoch
            losses = (
                f"{end.outcome} {end.train_loss:.3f} / {end.validation_loss:.3f} (best {end.best_loss:.3f})"
            )
            progress.update(
                begun[end.fold],
                completed=sum(count for (fold, _), count in done.items() if fold == end.fold),
                losses=losses,
                description=f"{end.fold} epoch {end.epoch}",
            )
            progress.update(whole, completed=sum(done.values()))

        yield watch
