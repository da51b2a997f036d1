"""Training steps a second of the eight outcomes: plain networks one after another, groups of one, one group of eight.

Usage: python benchmarks/grouped_training.py [seconds] [folds]

On a CPU the time is that of the one thread itself, so that waiting for other work does not count; the ways take turns,
so that what else is in the caches meets all of them. On a GPU, where there is one, `folds` folds train as one group.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from jetson_runtime.suit import signals
from models.network import tcn
from models.training.group import Group
from models.training.member import Member
from models.training.recipe import RECIPES

CONFIG = RECIPES["quick"]
LENGTH = tcn.HISTORY + 1 + tcn.SPARSE_STRIDE * (CONFIG.outputs - 1)


def main() -> None:
    """Prints a line for each way on each device."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    folds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(f"eight outcomes, batch of {CONFIG.batch} x {CONFIG.outputs} outputs ({LENGTH} rows each)")
    _compare(torch.device("cpu"), seconds, 1)
    if torch.cuda.is_available():
        print(torch.cuda.get_device_name())
        for count in (1, folds):
            _compare(torch.device("cuda"), seconds, count)
    else:
        print("no GPU here: torch.cuda is not available")


def _compare(device: torch.device, seconds: float, folds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        members = [
            Member(Path(folder) / f"fold-{fold}", outcome, CONFIG, tcn.Tcn(), fresh=True)
            for fold in range(folds)
            for outcome in signals.OUTCOME_NAMES
        ]
        ways = {
            "plain networks, one by one": _plain(len(members), device),
            "groups of one": _grouped(members, 1, device),
            f"one group of {len(members)}": _grouped(members, len(members), device),
        }
        taken = _take_turns(ways, seconds, device)
    plain_s = taken["plain networks, one by one"]
    for name, each_s in taken.items():
        print(
            f"{device.type:4s} {folds:2d} folds  {name:28s}{1 / each_s:8.2f} steps/s of all {len(members)}"
            f"{1e3 * each_s / len(members):8.2f} ms a network{plain_s / each_s:6.2f} times plain"
        )


def _take_turns(
    ways: dict[str, Callable[[int], None]], seconds: float, device: torch.device
) -> dict[str, float]:
    """Median seconds of a step of each way, after one that does not count."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    taken: dict[str, list[float]] = {name: [] for name in ways}
    until_s = time.monotonic() + seconds
    step = 0
    while time.monotonic() < until_s or step < 3:
        for name, way in ways.items():
            _wait(device)
            begun_s = clock()
            way(step)
            _wait(device)
            taken[name].append(clock() - begun_s)
        step += 1
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def _plain(count: int, device: torch.device) -> Callable[[int], None]:
    networks = [tcn.Tcn(CONFIG.dropout).to(device).train() for _ in range(count)]
    adams = [torch.optim.Adam(network.parameters(), lr=CONFIG.learning_rate) for network in networks]
    rows, wanted = _batch(device)

    def step(index: int) -> None:
        for i, (network, adam) in enumerate(zip(networks, adams, strict=True)):
            loss = (network.sparse(rows) - wanted[..., i % wanted.shape[-1]]).square().mean()
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CONFIG.clip_norm or 1.0)
            adam.step()

    return step


def _grouped(members: Sequence[Member], size: int, device: torch.device) -> Callable[[int], None]:
    groups = [Group(members[i : i + size], CONFIG, device) for i in range(0, len(members), size)]
    drawn = {fold: _batch(device) for fold in {m.fold for m in members}}
    rows, wanted = ({fold: pair[i] for fold, pair in drawn.items()} for i in range(2))

    def step(index: int) -> None:
        for group in groups:
            group.learn(rows, wanted, index, 0.5)

    return step


def _batch(device: torch.device) -> tuple[Tensor, Tensor]:
    rows = torch.randn(CONFIG.batch, LENGTH, tcn.INPUTS, device=device)
    return rows, torch.randn(CONFIG.batch, CONFIG.outputs, len(signals.OUTCOMES), device=device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
