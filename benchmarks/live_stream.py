"""Trials played through the emulated suit and the real service, beside the same trials offline.

    .venv/bin/python benchmarks/live_stream.py                             the shipped trial, 60 s, three runs
    .venv/bin/python benchmarks/live_stream.py --runs 1 TRIAL.parquet ...  any trials, each to its end

Prints one row for a trial's stream (rate, missed ticks, valid share, age) and one for its errors: RMSE as it came over
ZeroMQ, and in brackets the ratio to the RMSE of the same trial offline. The column `machine` is the floor: how many
5 ms deadlines a bare sleeping thread of higher real-time priority missed by more than 5 ms in the same seconds, and by
how much at worst; no program can do better than that on the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from jetson_runtime.bench.load import Load
from jetson_runtime.demo.demo import LEAD_IN_S, SHIPPED_TRIAL
from jetson_runtime.demo.offline import offline_errors
from jetson_runtime.demo.suit_config import DEMO_BUNDLE
from jetson_runtime.inference import bundle
from jetson_runtime.suit.signals import LABEL_NAMES, SIDES
from jetson_runtime.suit.trial import read_trial

# The service has started and the lead-in is over.
_START_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trials", type=Path, nargs="*", default=[SHIPPED_TRIAL])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bundle", type=Path, default=DEMO_BUNDLE)
    parser.add_argument("--tcp-port", type=int, default=5655)
    options = parser.parse_args()
    model = bundle.load(options.bundle)
    print(
        "| trial | rate Hz | missed | valid | age p50/p99/max ms | first frame s | first valid s | machine |"
    )
    print("|---|---|---|---|---|---|---|---|")
    errors = []
    for path in options.trials:
        trial = read_trial(path)
        seconds = 60.0 if path == SHIPPED_TRIAL else trial.duration_s + LEAD_IN_S + _START_S
        runs = [_live(path, seconds, options) for _ in range(options.runs)]
        print(_traffic_row(path.stem, runs), flush=True)
        errors.append((path.stem, runs[0]["rmse"], offline_errors(trial, model, SIDES)["rmse"]))
    print("\n| trial | " + " | ".join(LABEL_NAMES) + " |")
    print("|---" * (1 + len(LABEL_NAMES)) + "|")
    for name, live, offline in errors:
        print(f"| {name} | " + " | ".join(_cell(live[label], offline[label]) for label in LABEL_NAMES) + " |")


def _live(path: Path, seconds: float, options: argparse.Namespace) -> dict[str, Any]:
    words = ["--trial", str(path), "--seconds", str(seconds), "--bundle", str(options.bundle)]
    words += ["--tcp-port", str(options.tcp_port), "--json"]
    with Load("sleeper", str(seconds)) as sleeper:
        done = subprocess.run(
            [sys.executable, "-m", "jetson_runtime.cli", "demo", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout.strip():
            raise SystemExit(f"{path}: the demo failed:\n{done.stderr}")
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return {**result, "machine": sleeper.result()}


def _traffic_row(name: str, runs: list[dict[str, Any]]) -> str:
    def median(key: str) -> float:
        return statistics.median(run[key] if run[key] is not None else float("nan") for run in runs)

    ages = "/".join(
        f"{statistics.median(run['age_ms'][key] for run in runs):.1f}" for key in ("p50", "p99", "max")
    )
    floor = "/".join(str(run["machine"]["late"]) for run in runs)
    worst = max(run["machine"]["worst_ms"] for run in runs)
    missed = "/".join(str(run["missed_ticks"]) for run in runs)
    return (
        f"| {name} | {median('rate_hz'):.2f} | {missed} of {runs[0]['frames']} | {median('valid_fraction'):.4f} "
        f"| {ages} | {median('start_to_first_frame_s'):.2f} | {median('start_to_first_valid_s'):.2f} "
        f"| {floor}, {worst:.0f} ms |"
    )


def _cell(live: float | None, offline: float) -> str:
    return "-" if live is None else f"{live:.3g} ({live / offline:.3f})"


if __name__ == "__main__":
    main()
