"""The two ways in which a trial's samples come onto one grid, measured: `device`, the runtime's causal aligner, and
`offline`, the paper's spline.

    python benchmarks/offline_way.py                 walking, lifting and standing of six virtual wearers, 12 s each
    python benchmarks/offline_way.py --data FOLDER   any trials

channels   RMS error of the rows against the trial's own, by group of channels, and the lag that explains most of it
outcomes   RMSE of the bundle on the rows of each way, as sent and filtered as the paper does

The bundle was trained on one way; what it does on the other is the price of training apart from the device. Needs the
extra `lab`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.offline import outcomes_of_rows
from jetson_runtime.suit.signals import CHANNELS, LABEL_NAMES, OUTCOMES, RATE_HZ, SIDES
from jetson_runtime.suit.trial import Trial, read_trial
from models.data.dataset import WAYS, Way, record
from models.metrics import filtered
from models.network.tcn import HISTORY
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

Doubles = npt.NDArray[np.float64]

TASKS, WEARER_S = ("W", "L", "PS"), 12.0
FIRST_FEET = 36
GROUPS = {
    "accel m/s2": [i for i in range(FIRST_FEET) if CHANNELS[i].quantity == "accel"],
    "gyro rad/s": [i for i in range(FIRST_FEET) if CHANNELS[i].quantity == "gyro"],
    "foot accel m/s2": [i for i in range(FIRST_FEET, 48) if CHANNELS[i].quantity == "accel"],
    "foot gyro rad/s": [i for i in range(FIRST_FEET, 48) if CHANNELS[i].quantity == "gyro"],
    "vgrf bodyweights": [48, 51],
    "cop feet": [49, 50, 52, 53],
}
LAGS_MS = (0.0, *np.arange(-5.0, 0.0), *np.arange(1.0, 21.0))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of trials (default: virtual wearers)")
    parser.add_argument("--wearers", type=int, default=6, metavar="N", help="none of the training's (6)")
    parser.add_argument("--bundle", type=Path, default=bundle.SHIPPED)
    parser.add_argument("--json", action="store_true", help="one object instead of tables")
    options = parser.parse_args()
    trials = dict(_trials(options.data, options.wearers))
    rows = {way: {name: record(name, trial, way=way).rows for name, trial in trials.items()} for way in WAYS}
    result = {"channels": _channels(trials, rows), "outcomes": _outcomes(trials, rows, options.bundle)}
    if options.json:
        print(json.dumps(result))
        return
    for title, table in result.items():
        print(f"\n{title}, {len(trials)} trials")
        print("| " + " | ".join(table[0]) + " |\n" + "|---" * len(table[0]) + "|")
        for row in table:
            cells = [f"{cell:.3g}" if isinstance(cell, float) else cell for cell in row.values()]
            print("| " + " | ".join(cells) + " |")


def _trials(folder: Path | None, wearers: int) -> Iterator[tuple[str, Trial]]:
    if folder is not None:
        yield from ((path.stem, read_trial(path)) for path in sorted(folder.glob("*.parquet")))
        return
    for seed in range(wearers):
        for task in TASKS:
            try:
                yield f"vw-{seed}_{task}_0", generate(Subject.random(seed), task, WEARER_S, seed=0)
            except ValueError as error:
                print(f"left out: {error}", file=sys.stderr)


def _channels(
    trials: dict[str, Trial], rows: dict[Way, dict[str, npt.NDArray[np.float32]]]
) -> list[dict[str, Any]]:
    table = []
    for group, columns in GROUPS.items():
        truths = [trial.channels[:, columns].astype(np.float64) for trial in trials.values()]
        spread = _rms([one - np.nanmean(one, axis=0) for one in truths if np.isfinite(one).any(axis=0).all()])
        row: dict[str, Any] = {"channels": group, "SD": spread}
        for way in WAYS:
            made = [rows[way][name][:, columns] for name in trials]
            errors = {lag: _rms(_late(made, truths, lag)) for lag in LAGS_MS}
            row[f"{way} RMS"] = errors[0.0]
            row[f"{way} lag ms"] = min(errors, key=lambda lag: errors[lag])
        table.append(row)
    return table


def _rms(errors: list[Doubles]) -> float:
    """Pooled over all rows of all trials that are known."""
    return float(np.sqrt(np.nanmean(np.concatenate(errors) ** 2)))


def _late(made: list[npt.NDArray[np.float32]], truths: list[Doubles], lag_ms: float) -> list[Doubles]:
    """Rows less the truth as it was `lag_ms` before, without the first and the last half second."""
    inner = slice(RATE_HZ // 2, -RATE_HZ // 2)
    out = []
    for values, truth in zip(made, truths, strict=True):
        at = np.arange(len(truth)) / RATE_HZ
        late = np.stack([np.interp(at - lag_ms * 1e-3, at, column) for column in truth.T], axis=1)
        out.append((values - late)[inner])
    return out


def _outcomes(
    trials: dict[str, Trial], rows: dict[Way, dict[str, npt.NDArray[np.float32]]], folder: Path
) -> list[dict[str, Any]]:
    engine = engines.create("auto", bundle.load(folder), len(SIDES))
    fill = np.array([channel.fill for channel in CHANNELS])
    errors: dict[tuple[Way, str], dict[str, list[Doubles]]] = {
        (way, kind): {outcome.name: [] for outcome in OUTCOMES}
        for way in WAYS
        for kind in ("raw", "filtered")
    }
    for way in WAYS:
        for name, trial in trials.items():
            sent = outcomes_of_rows(rows[way][name].astype(np.float64), fill, engine, SIDES)
            for kind, estimate in (("raw", sent), ("filtered", filtered(sent))):
                wrong = (estimate - trial.labels)[HISTORY:]
                for outcome in OUTCOMES:
                    columns = sorted({LABEL_NAMES.index(outcome.published(side)) for side in SIDES})
                    errors[way, kind][outcome.name].append(wrong[:, columns].ravel())
    return [
        {
            "outcome": f"{outcome.name} [{outcome.unit}]",
            **{
                f"{way} {kind}": float(
                    np.sqrt(np.nanmean(np.concatenate(errors[way, kind][outcome.name]) ** 2))
                )
                for kind in ("raw", "filtered")
                for way in WAYS
            },
        }
        for outcome in OUTCOMES
    ]


if __name__ == "__main__":
    main()
