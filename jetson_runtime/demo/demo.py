"""`second-skin demo`: a trial on eight emulated devices, the real service as its own process, and what came of it."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.demo import scoring
from jetson_runtime.demo.children import Child, ending_on_signals
from jetson_runtime.demo.live import View, result_table
from jetson_runtime.demo.playback import worn
from jetson_runtime.demo.scoring import Flags, Seen
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.stream.text import to_json
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import CHANNEL_FILL, STREAMS, published_outcomes
from jetson_runtime.suit.trial import Trial, read_trial
from jetson_runtime.timing.resample import resample_trial

SHIPPED_TRIAL = Path(__file__).with_name("trial.parquet")
# The first row is held this long, so that the network has settled when the trial begins, however short it is.
LEAD_IN_S = 4.0
# From the start of a process to its first sign of life.
_START_S = 20.0
_QUEUE_FRAMES = 4000
_BATCH_S = 0.025
_WELL, _UNWELL = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin demo`."""
    add = parser.add_argument
    add("--trial", type=Path, default=SHIPPED_TRIAL, metavar="FILE", help="the trial to play (a shipped one)")
    add("--seconds", type=_positive, default=60.0, metavar="S", help="how long from the first frame on (60)")
    add(
        "--json",
        action="store_true",
        help="the result as one JSON line on standard output, all else on stderr",
    )
    add("--seed", type=int, default=0, help="of the devices' clocks, jitter and noise (0)")
    add("--bundle", type=Path, help="the model (the shipped one)")
    port = int(DEFAULT_PUBLIC.rpartition(":")[2])
    add(
        "--tcp-port",
        type=int,
        default=port,
        metavar="PORT",
        help=f"of the stream, for other clients ({port})",
    )


def run(options: argparse.Namespace) -> int:
    """Plays, shows, measures; 0 unless frames should have been valid and never were. SuitError: a process ended."""
    console = Console(stderr=options.json)
    trial = read_trial(options.trial)
    lacking = _lacking(trial)
    if lacking:
        console.print(
            f"{options.trial} has no data of {', '.join(lacking)}: frames are never valid and nothing can be scored"
        )
    with ending_on_signals(), tempfile.TemporaryDirectory(prefix="second-skin-demo-") as folder:
        result = _play(options, trial, Path(folder), console)
    console.print(result_table(result))
    if options.json:
        print(to_json(result))
    never_valid = math.isnan(result["start_to_first_valid_s"])
    return _UNWELL if never_valid and not lacking else _WELL


def _play(options: argparse.Namespace, trial: Trial, folder: Path, console: Console) -> dict[str, Any]:
    """Runs suit and service until the time is over; what the stream came to."""
    with Child(_simulate_arguments(options, folder), folder / "simulate.log") as suit:
        simulation = _wait_for(folder / "simulation.json", suit)
        config = configs.load(folder / "suit.toml")
        bundle = bundles.load(config.model.bundle)
        with FrameClient(config.output.public[0], queue_frames=_QUEUE_FRAMES) as client:
            start_ns = time.monotonic_ns()
            with Child(["run", "--config", str(folder / "suit.toml")], folder / "run.log") as service:
                frames = _watch(client, (suit, service), options.seconds, console)
            engine = (client.hello or {}).get("engine")
    _remark(frames, scoring.scorable(trial, bundle.manifest.history), console)
    rows = resample_trial(trial, options.seed)
    return {
        **scoring.traffic(frames, start_ns),
        "engine": engine,
        **scoring.errors(
            frames,
            published_outcomes(config.sides),
            trial,
            simulation["start_ns"],
            history=bundle.manifest.history,
            baselines=bundle.baselines(),
            rows=np.where(np.isnan(rows), CHANNEL_FILL, rows),
        ),
    }


def _positive(word: str) -> float:
    value = float(word)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{word} is not above 0")
    return value


def _lacking(trial: Trial) -> list[str]:
    return [stream.name for stream in STREAMS if not worn(trial, stream)]


def _simulate_arguments(options: argparse.Namespace, folder: Path) -> list[str]:
    words = ["simulate", "--dir", str(folder), "--trial", str(options.trial), "--lead-in", str(LEAD_IN_S)]
    words += ["--seed", str(options.seed), "--tcp-port", str(options.tcp_port)]
    return words + (["--bundle", str(options.bundle)] if options.bundle else [])


def _wait_for(path: Path, child: Child) -> dict[str, Any]:
    """The JSON at `path` once `child` has written it."""
    end_s = time.monotonic() + _START_S
    while not path.exists():
        child.check()
        if time.monotonic() > end_s:
            raise SuitError(
                f"the emulated suit was not ready within {_START_S:.0f} s; is the machine overloaded?"
            )
        time.sleep(0.01)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _watch(client: FrameClient, children: Sequence[Child], seconds: float, console: Console) -> list[Seen]:
    """Every frame for `seconds` from the first; SuitError when a child ends or no frame comes."""
    seen: list[Seen] = []
    end_s = time.monotonic() + _START_S
    with View(console, client) as view:
        while time.monotonic() < end_s:
            for child in children:
                child.check()
            # In batches: five frames a wake-up leave the machine to the suit and the service.
            time.sleep(_BATCH_S)
            frames = client.recv_all(0)
            if frames and not seen:
                end_s = time.monotonic() + seconds
            seen += [_seen(frame) for frame in frames]
            if frames:
                view.show(frames[-1], time.monotonic())
    if not seen:
        raise SuitError(f"the service sent no frame within {_START_S:.0f} s; is the machine overloaded?")
    return seen


def _remark(frames: list[Seen], scorable: Flags, console: Console) -> None:
    """What a reader of the table must know of how it came about."""
    for name, count in scoring.disturbances(frames).items():
        console.print(f"{name} was missing in {count} of {len(frames)} frames", style="red")
    if not scorable.all():
        console.print(
            f"{scorable.sum()} of the trial's {len(scorable)} rows can be scored; "
            "in the others a foot's force is unknown, or was within the network's history"
        )


def _seen(frame: ReceivedFrame) -> Seen:
    values = (*frame.angle.values(), *frame.moment.values())
    return Seen(frame.seq, frame.t_ns, frame.publish_ns, frame.age_ms, frame.valid, frame.missing, values)
