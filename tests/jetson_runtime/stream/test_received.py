"""A decoded `frame` is taken for one only where what is acted on has its type: here as the C++ client has it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from live_stream import make_frame

from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.stream.received import received


def frame(**changes: Any) -> dict[str, Any]:
    return messages.decode(FrameEncoder("s1", ("r", "l")).encode(make_frame(), time.monotonic_ns())) | changes


def test_whole_numbers_are_numbers() -> None:
    read = received(frame(angle={"knee_angle_r": 3}, age_ms=2), 0)
    assert (read.angle, read.age_ms, read.valid) == ({"knee_angle_r": 3}, 2, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"valid": "false"},
        {"valid": 1},
        {"valid": None},
        {"moment_valid": "false"},
        {"moment_valid": 0},
        {"angle": {"knee_angle_r": "much"}},
        {"moment": {"knee_angle_r_moment": True}},
        {"moment": {"knee_angle_r_moment": None}},
        {"age_ms": "1"},
        {"seq": "x"},
        {"seq": 1.5},
        {"t_ns": None},
        {"publish_ns": "now"},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_no_frame(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        received(frame(**wrong), 0)
