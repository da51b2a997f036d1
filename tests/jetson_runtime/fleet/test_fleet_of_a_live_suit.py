"""A live emulated suit, its bridge, a real server, and what `second-skin-lab fleet` makes of it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from nats_process import SITE, BridgeProcess, NatsProcess, accounted, seqs, whole
from recorded_suit import RecordedSuit
from worn_suit import until

from drivers.emulator.bench import Bench
from jetson_runtime.client import ReceivedFrame
from jetson_runtime.fleet import batches
from jetson_runtime.suit.signals import LABEL_NAMES

PATIENCE_S = 120.0


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "models.cli", "fleet", *words], capture_output=True, text=True, check=False
    )


def listed(nats: NatsProcess) -> dict[str, Any]:
    """The one suit as `second-skin-lab fleet --json` tells it; empty before the server has anything."""
    done = lab("--server", nats.url, "--json")
    return next(iter(json.loads(done.stdout)), {}) if done.returncode == 0 else {}


def late_ms(suit: RecordedSuit, seconds: float) -> float:
    """Median age at sending of the frames of so long: it grows with whatever takes the processor from the tick."""
    client = suit.service.client
    client.recv_all(0)
    frames: list[ReceivedFrame] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        frames += client.recv_all(50)
    return statistics.median(frame.age_ms for frame in frames)


def test_a_live_suit_is_listed_pulled_and_whole(nats: NatsProcess, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    with Bench() as bench:
        suit = RecordedSuit(tmp_path, bench)
        try:
            assert until(suit.runs, PATIENCE_S), suit.service.log
            bridge = BridgeProcess(tmp_path, suit.suit.local, nats.url)
            assert until(lambda: listed(nats).get("state") == "running", PATIENCE_S), bridge.log
            alone_ms, beside_ms = [], []
            assert suit.frames_pass(400)
            assert bridge.stop() == 0, bridge.log
            for _ in range(3):
                alone_ms.append(late_ms(suit, 2.0))
                bridge = BridgeProcess(tmp_path, suit.suit.local, nats.url)
                assert until(lambda: "connected" in bridge.log, PATIENCE_S), bridge.log  # noqa: B023 - asked at once
                beside_ms.append(late_ms(suit, 2.0))
                assert bridge.stop() == 0, bridge.log
        finally:
            suit.close()
    assert statistics.median(beside_ms) < 3.0 * statistics.median(alone_ms), "the tick waits for nobody"

    kept = nats.kept("s1")
    assert whole(kept)
    session = next(batch["session"] for batch in kept if batch["kind"] == batches.FRAMES)
    assert {batch["session"] for batch in kept} == {session}
    status = [batch for batch in kept if batch["kind"] == batches.STATUS and batch["messages"]]
    assert set(status[-1]["messages"][-1]["streams"]) == set(status[0]["messages"][0]["streams"])

    told = lab("sessions", "--server", nats.url, "--suit", "s1")
    assert session in told.stdout, told.stderr
    out = tmp_path / "session.parquet"
    words = (
        "pull",
        "--server",
        nats.url,
        "--site",
        SITE,
        "--suit",
        "s1",
        "--session",
        session[:4],
        "--json",
        str(out),
    )
    done = lab(*words)
    found = json.loads(done.stdout)
    assert done.returncode == int(not found["whole"]), done.stderr
    assert found["frames"] == len(set(seqs(kept)))
    table = pq.read_table(out)
    assert table["seq"].to_pylist() == list(range(found["first"], found["last"] + 1))
    came = [
        seq
        for seq, is_here in zip(table["seq"].to_pylist(), table["received"].to_pylist(), strict=True)
        if is_here
    ]
    assert came == seqs(kept)
    assert set(LABEL_NAMES) <= set(table.column_names)
    units = json.loads(table.schema.metadata[b"units"])
    assert (units["knee_angle_r"], units["knee_angle_r_moment"]) == ("deg", "Nm/kg")
    assert json.loads(pq.read_metadata(out).metadata[b"missing"]) == found["missing"]
    assert sum(count for _, count in found["missing"]) == found["absent"] == table.num_rows - found["frames"]


def test_the_local_address_loses_nothing_while_the_bridge_does_not_run(
    nats: NatsProcess, tmp_path: Path
) -> None:
    """Ten seconds may wait there; SIGSTOP is a disk or a processor that gives nothing."""
    import signal

    with Bench() as bench:
        suit = RecordedSuit(tmp_path, bench)
        try:
            assert until(suit.runs, PATIENCE_S), suit.service.log
            bridge = BridgeProcess(tmp_path, suit.suit.local, nats.url)
            assert until(lambda: len(nats.kept("s1", batches.FRAMES)) > 2, PATIENCE_S), bridge.log
            bridge.process.send_signal(signal.SIGSTOP)
            assert suit.frames_pass(800)
            bridge.process.send_signal(signal.SIGCONT)
            assert suit.frames_pass(200)
            assert bridge.stop() == 0, bridge.log
            status = suit.service.status
        finally:
            suit.close()
    kept = nats.kept("s1")
    assert whole(kept)
    assert accounted(kept)
    missing = sum(count for batch in kept for _, count in batch.get("missing", ()))
    assert missing <= status["missed_ticks"], "none but what the suit itself never made"


def test_a_name_that_is_not_there_is_told(nats: NatsProcess, tmp_path: Path) -> None:
    out = str(tmp_path / "x.parquet")
    done = lab("pull", "--server", nats.url, "--suit", "s9", "--session", "x", out)
    assert done.returncode == 2
    assert "has a suit's bridge ever reached it?" in done.stderr
    nats.kill()
    done = lab("--server", nats.url)
    assert done.returncode == 2
    assert "is the server up" in done.stderr
