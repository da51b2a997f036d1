"""Several suits into one server that is killed on the way: each one's batches are there once and in order."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from live_stream import until
from nats_process import BridgeProcess, NatsProcess, accounted, seqs, whole

from jetson_runtime.fleet import batches

SUITS = ("s1", "s2", "s3", "s4")
SECONDS, AWAY_S, PATIENCE_S = 20.0, 4.0, 300.0


def newest(nats: NatsProcess, suit: str) -> int:
    """The number of the newest frame on the server."""
    return max(seqs(nats.kept(suit, batches.FRAMES)[-1:]), default=-1)


@pytest.mark.slow
def test_four_suits_lose_nothing_by_a_server_that_is_killed(nats: NatsProcess, tmp_path: Path) -> None:
    with ExitStack() as stack:
        suits, bridges = {}, {}
        for name in SUITS:
            address = f"ipc://{tmp_path}/{name}"
            words = ["-m", "jetson_runtime.bench.fleet_suit", address, name, str(SECONDS)]
            suit = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
            stack.callback(suit.wait)
            stack.callback(suit.kill)
            suits[name] = suit
            bridges[name] = BridgeProcess(tmp_path, address, nats.url, name)
            stack.callback(bridges[name].kill)
        for name in SUITS:
            assert until(lambda: newest(nats, name) > 200, PATIENCE_S), bridges[name].log  # noqa: B023 - asked at once
        nats.kill()
        time.sleep(AWAY_S)
        nats.start()
        sent = {
            name: json.loads(suit.communicate(timeout=PATIENCE_S)[0])["frames"]
            for name, suit in suits.items()
        }
        for name in SUITS:
            assert until(lambda: newest(nats, name) == sent[name] - 1, PATIENCE_S), bridges[name].log  # noqa: B023
            assert bridges[name].stop() == 0, bridges[name].log
    for name in SUITS:
        kept = nats.kept(name)
        assert whole(kept)
        assert accounted(kept)
        assert {batch["session"] for batch in kept if batch["kind"] == batches.FRAMES} == {name}
        told = sum(count for batch in kept for _, count in batch.get("missing", ()))
        assert len(seqs(kept)) + told == sent[name]
        assert any(batch["waiting"] for batch in kept), "it had waited"
