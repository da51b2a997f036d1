"""What examples/ros2_bridge.py makes of live messages. ROS 2 itself is not here: its node is not run."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path

import pytest
from bridged_suit import PATIENCE_S, BridgedSuit, Tap
from worn_suit import until

SCRIPT = Path(__file__).parents[3] / "examples" / "ros2_bridge.py"
MASS_KG = 70.0


@pytest.fixture(scope="module")
def node():
    """The example as a module, without rclpy."""
    spec = importlib.util.spec_from_file_location("ros2_bridge", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["ros2_bridge"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["ros2_bridge"]


@pytest.fixture(scope="module")
def tap(suit: BridgedSuit):
    """A frame at least of which all is valid, a status, and a mark."""
    with Tap(suit.endpoint, "frame", "hello", "status", "event") as tap:
        assert until(lambda: tap.of("hello") and tap.of("status"), PATIENCE_S)
        suit.ask("mark", text="here")
        assert until(lambda: tap.of("event") and any(map(is_whole, tap.of("frame"))), PATIENCE_S)
    return tap


def is_whole(frame) -> bool:
    return frame["valid"] and frame["moment_valid"]


def state_of(node, frame, body_mass_kg, utc_minus_monotonic_ns=0, **other):
    told = {**{key: frame[key] for key in ("angle", "velocity", "moment", "moment_valid")}, **other}
    return node.joint_state(
        t_ns=frame["t_ns"],
        body_mass_kg=body_mass_kg,
        utc_minus_monotonic_ns=utc_minus_monotonic_ns,
        **told,
    )


def test_a_live_frame_in_ros_units(node, tap):
    frame = next(filter(is_whole, tap.of("frame")))
    hello = tap.of("hello")[-1]
    state = state_of(node, frame, hello["body_mass_kg"], hello["utc_minus_monotonic_ns"])
    assert state.name == list(frame["angle"])
    assert len(state.name) == 7
    for i, name in enumerate(state.name):
        assert state.position[i] == pytest.approx(frame["angle"][name] * math.pi / 180)
        assert state.velocity[i] == pytest.approx(frame["velocity"][name] * math.pi / 180)
        assert state.effort[i] == pytest.approx(frame["moment"][f"{name}_moment"] * MASS_KG)
    assert state.stamp_ns - frame["t_ns"] == hello["utc_minus_monotonic_ns"]


def test_what_is_not_known_is_left_empty(node, tap):
    frame = next(filter(is_whole, tap.of("frame")))
    state = state_of(node, frame, None, velocity={})
    assert (state.velocity, state.effort) == ([], [])
    assert len(state.position) == 7


def test_who_sits_has_angles_and_no_effort(node, tap):
    """The frame stays valid; nothing but `moment_valid` tells that its moments are wrong."""
    frame = next(filter(is_whole, tap.of("frame")))
    state = state_of(node, frame, MASS_KG, moment_valid=False)
    assert state.effort == []
    assert len(state.position) == len(state.velocity) == 7


def test_the_diagnostics_of_a_live_status(node, tap, suit):
    status = tap.of("status")[-1]
    whole, *sensors = node.diagnostics(status)
    assert whole.message == status["state"]
    assert [sensor.name for sensor in sensors] == [f"second_skin: {name}" for name in status["streams"]]
    assert all(sensor.hardware_id for sensor in sensors)
    stale = {**status["streams"]["imu_back"], "alive": False, "valid": False, "detail": "is not there"}
    broken = {**status, "state": "degraded", "streams": {**status["streams"], "imu_back": stale}}
    whole, *sensors = node.diagnostics(broken)
    assert whole.level == node.ERROR
    told = {sensor.name: sensor for sensor in sensors}["second_skin: imu_back"]
    assert (told.level, told.message) == (node.STALE, "is not there")


def test_an_event_is_a_line_of_json_with_its_instant(node, tap):
    event = next(event for event in tap.of("event") if event["kind"] == "mark")
    told = json.loads(node.event_text(event, 10**18))
    assert told == {"utc_ns": event["at_ns"] + 10**18, "kind": "mark", "text": "here"}
