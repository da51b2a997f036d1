"""A wearer who walks without end in a suit of emulated devices, and the service on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from worn_suit import ServiceProcess, until

from jetson_runtime.suit.config import load
from jetson_runtime.suit.signals import RATE_HZ

PATIENCE_S = 120.0
_TRIAL = Path(__file__).resolve().parents[2] / "jetson_runtime" / "demo" / "trial.parquet"
# Level walking in the demo's trial, by its `scenes`.
_WALK_S = slice(8, 24)


class WalkingSuit:
    """`service` may be killed and started anew on the suit, which stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "suit.toml"
        self.simulation = subprocess.Popen(
            [
                *(sys.executable, "-m", "jetson_runtime.cli", "simulate", "--loop", "--tcp-port", "0"),
                *("--dir", str(folder), "--trial", str(_walk(folder / "walk.parquet"))),
            ]
        )
        try:
            assert until((folder / "simulation.json").exists, PATIENCE_S)
            self.endpoint = load(self.config).output.public[0]
            self.start()
        except BaseException:
            self.simulation.kill()
            raise

    def start(self) -> None:
        self.service = ServiceProcess(self.config, self.endpoint)

    def is_walked(self) -> bool:
        """Whether frames come that may be acted on."""
        assert self.service.process.poll() is None, self.service.log
        return self.service.client.rate_ok and self.service.client.valid

    def kill(self) -> None:
        """SIGKILL to the service."""
        self.service.process.kill()
        self.service.process.wait()
        self.service.client.close()

    def close(self) -> None:
        self.kill()
        self.simulation.terminate()
        self.simulation.wait(10.0)


@contextmanager
def walking(folder: Path) -> Iterator[WalkingSuit]:
    suit = WalkingSuit(folder)
    try:
        assert until(suit.is_walked, PATIENCE_S), suit.service.status
        yield suit
    finally:
        suit.close()


def _walk(path: Path) -> Path:
    table = pq.read_table(_TRIAL)
    cut = table.slice(_WALK_S.start * RATE_HZ, (_WALK_S.stop - _WALK_S.start) * RATE_HZ)
    time_s = pa.array(table["time"].to_numpy()[: cut.num_rows])
    pq.write_table(cut.set_column(0, table.schema.field("time"), time_s), path)
    return path
