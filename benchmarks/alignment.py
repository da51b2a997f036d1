"""What the aligner puts on the grid, against the truth, and what that does to the outcomes.

    python benchmarks/alignment.py                  the shipped trial
    python benchmarks/alignment.py --wearers 6      walking, lifting and standing of six virtual wearers, 12 s each
    python benchmarks/alignment.py --data FOLDER    any trials

methods    how well samples at a device's rate give the value between them
vibration  what is left on the grid of one that a device feels
channels   what the live chain (device clocks, links, clock estimation, aligner) puts on the grid against the trial,
           RMS by group of channels; the age of a tick and of its oldest sample
outcomes   each outcome's RMSE of the network on live rows over that on the trial's own rows; the clocks' share of
           it: over that on rows aligned with the samples' true times
loss       the same with one packet in 200 lost on every stream over none lost

Needs the extras `sim` and `lab`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from alignment_suit import Doubles, Setup, Truth, play

from jetson_runtime.demo.demo import SHIPPED_TRIAL
from jetson_runtime.inference import bundle, engines
from jetson_runtime.inference.offline import outcomes_of_rows
from jetson_runtime.suit.errors import BundleError
from jetson_runtime.suit.signals import CHANNELS, LABEL_NAMES, RATE_HZ, SIDES
from jetson_runtime.suit.trial import Trial, read_trial
from jetson_runtime.timing.align import Policy
from jetson_runtime.timing.weights import AFTER_NS, BEFORE_NS, FAST_HZ, WindowFit, parabola
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import TASKS, generate

POLICIES: tuple[Policy, ...] = get_args(Policy)
TABLES = ("methods", "channels", "outcomes")
LOSS = 1 / 200
WEARER_S = 12.0
# The movement without the white noise of the sensors that recorded the trial, for `methods` and `channels`.
MOVEMENT_HZ = 40.0
# Where the shipped trial walks.
WALK = slice(6 * RATE_HZ, 26 * RATE_HZ)
VIBRATIONS_HZ = (20, 40, 130, 180, 230)
GROUPS = {
    "accel m/s²": [i for i in range(36) if CHANNELS[i].quantity == "accel"],
    "gyro rad/s": [i for i in range(36) if CHANNELS[i].quantity == "gyro"],
    "foot accel": [i for i in range(36, 48) if CHANNELS[i].quantity == "accel"],
    "foot gyro": [i for i in range(36, 48) if CHANNELS[i].quantity == "gyro"],
    "vgrf bw": [48, 51],
    "cop feet": [49, 50, 52, 53],
}

Way = tuple[range, Callable[[Doubles], Doubles]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of trials (default: the shipped trial)")
    parser.add_argument(
        "--wearers", type=int, default=0, metavar="N", help="virtual ones, none of the training's"
    )
    parser.add_argument(
        "--tables", default=",".join(TABLES), help=f"comma-separated; default: {','.join(TABLES)}"
    )
    parser.add_argument("--bundle", type=Path, default=bundle.SHIPPED)
    parser.add_argument("--json", action="store_true", help="one object instead of tables")
    options = parser.parse_args()
    tables = options.tables.split(",")
    trials = _trials(options)
    walk = next((trial for trial in trials if trial.meta.task == "W"), None) or _cut(trials[0], WALK)
    result: dict[str, Any] = {}
    if "methods" in tables:
        result |= {"methods": _methods(walk), "vibration": _vibration()}
    if "channels" in tables:
        result["channels"] = _channels(walk)
    if "outcomes" in tables:
        result |= _outcomes(trials, bundle.load(options.bundle))
    if options.json:
        print(json.dumps(result))
        return
    for title, rows in result.items():
        print(f"\n{title}")
        _print(rows)


def _trials(options: argparse.Namespace) -> list[Trial]:
    if options.data:
        return [read_trial(path) for path in sorted(options.data.glob("*.parquet"))]
    if options.wearers:
        wearers = [Subject.random(seed) for seed in range(options.wearers)]
        return [generate(wearer, task, WEARER_S, seed=0) for wearer in wearers for task in TASKS]
    return [read_trial(SHIPPED_TRIAL)]


def _cut(trial: Trial, rows: slice) -> Trial:
    channels = trial.channels[rows]
    time_s = np.arange(len(channels)) / RATE_HZ
    return replace(trial, time_s=time_s, channels=channels, labels=trial.labels[rows], quaternions={})


def _print(rows: Sequence[dict[str, Any]]) -> None:
    print("| " + " | ".join(rows[0]) + " |")
    print("|---" * len(rows[0]) + "|")
    for row in rows:
        cells = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row.values()]
        print("| " + " | ".join(cells) + " |", flush=True)


def _methods(trial: Trial) -> list[dict[str, Any]]:
    """RMS error of each way to the value between samples, true times, phases at random."""
    truth = Truth(trial, MOVEMENT_HZ)
    at = np.arange(100, len(trial.time_s) - 100) / RATE_HZ
    expected = truth.at(at)
    table = []
    for rate_hz in (200.0, 250.0, 500.0, 1000.0, 75.13):
        ways = _ways(rate_hz)
        errors: dict[str, list[Doubles]] = {name: [] for name in ways}
        for seed in range(3):
            offset = np.random.default_rng(seed).uniform(0, 1 / rate_hz)
            grid = np.arange(0, at[-1] + 0.2, 1 / rate_hz) + offset
            samples = truth.at(grid)
            for name, way in ways.items():
                errors[name].append(_weighed(samples, grid, at, way) - expected)
        names = ("accel m/s²", "gyro rad/s") if rate_hz > 100 else ("foot accel", "foot gyro", "vgrf bw")
        for name, error in errors.items():
            squares = np.mean(np.stack(error) ** 2, axis=(0, 1))
            groups = {group: float(np.sqrt(np.mean(squares[GROUPS[group]]))) for group in names}
            noise = _gain(ways[name][1](_times(ways[name], rate_hz)))
            table.append({"Hz": rate_hz, "method": name, **groups, "white noise x": noise})
    return [
        {**dict.fromkeys(("Hz", "method", *list(GROUPS)[:5], "white noise x"), ""), **row} for row in table
    ]


def _ways(rate_hz: float) -> dict[str, Way]:
    """Which samples, counted from the one before the grid time, and the weights (t, k) of their times (t, k) in ns."""
    ways: dict[str, Way] = {
        "hold": (range(1), np.ones_like),
        "linear": (range(2), _lagrange),
        "parabola 2+1": (range(-1, 2), _parabola),
        "cubic 3+1": (range(-2, 2), _lagrange),
        "cubic 2+2": (range(-1, 3), _lagrange),
    }
    if rate_hz >= FAST_HZ:
        before, after = round(BEFORE_NS * rate_hz * 1e-9), round(AFTER_NS * rate_hz * 1e-9)
        ways["smoothed"] = (range(-before, after + 2), _smoothed)
    return ways


def _parabola(times: Doubles) -> Doubles:
    return np.array([parabola(*map(round, row)) for row in times.tolist()])


def _smoothed(times: Doubles) -> Doubles:
    fit = WindowFit(*times.shape)
    fit.weigh(times)
    return fit.shares[:, 0]


def _lagrange(times: Doubles) -> Doubles:
    columns = range(times.shape[1])
    return np.stack(
        [
            np.prod([times[:, j] / (times[:, j] - times[:, i]) for j in columns if j != i], axis=0)
            for i in columns
        ],
        axis=1,
    )


def _weighed(samples: Doubles, grid: Doubles, at: Doubles, way: Way) -> Doubles:
    chosen = np.searchsorted(grid, at, side="right")[:, None] - 1 + np.asarray(way[0])
    return np.asarray(np.einsum("tk,tkc->tc", way[1]((grid[chosen] - at[:, None]) * 1e9), samples[chosen]))


def _gain(shares: Doubles) -> float:
    """Of white noise: RMS over phases."""
    return float(np.sqrt(np.mean(np.sum(shares**2, axis=1))))


def _times(way: Way, rate_hz: float) -> Doubles:
    """Sample times (100, k) in ns for 100 phases of the grid time between two samples."""
    since = (np.arange(100) + 0.5)[:, None] / 100
    return (np.asarray(way[0]) - since) * 1e9 / rate_hz


def _vibration() -> list[dict[str, Any]]:
    """What is left of a vibration on the grid: RMS over phases, 1 is all of it."""
    table = []
    for rate_hz in (250.0, 500.0, 1000.0):
        for name, way in _ways(rate_hz).items():
            if name not in ("parabola 2+1", "smoothed"):
                continue
            times = _times(way, rate_hz)
            shares = way[1](times)
            row: dict[str, Any] = {"Hz": rate_hz, "method": name}
            for hertz in VIBRATIONS_HZ:
                response = np.sum(shares * np.exp(2j * np.pi * hertz * times * 1e-9), axis=1)
                row[f"{hertz} Hz"] = float(np.sqrt(np.mean(np.abs(response) ** 2)))
                if hertz == 20:
                    row["delay ms"] = float(-np.angle(np.mean(response)) / (2 * np.pi * hertz) * 1e3)
            table.append(row)
    return table


def _channels(trial: Trial) -> list[dict[str, Any]]:
    truth = Truth(trial, MOVEMENT_HZ)
    expected = truth.at(np.arange(len(trial.time_s)) / RATE_HZ)
    table = []
    for policy in POLICIES:
        for imu_hz in (200.0, 250.0, 500.0):
            for times in ("estimated", "true"):
                setup = Setup(policy, imu_hz)
                played = play(trial, truth, setup, exact=times == "true")
                error = played.rows - expected
                row: dict[str, Any] = {"policy": policy, "IMUs Hz": imu_hz, "sample times": times}
                for group, columns in GROUPS.items():
                    row[group] = float(np.sqrt(np.nanmean(error[:, columns] ** 2)))
                row["age p50 ms"], row["p99"] = map(float, np.percentile(played.age_ms, (50, 99)))
                row["oldest p50"], row["oldest p99"] = map(
                    float, np.nanpercentile(played.oldest_ms, (50, 99))
                )
                row["valid"] = float(np.mean(played.valid))
                table.append(row)
    return table


def _outcomes(trials: Sequence[Trial], model: bundle.Bundle) -> dict[str, list[dict[str, Any]]]:
    """`outcomes`: RMSE on the trial's own rows and the ratios of both policies to it; `loss`: the ratios to no loss."""
    engine = _engine(model)
    fill, history = np.asarray(model.manifest.fill), model.manifest.history
    sums: dict[str, Doubles] = {}
    valid: dict[str, list[float]] = {}
    for seed, trial in enumerate(trials):
        variants = {"perfect": (trial.channels.astype(np.float64), np.ones(len(trial.time_s), bool))}
        truth = Truth(trial)
        for policy in POLICIES:
            for loss in (0.0, LOSS):
                played = play(trial, truth, Setup(policy, loss=loss, seed=seed), history)
                variants[f"{policy} {loss:g}"] = (played.rows, played.valid)
            played = play(trial, truth, Setup(policy, seed=seed), history, exact=True)
            variants[f"{policy} true"] = (played.rows, played.valid)
        scored = np.logical_and.reduce([told for _, told in variants.values()])
        scored[:history] = False
        for name, (rows, told) in variants.items():
            error = outcomes_of_rows(rows, fill, engine, SIDES)[scored] - trial.labels[scored]
            known = np.isfinite(error)
            part = np.stack([np.sum(np.where(known, error, 0.0) ** 2, axis=0), np.sum(known, axis=0)])
            sums[name] = sums.get(name, 0.0) + part
            valid.setdefault(name, []).append(float(np.mean(told)))
        print(f"{trial.meta.subject} {trial.meta.task}", file=sys.stderr)
    rmse = {name: np.sqrt(total[0] / total[1]) for name, total in sums.items()}
    return {"outcomes": _outcome_rows(rmse), "loss": _loss_rows(rmse, valid)}


def _outcome_rows(rmse: dict[str, Doubles]) -> list[dict[str, Any]]:
    return [
        {
            "outcome": label,
            "trial's rows": float(rmse["perfect"][i]),
            **{policy: float(rmse[f"{policy} 0"][i] / rmse["perfect"][i]) for policy in POLICIES},
            **{
                f"{policy}, clocks' share": float(rmse[f"{policy} 0"][i] / rmse[f"{policy} true"][i])
                for policy in POLICIES
            },
        }
        for i, label in enumerate(LABEL_NAMES)
    ]


def _loss_rows(rmse: dict[str, Doubles], valid: dict[str, list[float]]) -> list[dict[str, Any]]:
    """The last one: how many rows were valid."""
    rows = [
        {"outcome": label, **{p: float(rmse[f"{p} {LOSS:g}"][i] / rmse[f"{p} 0"][i]) for p in POLICIES}}
        for i, label in enumerate(LABEL_NAMES)
    ]
    return [*rows, {"outcome": "valid", **{p: float(np.mean(valid[f"{p} {LOSS:g}"])) for p in POLICIES}}]


def _engine(model: bundle.Bundle) -> engines.Engine:
    try:
        return engines.create("native", model, len(SIDES))
    except BundleError:
        return engines.create("numpy", model, len(SIDES))


if __name__ == "__main__":
    main()
