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
from models import export
from models.confidence import fit
from models.dataset import Recording


def calibrate(
    folder: Path,
    recordings: Sequence[Recording],
    training: Sequence[Recording] = (),
    *,
    out: Path | None = None,
    say: Callable[[str], None],
) -> Manifest:
    """Writes the bundle in `folder` to `out` (default: in its place), with confidence.npz and a line on its card.

    recordings, training: see fit.fit. ValueError: somebody in `recordings` is known to have trained the bundle.
    """
    known = bundle.load(folder)
    refuse_trained(known, recordings)
    calibration = fit.fit(known, recordings, training, say=say)
    card = {**known.manifest.card, "confidence": calibration.facts}
    with export.whole(out or folder) as fresh:
        for name in bundle.FILES:
            shutil.copyfile(folder / name, fresh / name)
        write(fresh / bundle.CONFIDENCE, calibration.fitted)
        return export.sign(fresh, known.manifest.model_copy(update={"card": card}))


def write(path: Path, fitted: Fitted) -> None:
    """The file of a bundle; single precision is finer than anything that was measured."""
    arrays: dict[str, Any] = {name: np.asarray(v, np.float32) for name, v in asdict(fitted).items()}
    np.savez_compressed(path, **arrays)


def refuse_trained(known: Bundle, recordings: Sequence[Recording]) -> None:
    """ValueError where the bundle's card names one of these people among those that it was trained on."""
    trained = set(known.manifest.card.get("data", {}).get("people", ()))
    if both := sorted(trained & {r.subject for r in recordings}):
        raise ValueError(
            f"{known.path}: was trained on {', '.join(both[:5])}{', ...' if len(both) > 5 else ''}; its errors on them"
            " say nothing of others: give people it has never seen"
        )
