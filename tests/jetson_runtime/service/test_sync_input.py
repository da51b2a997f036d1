"""The sync line of the real service, on a chip that is emulated behind a socket: each edge an event with its stamp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from drivers.emulator.gpio_chip import EmulatedChip

PATIENCE_S = 60.0
LINE = "GPIO27"


@pytest.fixture
def suit(tmp_path: Path) -> Iterator[WornSuit]:
    """Without a device: it publishes all the same."""
    with Bench() as bench:
        yield WornSuit(tmp_path, bench, ())


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[EmulatedChip]:
    chip = EmulatedChip(tmp_path / "chip", (LINE, 4))
    yield chip
    chip.close()


class Events:
    """Those of the sync line, from the address that loses nothing."""

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.subscribe("hello")
        self._socket.subscribe("event")
        self._socket.connect(endpoint)
        self.all: list[dict[str, Any]] = []
        assert self._socket.poll(60_000)  # hello: it is listened to from now on

    def heard(self, count: int) -> bool:
        while self._socket.poll(50):
            topic, payload = self._socket.recv_multipart()
            if topic == b"event":
                self.all.append(msgpack.unpackb(payload))
        return len(self.all) >= count

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


def serve(suit: WornSuit, sync: str) -> tuple[ServiceProcess, Events]:
    service = ServiceProcess(suit.write_config(extra=f"[sync]\n{sync}"), suit.endpoint)
    assert until(lambda: service.status, PATIENCE_S), service.log
    return service, Events(suit.local)


def faults(service: ServiceProcess) -> dict[int, dict[str, Any]]:
    return {fault["number"]: fault for fault in service.status["faults"]}


@pytest.mark.parametrize("active_low", [False, True])
def test_each_pulse_is_an_event_with_the_kernel_s_stamp(
    suit: WornSuit, chip: EmulatedChip, active_low: bool
) -> None:
    chip.drive(LINE, active_low)
    service, events = serve(
        suit,
        f'chip = "{chip.name}"\nline = "{LINE}"\nedge = "both"\nactive_low = {str(active_low).lower()}',
    )
    try:
        assert until(lambda: chip.held(LINE), PATIENCE_S)
        driven = [chip.drive(LINE, high is not active_low) for _ in range(5) for high in (True, False)]
        assert until(lambda: events.heard(10), PATIENCE_S)
        assert [event["at_ns"] for event in events.all] == driven
        assert [event["edge"] for event in events.all] == ["rising", "falling"] * 5
        assert [event["number"] for event in events.all] == list(range(1, 11))
        assert {event["kind"] for event in events.all} == {"sync"}
        # Sent after it happened, on the same clock as all else of the stream.
        assert all(event["publish_ns"] > event["at_ns"] for event in events.all)
        told = {"edges": 10, "lost": 0, "last_ns": driven[-1], "edge": "both"}
        assert until(lambda: service.status["sync"] == told)
    finally:
        events.close()
        service.stop()


def test_a_chip_that_is_not_there_is_told_and_taken_when_it_comes(suit: WornSuit, tmp_path: Path) -> None:
    service, events = serve(suit, f'chip = "emulated:{tmp_path}/chip"\nline = 4')
    chip = None
    try:
        assert until(lambda: 60 in faults(service), PATIENCE_S)
        assert "no sync pulses: emulated:" in faults(service)[60]["text"]
        assert "[sync]" in faults(service)[60]["remedy"]
        chip = EmulatedChip(tmp_path / "chip", (4,))
        assert until(lambda: 60 not in faults(service), PATIENCE_S)
        chip.drive(4, True)
        assert until(lambda: events.heard(1), PATIENCE_S)
        chip.close()
        assert until(lambda: 60 in faults(service), PATIENCE_S)
        assert service.status["state"] == "waiting"
    finally:
        if chip is not None:
            chip.close()
        events.close()
        service.stop()


def test_a_line_that_swings_without_end_costs_no_frames_and_is_told(
    suit: WornSuit, chip: EmulatedChip
) -> None:
    service, events = serve(suit, f'chip = "{chip.name}"\nline = 4\nedge = "both"')
    try:
        assert until(lambda: chip.held(4), PATIENCE_S)
        before = service.status["publisher"]["sent"]
        swings = 20_000
        for number in range(swings):
            chip.drive(4, number % 2 == 0)
        assert until(lambda: service.status["sync"]["lost"] > 0, PATIENCE_S)
        assert until(lambda: 61 in faults(service), PATIENCE_S)
        assert until(lambda: service.status["publisher"]["sent"] > before + 400, PATIENCE_S)
        chip.drive(4, True)
        # Lost edges are missing numbers: those that came and those that did not make the whole.
        assert until(lambda: service.status["sync"]["edges"] == swings + 1, PATIENCE_S)
        told = service.status["sync"]
        assert until(lambda: events.heard(told["edges"] - told["lost"]), PATIENCE_S)
        assert events.all[-1]["number"] == swings + 1
    finally:
        events.close()
        service.stop()
