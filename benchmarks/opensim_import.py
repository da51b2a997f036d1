"""Trials that the importer makes of OpenSim sets, against the same trials made independently.

    python benchmarks/opensim_import.py [--trials walking1,STS1] [--processes 2] [--kinematics markers]

Sets: opencap_labvalidation_subject4 (inverse kinematics run anew from the markers) and bmc_running (as given), from
../shared/data/raw; the trials to compare with from ../shared/data/trials (another program's, the same sources). Each
channel and label: correlation, and RMS of the difference over RMS of the reference. `mask`: rows that only one of the
two knows. Told for each trial: how many are below 0.99, which, and the moments; at the end the worst of every channel.

Needs the extras `lab` and `opensim`. A walk takes 10 s, a squat or sit-to-stand minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from jetson_runtime.suit.signals import CHANNEL_NAMES, LABEL_NAMES
from jetson_runtime.suit.trial import Trial, read_trial
from models.importers.opensim_files import OpenSimSet, TrialFiles
from models.importers.opensim_import import Options, import_trial
from models.importers.worked import Worked

SHARED = Path(__file__).resolve().parents[2] / "shared/data"
SUBJECT4, RUNNING = SHARED / "raw/opencap_labvalidation_subject4", SHARED / "raw/bmc_running"
WALKS = ("walking1", "walking2", "walking4", "walkingTS1", "walkingTO1")
TRIALS = (*WALKS, "DJ1", "squats1", "squatsAsym1", "STS1", "STSweakLegs1", "running")
BAR, MOMENT_BAR = 0.99, 0.05


@dataclass(frozen=True)
class Compared:
    """One channel: correlation, RMS of the reference and of the difference, rows known to one side alone."""

    r: float
    rms: float
    off: float
    mask: int


def main() -> int:
    """Print the tables; 1 where a channel or a moment misses its bar."""
    options = _parser().parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is not here", file=sys.stderr)
        return 2
    wanted = options.trials.split(",")
    compare = partial(compare_one, options.kinematics, options.accuracy)
    worst: dict[str, tuple[float, str]] = {}
    missed = 0
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for name, (found, took, notes) in zip(wanted, pool.map(compare, wanted), strict=True):
            missed += _print_trial(name, found, took, notes)
            for channel, one in found.items():
                if np.isfinite(one.r):
                    worst[channel] = min(worst.get(channel, (2.0, "")), (one.r, name))
    _print_worst(worst)
    return int(missed > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", default=",".join(TRIALS))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kinematics", choices=("auto", "given", "markers"), default="auto")
    parser.add_argument("--accuracy", type=float, default=Options().accuracy)
    return parser


def compare_one(
    kinematics: str, accuracy: float, name: str
) -> tuple[dict[str, Compared], float, tuple[str, ...]]:
    """The comparison of every channel and label, seconds it took, and what the importer did."""
    reference = read_trial(SHARED / "trials" / (_prefix(name) + name + ".parquet"))
    limit = float(reference.meta.extra["residual_limit_N_per_kg"])
    options = Options(kinematics=kinematics, accuracy=accuracy, residual_n_per_kg=limit)
    given, began = _set(name), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        worked = import_trial(given, given.trials[0], Path(folder), options)
    return _compared(worked.trial, reference), time.monotonic() - began, worked.notes


def subject4_trial(name: str, folder: Path, options: Options | None = None) -> Worked:
    """A trial of subject4, imported anew."""
    given = _set(name)
    return import_trial(given, given.trials[0], folder, options or Options())


def _prefix(name: str) -> str:
    return "bmc_" if name == "running" else "subject4_"


def _set(name: str) -> OpenSimSet:
    if name == "running":
        files = TrialFiles(
            name,
            "other:running",
            coordinates=RUNNING / "ik_output_run.mot",
            forces=RUNNING / "grf_run.mot",
        )
        return OpenSimSet("bmc", RUNNING / "Rajagopal2015_scaled.osim", (files,))
    files = TrialFiles(
        name,
        "other:compared",
        SUBJECT4 / f"MarkerData/{name}.trc",
        SUBJECT4 / f"IK/{name}_ik.mot",
        SUBJECT4 / f"ID/{name}_grf.mot",
    )
    return OpenSimSet("subject4", SUBJECT4 / "Models/optimized_scale_and_markers.osim", (files,))


def _compared(found: Trial, reference: Trial) -> dict[str, Compared]:
    rows = min(len(found.time_s), len(reference.time_s))
    ours = np.hstack([found.channels, found.labels])[:rows].astype(np.float64)
    theirs = np.hstack([reference.channels, reference.labels])[:rows].astype(np.float64)
    names = (*CHANNEL_NAMES, *LABEL_NAMES)
    return {name: _one(a, b) for name, a, b in zip(names, ours.T, theirs.T, strict=True)}


def _one(ours: np.ndarray, theirs: np.ndarray) -> Compared:
    both = np.isfinite(ours) & np.isfinite(theirs)
    mask = int(np.sum(np.isfinite(ours) != np.isfinite(theirs)))
    if both.sum() < 5:
        return Compared(float("nan"), float("nan"), float("nan"), mask)
    a, b = ours[both], theirs[both]
    off = float(np.sqrt(np.mean((a - b) ** 2)))
    return Compared(float(np.corrcoef(a, b)[0, 1]), float(np.sqrt(np.mean(b**2))), off, mask)


def _print_trial(name: str, found: dict[str, Compared], took: float, notes: tuple[str, ...]) -> int:
    """How many bars were missed."""
    known = {channel: one for channel, one in found.items() if np.isfinite(one.r)}
    below = {channel: one for channel, one in known.items() if one.r <= BAR}
    moments = {channel: one.off / one.rms for channel, one in known.items() if channel.endswith("_moment")}
    over = [channel for channel, share in moments.items() if share > MOMENT_BAR]
    median = np.median([one.r for one in known.values()])
    print(f"\n{name}: {took:.1f} s; {'; '.join(notes)}")
    print(f"  {len(known)} channels, {len(below)} not above {BAR}, median correlation {median:.5f}")
    for channel, one in below.items():
        print(f"    {channel:26s} r {one.r:.4f}  RMS {one.rms:8.3f}, of the difference {one.off:.3f}")
    told = ", ".join(f"{channel.removesuffix('_moment')} {share:.1%}" for channel, share in moments.items())
    print(f"  moments, RMS of the difference over RMS: {told}")
    masks = {channel: one.mask for channel, one in found.items() if one.mask}
    print(f"  rows known to one side alone: {masks or 'none'}")
    return len(below) + len(over)


def _print_worst(worst: dict[str, tuple[float, str]]) -> None:
    print("\nworst trial of each channel")
    for channel, (r, name) in sorted(worst.items(), key=lambda item: item[1]):
        print(f"  {channel:26s} {r:.5f}  {name}")


if __name__ == "__main__":
    sys.exit(main())
