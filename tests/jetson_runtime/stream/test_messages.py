"""The wire schema, key by key and type by type."""

from __future__ import annotations

import math
import subprocess
import sys

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_stream import DESCRIPTION, GROUND, SIDES, make_frame

from jetson_runtime.inference.frame import Ground
from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.suit.signals import CHANNEL_NAMES, published_outcomes

FRAME_KEYS = {
    "topic": str,
    "v": int,
    "session": str,
    "seq": int,
    "t": float,
    "t_ns": int,
    "publish_ns": int,
    "age_ms": float,
    "oldest_ms": float,
    "valid": bool,
    "state": str,
    "settling_ms": float,
    "missing": list,
    "angle": dict,
    "moment": dict,
    "moment_valid": bool,
    "velocity": dict,
    "ground": dict,
    "interval": dict,
    "unusual": list,
    "angle_imu": dict,
    "diverging": list,
}
ANGLES = [
    "hip_flexion_r",
    "knee_angle_r",
    "ankle_angle_r",
    "lumbar_extension",
    "hip_flexion_l",
    "knee_angle_l",
    "ankle_angle_l",
]


def encoded(frame, sides=SIDES, publish_ns=None):
    encoder = FrameEncoder("s1", sides)
    payload = encoder.encode(frame, frame.t_ns + 2_500_000 if publish_ns is None else publish_ns)
    return msgpack.unpackb(payload), encoder


def test_a_frame_has_exactly_the_fields_of_the_contract():
    message, _ = encoded(make_frame(7))
    assert {key: type(value) for key, value in message.items()} == FRAME_KEYS
    assert (message["topic"], message["v"], message["session"], message["seq"]) == ("frame", 1, "s1", 7)
    assert sorted(message["angle"]) == sorted(ANGLES)
    assert sorted(message["moment"]) == sorted(f"{name}_moment" for name in ANGLES)
    assert list(message["ground"]) == ["r", "l"]
    assert message["ground"]["r"] == {
        "vgrf": 0.5,
        "cop_ap": 0.4,
        "cop_ml": 0.6,
        "contact": True,
        "heel_strike_ns": None,
        "toe_off_ns": None,
    }
    assert math.isnan(message["ground"]["l"]["cop_ap"])


def test_each_outcome_goes_out_under_its_own_name():
    message, _ = encoded(make_frame())
    sent = message["angle"] | message["moment"]
    assert sent == {item.name: float(i) for i, item in enumerate(published_outcomes(SIDES))}


def test_each_velocity_goes_out_under_its_angles_name():
    message, _ = encoded(make_frame(moment_valid=False))
    assert message["velocity"] == {name: 20.0 + message["angle"][name] for name in message["angle"]}
    assert message["moment_valid"] is False
    hello = messages.decode(messages.encode_hello(DESCRIPTION, "s1", 0))
    assert [item["name"] for item in hello["velocities"]] == list(message["velocity"])
    assert {item["unit"] for item in hello["velocities"]} == {"deg/s"}


def test_the_edges_of_contact_go_out_with_their_foot():
    foot = Ground(0.5, 0.4, 0.6, True, heel_strike_ns=5_000_000_000, toe_off_ns=4_995_000_000)
    message, _ = encoded(make_frame(ground=(GROUND[0], foot)))
    assert message["ground"]["l"]["heel_strike_ns"] == 5_000_000_000
    assert message["ground"]["l"]["toe_off_ns"] == 4_995_000_000


def test_each_half_width_goes_out_under_its_outcomes_name():
    message, _ = encoded(make_frame(unusual=("imu_back", "movement")))
    assert message["interval"] == {item.name: 10.0 + i for i, item in enumerate(published_outcomes(SIDES))}
    assert message["unusual"] == ["imu_back", "movement"]


def test_an_interval_that_is_not_known_takes_nothing_from_a_valid_frame():
    message, encoder = encoded(make_frame(interval=(math.nan,) * 14))
    assert message["valid"] is True
    assert encoder.non_finite == 0
    assert all(math.isnan(value) for value in message["interval"].values())


def test_a_withdrawn_frame_has_no_interval():
    message, _ = encoded(make_frame(outcomes=(math.inf,) * 14))
    assert all(math.isnan(value) for value in message["interval"].values())


def test_hello_tells_how_often_the_intervals_hold():
    assert DESCRIPTION["coverage"] is None
    facts = {"model": {}, "engine": "", "precision": "", "sides": SIDES, "body_mass_kg": None}
    assert messages.describe(**facts, coverage=0.9)["coverage"] == 0.9


@pytest.mark.parametrize("side", ["r", "l"])
def test_one_side_has_eight_outcomes(side):
    message, _ = encoded(
        make_frame(outcomes=tuple(range(8)), interval=(1.0,) * 8, velocity=(1.0,) * 4), sides=(side,)
    )
    assert f"knee_angle_{side}" in message["angle"]
    assert len(message["angle"]) == len(message["moment"]) == 4


def test_times_are_the_same_instants_in_their_units():
    message, _ = encoded(make_frame(t_ns=5_000_000_000, oldest_ns=4_980_000_000), publish_ns=5_003_000_000)
    assert message["t"] == pytest.approx(5.0)
    assert message["age_ms"] == pytest.approx(3.0)
    assert message["oldest_ms"] == pytest.approx(23.0)
    before_any_sample, _ = encoded(make_frame(oldest_ns=None, valid=False))
    assert math.isnan(before_any_sample["oldest_ms"])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", range(14))
def test_no_outcome_that_is_not_finite_is_ever_called_valid(bad, where):
    outcomes = [0.0] * 14
    outcomes[where] = bad
    message, encoder = encoded(make_frame(outcomes=tuple(outcomes)))
    assert message["valid"] is False
    assert encoder.non_finite == 1
    assert all(math.isnan(value) for value in (message["angle"] | message["moment"]).values())


@pytest.mark.parametrize(
    "foot",
    [Ground(math.nan, 0.0, 0.0, True), Ground(math.inf, 0.0, 0.0, True), Ground(1.0, math.inf, 0.0, True)],
)
def test_a_force_or_centre_that_is_not_finite_withdraws_valid(foot):
    message, encoder = encoded(make_frame(ground=(GROUND[0], foot)))
    assert message["valid"] is False
    assert encoder.non_finite == 1


def test_a_velocity_that_is_not_finite_withdraws_valid():
    message, encoder = encoded(make_frame(velocity=(0.0,) * 6 + (math.nan,)))
    assert message["valid"] is False
    assert encoder.non_finite == 1


def test_best_effort_values_pass_while_not_valid():
    message, encoder = encoded(make_frame(valid=False, state="degraded", missing=("imu_back", "insole_l")))
    assert message["missing"] == ["imu_back", "insole_l"]
    assert message["angle"]["hip_flexion_r"] == 0.0
    assert encoder.non_finite == 0


def test_hello_tells_a_stranger_what_the_numbers_are():
    hello = messages.decode(messages.encode_hello(DESCRIPTION, "s1", 3_000_000_000))
    assert (hello["topic"], hello["v"], hello["session"], hello["t"]) == ("hello", 1, "s1", 3.0)
    assert [channel["name"] for channel in hello["channels"]] == list(CHANNEL_NAMES)
    outcomes = {item["name"]: item for item in hello["outcomes"]}
    assert outcomes["ankle_angle_l"]["positive"] == "toes up (dorsiflexion)"
    assert outcomes["knee_angle_r_moment"]["unit"] == "Nm/kg"
    assert hello["model"] == {"name": "test", "sha256": "ab" * 32}
    assert (hello["sides"], hello["body_mass_kg"], hello["rate_hz"]) == (["r", "l"], 70.0, 200)
    assert hello["clock_synchronised"] in (True, False, None)
    assert isinstance(hello["utc_minus_monotonic_ns"], int)
    assert hello["tare_time_ns"] is None


def test_the_time_keeper_is_only_believed_where_it_leaves_a_mark(tmp_path, monkeypatch):
    mark = tmp_path / "timesync" / "synchronized"
    monkeypatch.setattr(messages, "_TIMESYNC_MARK", mark)

    def told():
        return messages.decode(messages.encode_hello(DESCRIPTION, "s1", 0))["clock_synchronised"]

    assert told() is None
    mark.parent.mkdir()
    assert told() is False
    mark.touch()
    assert told() is True


def test_status_keeps_what_health_says_and_gets_its_time():
    status = messages.decode(messages.encode_status({"state": "waiting", "session": "other"}, "s1", 10**9))
    assert status == {
        "state": "waiting",
        "topic": "status",
        "v": 1,
        "session": "s1",
        "t": 1.0,
        "t_ns": 10**9,
        "publish_ns": 10**9,
    }


def test_a_status_of_strange_types_is_refused_where_it_is_made():
    with pytest.raises(TypeError):
        messages.encode_status({"rate": object()}, "s1", 0)


@given(st.binary(max_size=64))
def test_bytes_that_are_no_message_are_a_value_error(data):
    with pytest.raises(ValueError, match="not a"):
        messages.decode(data)


@pytest.mark.parametrize("depth", [100_000])
def test_a_nesting_bomb_is_a_value_error(depth):
    with pytest.raises(ValueError, match="not a MessagePack map"):
        messages.decode(b"\x91" * depth + b"\xc0")


def test_a_client_imports_neither_numpy_nor_the_service():
    code = (
        "import sys, jetson_runtime.client; "
        "print({'numpy', 'serial', 'pydantic', 'onnxruntime', 'rich'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
