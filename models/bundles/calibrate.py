"""Intervals and warnings for a bundle that is there already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from jetson_runtime.inference import bundle
from jetson_runtime.inference.bundle import Bundle, Manifest
from jetson_runtime.inference.confidence import Fitted
from models.confidence import fit, played, trials
from models.data.dataset import Recording
from models.network import export, lineage


def calibrate(
    folder: Path,
    recordings: Sequence[Recording],
    training: Sequence[Recording] = (),
    test: Sequence[Recording] = (),
    *,
    out: Path | None = None,
    processes: int = 1,
    say: Callable[[str], None],
) -> Manifest:
    """Writes the bundle in `folder` to `out` (default: in its place), with confidence.npz and what it is worth.

    recordings, training: see fit.fit; test: of other people, for the card. ValueError: somebody in `recordings` or
    `test` is known to have trained the bundle, or is in both.
    """
    known = bundle.load(folder)
    export.refuse_other_folder(out or folder)
    refuse_trained(known, [*recordings, *test])
    calibration = fit.fit(known, recordings, training, processes=processes, say=say)
    facts = {
        **calibration.facts,
        **(tested(known, calibration.fitted, recordings, test, processes) if test else {}),
    }
    amended = {**known.manifest.card, "confidence": facts}
    with export.whole(out or folder) as fresh:
        for name in bundle.FILES:
            shutil.copyfile(folder / name, fresh / name)
        write(fresh / bundle.CONFIDENCE, calibration.fitted)
        return export.sign(fresh, known.manifest.model_copy(update={"card": amended}))


def write(path: Path, fitted: Fitted) -> None:
    """The file of a bundle; single precision is finer than anything that was measured."""
    arrays: dict[str, Any] = {name: np.asarray(v, np.float32) for name, v in asdict(fitted).items()}
    np.savez_compressed(path, **arrays)


def tested(
    known: Bundle,
    fitted: Fitted,
    recordings: Sequence[Recording],
    test: Sequence[Recording],
    processes: int = 1,
) -> dict[str, Any]:
    """`test` for the card: what became of intervals and warnings on people who are not among `recordings`."""
    if both := sorted({r.subject for r in recordings} & {r.subject for r in test}):
        raise ValueError(
            f"{', '.join(both[:5])}: calibrated the bundle and cannot test it; give other people"
        )
    alarms = {"false_alarms": trials.false_alarms(fitted, test, processes)}
    told = played.answers(known, test, processes)
    return {"test": trials.coverage(fitted, test, told, processes) | alarms}


def refuse_trained(known: Bundle, recordings: Sequence[Recording]) -> None:
    """ValueError where the bundle's card names one of these people among those that it was trained on."""
    if both := sorted(lineage.trained_on(known.manifest.card) & {r.subject for r in recordings}):
        raise ValueError(
            f"{known.path}: was trained on {', '.join(both[:5])}{', ...' if len(both) > 5 else ''}; its errors on them"
            " say nothing of others: give people it has never seen"
        )
