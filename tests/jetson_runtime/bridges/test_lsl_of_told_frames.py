"""`second-skin bridge lsl` on a stream spoken by hand: what no standing person does, what only some services tell."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from bridged_suit import PATIENCE_S
from logged_process import SECOND_SKIN, LoggedProcess
from lsl_inlets import channels_of, inlet_of, lsl_minus_monotonic, pulled
from worn_suit import until

from jetson_runtime.stream import messages
from jetson_runtime.suit.signals import PERIOD_NS

pylsl = pytest.importorskip("pylsl", reason="needs the extra bridges")

NAME = "suit-told-by-hand"
HELLO: dict[str, Any] = {
    **messages.describe(
        model={"name": "test", "sha256": "ab" * 32},
        engine="numpy",
        precision="fp32",
        sides=("r",),
        body_mass_kg=None,
    ),
    "velocities": [{"name": "knee_angle_r", "unit": "deg/s", "positive": "flexion grows"}],
}


class Speaker:
    """In the place of a service."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"ipc://{folder}/spoken"
        self.session = "s1"
        self.told = HELLO
        self._context = zmq.Context()
        self._pub = self._context.socket(zmq.PUB)
        self._pub.setsockopt(zmq.LINGER, 0)
        self._pub.bind(self.endpoint)

    def hello(self) -> None:
        self._send("hello", messages.encode_hello(self.told, self.session, time.monotonic_ns()))

    def frame(self, seq: int, knee_deg: float, *, valid: bool = True, strike_ns: int | None = None) -> None:
        """At the tick `seq`; the right foot last landed at `strike_ns`."""
        foot = {"vgrf": 0.5, "cop_ap": math.nan, "cop_ml": math.nan, "contact": True}
        content = {
            "seq": seq,
            "valid": valid,
            "moment_valid": False,
            "angle": {"knee_angle_r": knee_deg},
            "moment": {"knee_angle_r_moment": 0.25},
            "velocity": {"knee_angle_r": 40.0},
            "angle_imu": {},
            "ground": {"r": {**foot, "heel_strike_ns": strike_ns, "toe_off_ns": None}, "l": dict(foot)},
        }
        t_ns = seq * PERIOD_NS
        self._send("frame", messages._encode("frame", self.session, t_ns, content))

    def close(self) -> None:
        self._pub.close()
        self._context.term()

    def _send(self, topic: str, payload: bytes) -> None:
        self._pub.send_multipart([topic.encode(), payload])


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Speaker]:
    made = Speaker(tmp_path)
    yield made
    made.close()


@pytest.fixture
def bridge(tmp_path: Path, speaker: Speaker) -> Iterator[LoggedProcess]:
    """That has heard a first frame."""
    words = ("bridge", "lsl", "--name", NAME, "--endpoint", speaker.endpoint)
    process = LoggedProcess(tmp_path, *SECOND_SKIN, *words)

    def heard() -> bool:
        speaker.hello()
        speaker.frame(0, 0.0)
        return "channels at 200 Hz" in process.log

    assert until(heard, PATIENCE_S), process.log
    yield process
    assert process.stop() == 0, process.log


def test_gaps_are_filled_what_is_not_valid_is_no_number_and_steps_are_markers(speaker, bridge):
    frames, events = inlet_of(NAME, bridge), inlet_of(f"{NAME}-events", bridge)
    labels = [channel["label"] for channel in channels_of(frames)]
    pulled(frames)
    speaker.session = "s2"
    speaker.hello()
    first = 1_000
    strike_ns = (first + 5) * PERIOD_NS
    for seq in (first, first + 1, first + 5, first + 6, first + 500):
        strike = strike_ns if seq >= first + 5 else (first - 50) * PERIOD_NS
        speaker.frame(seq, float(seq), valid=seq != first + 1, strike_ns=strike)
    samples: list[tuple[float, list[float]]] = []
    assert until(lambda: samples.extend(pulled(frames)) or len(samples) >= 8, PATIENCE_S), samples
    offset_s = lsl_minus_monotonic()
    ticks = [round((stamp - offset_s) * 200) for stamp, _ in samples]
    assert ticks == [first, first + 1, first + 2, first + 3, first + 4, first + 5, first + 6, first + 500]
    told = [dict(zip(labels, values, strict=True)) for _, values in samples]
    assert [one["valid"] for one in told] == [1, 0, 0, 0, 0, 1, 1, 1]
    assert [one["knee_angle_r"] for one in told if one["valid"]] == [1000.0, 1005.0, 1006.0, 1500.0]
    assert all(math.isnan(one["knee_angle_r"]) for one in told if not one["valid"])
    assert math.isnan(told[1]["knee_angle_r_moment"]), "best-effort values are not handed on"
    assert told[1]["knee_angle_r_velocity"] == 40.0, "the gyroscopes' is told in every state"
    assert math.isnan(told[2]["knee_angle_r_velocity"])
    assert {one["moment_valid"] for one in told} == {0.0}
    marks = [(stamp, json.loads(text)) for stamp, (text,) in pulled(events)]
    strikes = [
        (round((stamp - offset_s) * 1e9), told) for stamp, told in marks if told["kind"] == "heel_strike"
    ]
    assert [told for _, told in strikes] == [{"kind": "heel_strike", "side": "r"}]
    assert abs(strikes[0][0] - strike_ns) < 1_000_000
    assert [told["id"] for _, told in marks if told["kind"] == "session"] == ["s2"]


def test_a_velocity_tells_its_unit_and_sign(speaker, bridge):
    channels = {channel["label"]: channel for channel in channels_of(inlet_of(NAME, bridge))}
    velocity = channels["knee_angle_r_velocity"]
    assert (velocity["unit"], velocity["type"]) == ("deg/s", "AngularVelocity")
    assert velocity["positive"] == "flexion grows"


@pytest.mark.parametrize(
    "changed",
    [{"body_mass_kg": 82.5}, {"model": {"name": "test", "sha256": "cd" * 32}}],
    ids=["wearer", "model"],
)
def test_a_session_of_another_wearer_or_model_has_metadata_of_its_own(speaker, bridge, changed):
    before, events = inlet_of(NAME, bridge).info(timeout=PATIENCE_S).uid(), inlet_of(f"{NAME}-events", bridge)
    speaker.session, speaker.told = "s4", {**HELLO, **changed}

    def others() -> set[str]:
        speaker.hello()
        speaker.frame(1, 0.0)
        return {info.uid() for info in pylsl.resolve_byprop("name", NAME, timeout=1.0)} - {before}

    assert until(others, PATIENCE_S), bridge.log
    made = inlet_of(NAME, bridge).info(timeout=PATIENCE_S).desc().child("acquisition")
    assert made.child_value("model_sha256") == speaker.told["model"]["sha256"]
    assert made.child_value("body_mass_kg") == str(speaker.told["body_mass_kg"] or "")
    marks = [json.loads(text) for _, (text,) in pulled(events)]
    (begun,) = (told for told in marks if told.get("id") == "s4")
    assert {key: begun[key] for key in ("model", "body_mass_kg")} == {
        key: speaker.told[key] for key in ("model", "body_mass_kg")
    }


def test_frames_of_other_names_are_another_stream(speaker, bridge):
    before = inlet_of(NAME, bridge).info(timeout=PATIENCE_S).channel_count()
    both = messages.describe(
        model={"name": "test", "sha256": "ab" * 32},
        engine="numpy",
        precision="fp32",
        sides=("r", "l"),
        body_mass_kg=80.0,
    )
    speaker.session = "s3"
    content = {
        "seq": 1,
        "valid": True,
        "moment": {},
        "angle": {"knee_angle_r": 1.0, "knee_angle_l": 2.0},
        "ground": {"r": {}, "l": {}},
    }

    def counts() -> set[int]:
        """Channels of the outlets of that name."""
        now_ns = time.monotonic_ns()
        speaker._send("hello", messages.encode_hello(both, speaker.session, now_ns))
        speaker._send("frame", messages._encode("frame", speaker.session, now_ns, content))
        return {info.channel_count() for info in pylsl.resolve_byprop("name", NAME, timeout=1.0)}

    assert until(lambda: (told := counts()) and before not in told, PATIENCE_S)
    found = channels_of(inlet_of(NAME, bridge))
    assert [channel["label"] for channel in found][:2] == ["knee_angle_r", "knee_angle_l"]
