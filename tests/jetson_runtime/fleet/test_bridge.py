"""A suit's stream through the bridge to a real server, whatever dies on the way."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_stream import Ticker, publishing, until
from nats_process import BridgeProcess, NatsProcess, Network, accounted, seqs, whole

from jetson_runtime.fleet import batches
from jetson_runtime.fleet.forwarder import Forwarder
from jetson_runtime.fleet.settings import FleetSettings
from jetson_runtime.fleet.store import Store
from jetson_runtime.stream.publisher import Publisher

PATIENCE_S = 180.0


@contextmanager
def ticking(folder: Path) -> Iterator[tuple[Publisher, Ticker, str]]:
    """A publisher that is fed a frame every 5 ms, and its address."""
    address = f"ipc://{folder}/public"
    with publishing(public=address) as publisher:
        ticker = Ticker(publisher)
        try:
            yield publisher, ticker, address
        finally:
            ticker.stop()


def reaches(nats: NatsProcess, frame: Callable[[], int], suit: str = "s1") -> bool:
    """Whether frames as new as `frame` is now come to the server."""
    wanted = frame()
    return until(lambda: max(seqs(nats.kept(suit, batches.FRAMES)[-3:]), default=-1) >= wanted, PATIENCE_S)


def test_batches_tell_what_the_suit_said(nats: NatsProcess, tmp_path: Path) -> None:
    with ticking(tmp_path) as (publisher, ticker, address):
        publisher.set_status({"state": "running", "faults": []})
        bridge = BridgeProcess(tmp_path, address, nats.url)
        assert until((tmp_path / "store-s1").exists, PATIENCE_S)
        time.sleep(1.5)
        publisher.tell_event("mark", {"text": "here", "at_ns": time.monotonic_ns()})
        assert reaches(nats, lambda: ticker.posted + 100)
        assert bridge.stop() == 0, bridge.log
        newest = ticker.posted
    kept = nats.kept("s1")
    assert whole(kept)
    frames = [batch for batch in kept if batch["kind"] == batches.FRAMES]
    assert accounted(kept)
    assert newest - seqs(kept)[-1] < 400, "what was gathered last is sent at the end"
    told = frames[-1]
    assert (told["site"], told["suit"], told["session"], told["v"]) == ("lab", "s1", "s1", batches.VERSION)
    assert told["count"] == len(batches.columns(told)["seq"]) <= told["last"] - told["first"] + 1
    assert told["body_mass_kg"] == 70.0
    assert told["model"]["name"] == "test"
    columns = batches.columns(told)
    assert set(columns["angle.hip_flexion_r"]) == {0.0}
    assert set(columns["state"]) == {"running"}
    assert columns["t_ns"][0] + told["utc_minus_monotonic_ns"] == pytest.approx(time.time_ns(), abs=600e9)
    (event,) = [m for batch in kept if batch["kind"] == batches.EVENTS for m in batch["messages"]]
    assert (event["kind"], event["text"]) == ("mark", "here")
    status = [batch for batch in kept if batch["kind"] == batches.STATUS]
    assert status[0]["messages"][0]["state"] == "running"
    assert status[-1]["bridge"]["dropped"] == 0
    assert len({batch["message_id"] for batch in kept}) == len(kept)


def test_a_server_that_is_killed_and_comes_back_misses_nothing(nats: NatsProcess, tmp_path: Path) -> None:
    with ticking(tmp_path) as (_, ticker, address):
        bridge = BridgeProcess(tmp_path, address, nats.url)
        assert until(lambda: "connected" in bridge.log, PATIENCE_S), bridge.log
        for _ in range(2):
            assert reaches(nats, lambda: ticker.posted)
            nats.kill()
            time.sleep(4.0)
            nats.start()
        assert reaches(nats, lambda: ticker.posted)
        assert bridge.stop() == 0, bridge.log
    kept = nats.kept("s1")
    assert whole(kept)
    assert accounted(kept)


def test_a_server_that_lost_its_newest_minutes_is_given_them_again(nats: NatsProcess, tmp_path: Path) -> None:
    """nats-server answers before its files are on the disk: after a power cut they are those of some time ago."""
    with ticking(tmp_path) as (_, ticker, address):
        bridge = BridgeProcess(tmp_path, address, nats.url)
        assert reaches(nats, lambda: ticker.posted + 100), bridge.log
        nats.kill()
        shutil.copytree(nats.folder, tmp_path / "as it was")
        nats.start()
        assert reaches(nats, lambda: ticker.posted + 600), bridge.log
        nats.kill()
        shutil.rmtree(nats.folder)
        shutil.copytree(tmp_path / "as it was", nats.folder)
        nats.start()
        assert reaches(nats, lambda: ticker.posted), bridge.log
        assert bridge.stop() == 0, bridge.log
    assert "goes on there" in bridge.log
    kept = nats.kept("s1")
    assert whole(kept)
    assert accounted(kept)


def test_a_lost_cursor_sends_nothing_twice(nats: NatsProcess, tmp_path: Path) -> None:
    with ticking(tmp_path) as (_, ticker, address):
        for _ in range(2):
            bridge = BridgeProcess(tmp_path, address, nats.url)
            assert reaches(nats, lambda: ticker.posted + 100), bridge.log
            assert bridge.stop() == 0, bridge.log
            (bridge.store / "cursor").unlink()
    kept = nats.kept("s1")
    assert whole(kept)
    assert seqs(kept) == sorted(set(seqs(kept)))


@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_a_network_that_goes_away_costs_nothing(nats: NatsProcess, tmp_path: Path, seconds: int) -> None:
    """Connections stay open and nothing comes through, as behind a Wi-Fi that is out of reach."""
    network = Network(nats.port)
    try:
        with ticking(tmp_path) as (_, ticker, address):
            bridge = BridgeProcess(tmp_path, address, network.url)
            assert reaches(nats, lambda: ticker.posted + 200)
            network.gone = True
            time.sleep(seconds)
            network.gone = False
            assert reaches(nats, lambda: ticker.posted), bridge.log
            assert bridge.stop() == 0, bridge.log
    finally:
        network.close()
    kept = nats.kept("s1")
    assert whole(kept)
    assert accounted(kept)
    assert max(batch["waiting"] for batch in kept) >= seconds // 2, "it had waited"


def test_a_bridge_that_is_killed_goes_on_where_it_stood(nats: NatsProcess, tmp_path: Path) -> None:
    """What it had not written yet, a second of frames at most, is told as a gap or begins anew with its start."""
    with ticking(tmp_path) as (_, ticker, address):
        for _ in range(3):
            bridge = BridgeProcess(tmp_path, address, nats.url)
            assert reaches(nats, lambda: ticker.posted + 300), bridge.log
            bridge.process.send_signal(signal.SIGKILL)
            bridge.kill()
        nats.kill()
        bridge = BridgeProcess(tmp_path, address, nats.url)
        time.sleep(4.0)
        bridge.kill()
        nats.start()
        bridge = BridgeProcess(tmp_path, address, nats.url)
        assert reaches(nats, lambda: ticker.posted + 300), bridge.log
        assert bridge.stop() == 0
    kept = nats.kept("s1")
    assert whole(kept)
    found = seqs(kept)
    assert found == sorted(set(found)), "none twice, none before an older one"


def test_frames_that_the_bridge_did_not_hear_are_told(nats: NatsProcess, tmp_path: Path) -> None:
    with ticking(tmp_path) as (_, ticker, address):
        bridge = BridgeProcess(tmp_path, address, nats.url)
        assert reaches(nats, lambda: ticker.posted + 100)
        ticker.posted += 1000
        assert reaches(nats, lambda: ticker.posted)
        bridge.stop()
    kept = nats.kept("s1", batches.FRAMES)
    assert accounted(kept)
    assert max(count for batch in kept for _, count in batch["missing"]) >= 1000


def test_an_error_that_nobody_foresaw_is_told_and_tried_again(
    nats: NatsProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a batch without a session, as no bridge writes it."""
    store = Store(tmp_path / "store", 1_000_000)
    store.append([{"kind": batches.FRAMES}, {"kind": batches.FRAMES, "session": "s"}])
    forwarder = Forwarder(FleetSettings(server=(nats.url,), site="lab", suit="s1"), store)
    forwarder.start()
    try:
        assert until(lambda: "session is not there" in forwarder.why, PATIENCE_S), forwarder.why
        assert "Traceback" in caplog.text
        store.set_sent(1)
        assert until(lambda: store.sent == 2, PATIENCE_S), forwarder.why
        assert forwarder.why == ""
    finally:
        forwarder.stop(3.0)
        store.close()
    assert [batch["number"] for batch in nats.kept("s1")] == [2]
