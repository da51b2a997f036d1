"""What a listener heard, replayed: the same frames to the last bit, whatever happened to the devices meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from heard_again import compare
from listener import Listener
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.recording.replay import WARM_UP_TICKS
from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import STREAM_INDEX


class Heard:
    """A suit, its service, and listeners to it."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.suit = WornSuit(folder, bench)
        self.service = ServiceProcess(self.suit.write_config(), self.suit.endpoint)
        self.listeners: list[Listener] = []

    def listen(self) -> Listener:
        self.listeners.append(Listener(self.suit.local))
        return self.listeners[-1]

    def runs(self) -> bool:
        return self.service.state() == "running"

    def frames_pass(self, count: int) -> bool:
        """Waits for so many more frames."""
        before = self.service.client.frames
        return until(
            lambda: self.service.client.recv_all(20) is None or self.service.client.frames > before + count
        )

    def close(self) -> None:
        self.service.stop()
        for listener in self.listeners:
            listener.close()


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    with Bench() as bench:
        heard = Heard(tmp_path, bench)
        yield heard
        heard.close()


def test_a_session_replays_to_the_last_bit_through_unplugging_and_replugging(
    heard: Heard,
) -> None:
    listener = heard.listen()
    assert until(heard.runs, 30.0), heard.service.log
    heard.frames_pass(WARM_UP_TICKS)
    heard.suit.unplug("imu_thigh_r")
    assert until(lambda: heard.service.state() == "degraded")
    heard.suit.replug("imu_thigh_r")
    assert until(heard.runs, 30.0), heard.service.log
    heard.frames_pass(200)
    heard.close()
    kinds = [event[0] for event in listener.events()]
    assert kinds.count("state") == 1
    assert kinds.count("detach") == 1
    assert kinds.count("attach") >= 1
    due, different = compare(listener)
    assert due > 400
    assert different == []


def test_a_session_heard_from_its_middle_replays_to_the_last_bit_after_the_warm_up(heard: Heard) -> None:
    assert until(heard.runs, 30.0), heard.service.log
    heard.frames_pass(500)
    listener = heard.listen()
    heard.frames_pass(1200)
    heard.close()
    (state,) = [event[1] for event in listener.events() if event[0] == "state"]
    assert state["ticks"] > 500
    assert {device["index"] for device in state["devices"]} == set(STREAM_INDEX.values())
    due, different = compare(listener)
    assert due > 600
    assert different == []


def test_nothing_is_lost_and_the_numbers_say_so(heard: Heard) -> None:
    listener = heard.listen()
    assert until(heard.runs, 30.0), heard.service.log
    heard.close()
    raw = listener.decoded(messages.RAW)
    assert [message["number"] for message in raw] == list(range(len(raw)))
    assert {message["lost"] for message in raw} == {0}
    features = {message["seq"]: message for message in listener.decoded(messages.FEATURES)}
    assert set(features) >= {message["seq"] for message in listener.decoded(messages.FRAME)} - {
        min(message["seq"] for message in listener.decoded(messages.FRAME))
    }
    newest = features[max(features)]
    assert len(newest["row"]) == 54
    assert np.isfinite(newest["row"]).all()
    assert max(newest["age_ms"]) < 45.0


def test_the_session_tells_what_computes(heard: Heard) -> None:
    listener = heard.listen()
    assert until(lambda: listener.payloads[messages.SESSION], 30.0), heard.service.log
    session = listener.decoded(messages.SESSION)[0]
    assert session["engine"] == "numpy"
    assert json.loads(session["config"])["wearer"]["mass_kg"] == 70.0
    assert set(session["build"]) == {"version", "program", "python", "numpy", "machine"}
