"""The topic `pressure`: what it tells of a real insole's bytes, and that nobody pays for it who does not listen."""

from __future__ import annotations

import math
import time

import msgpack
import numpy as np
import pytest
import zmq
from live_stream import make_frame, publishing, until

from drivers.emulator.pressure_map import PressureMap
from drivers.xsensor import codec
from drivers.xsensor.codec import Info, Sample, build_frame
from drivers.xsensor.pressure import LoadSwitch
from drivers.xsensor.reader import InsoleReader
from jetson_runtime.stream.messages import PRESSURE
from jetson_runtime.stream.pressure import PERIOD_NS, PressureTopic
from jetson_runtime.suit.signals import STREAM_INDEX, STREAM_NAMES

PITCH_UM = 8_000
SIDES = {"r": codec.RIGHT, "l": codec.LEFT}


def sample_of(side, force_n, column, row):
    """What an insole's reader makes of the wire's bytes for a foot pressed so."""
    made = PressureMap(SIDES[side])
    shares = made.shares(np.array([column]), np.array([row]))[0]
    area_m2 = (PITCH_UM * 1e-6) ** 2
    cells = np.round(shares * force_n / area_m2 / 1000 * codec.PRESSURE_PER_KPA).astype("<u2")
    info = Info("X4", "S-1", 31, 11, PITCH_UM, 8000, made.grid.mask)
    reader = InsoleReader(SIDES[side], info, LoadSwitch(35.0, 21.0))
    content = Sample((0, 2048, 0), (0, 0, 0), (16384, 0, 0, 0), 0, 0, 0, 3700, 300, cells.tobytes())
    frame = build_frame(
        codec.SAMPLE, SIDES[side], codec.encode_sample(content), sequence=1, device_us=1, flags=1
    )
    (sample,) = reader.feed(frame, 1)
    return sample


def frame_with(**samples):
    """A frame whose newest samples are these, by side."""
    sensed = [None] * len(STREAM_NAMES)
    for side, sample in samples.items():
        sensed[STREAM_INDEX[f"insole_{side}"]] = (123, sample)
    return make_frame(sensed=tuple(sensed))


def told(frame):
    topic = PressureTopic("s1")
    topic.heed([b"pressure"], [])
    return msgpack.unpackb(topic.next(frame, 10**9))["insoles"]


@pytest.mark.parametrize("side", ["r", "l"])
def test_the_map_carries_the_force_and_its_centre_is_where_the_formula_says(side):
    column, row = 5.4, 20.0
    foot = told(frame_with(**{side: sample_of(side, 600.0, column, row)}))[side]
    assert (foot["t_ns"], foot["rows"], foot["columns"], len(foot["cells"])) == (123, 31, 11, 235)
    kpa, places = np.array(foot["kpa"]), np.array(foot["cells"])
    assert kpa.sum() * 1000 * foot["pitch_m"] ** 2 == pytest.approx(600.0, rel=0.01)
    assert kpa.sum() * 1000 * foot["pitch_m"] ** 2 == pytest.approx(foot["force_n"])
    sign = 1 if side == "r" else -1
    middle_row, middle_column = (foot["rows"] - 1) / 2, (foot["columns"] - 1) / 2
    assert middle_row - foot["cop_ap_m"] / foot["pitch_m"] == pytest.approx(
        (kpa * (places // foot["columns"])).sum() / kpa.sum()
    )
    assert middle_column + sign * foot["cop_ml_m"] / foot["pitch_m"] == pytest.approx(
        (kpa * (places % foot["columns"])).sum() / kpa.sum()
    )
    assert middle_column + sign * foot["cop_ml_m"] / foot["pitch_m"] == pytest.approx(column - 1, abs=0.05)


def test_a_foot_in_the_air_has_no_centre_and_a_missing_insole_no_map():
    air, sound = sample_of("r", 0.0, 6.0, 16.0), sample_of("l", 500.0, 6.0, 16.0)
    insoles = told(frame_with(r=air))
    assert insoles["l"] is None
    assert not insoles["r"]["loaded"]
    assert math.isnan(insoles["r"]["cop_ap_m"])
    # The newest sample of an insole that has fallen silent is an old one.
    assert told(frame_with(l=sound)._replace(missing=("insole_l",)))["l"] is None


def test_nothing_is_made_while_nobody_listens_nor_more_often_than_its_rate():
    topic, frame = PressureTopic("s1"), frame_with(r=sample_of("r", 600.0, 6.0, 16.0))
    assert topic.next(frame, 0) is None
    for prefix in (b"", b"press", b"pressure"):
        topic.heed([prefix, b"frame", b"pressures"], [])
        assert topic.next(frame, 10**12) is not None
        assert topic.next(frame, 10**12 + PERIOD_NS - 1) is None
        assert topic.next(frame, 10**12 + PERIOD_NS) is not None
        topic.heed([], [b"frame"])
        assert topic.next(frame, 2 * 10**12) is not None
        topic.heed([], [prefix])
        assert topic.next(frame, 10**13) is None
        topic = PressureTopic("s1")


def listening(context, publisher, topic):
    sub = context.socket(zmq.SUB)
    sub.setsockopt(zmq.LINGER, 0)
    sub.subscribe(topic)
    sub.connect(publisher.addresses["public"][0])
    return sub


def made_within(publisher, seconds):
    """How many frames were posted, and whether maps are still wanted at the end."""
    end, posted = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        publisher.post(frame_with(r=SAMPLE))
        posted += 1
        time.sleep(0.005)
    return posted


SAMPLE = sample_of("r", 600.0, 6.0, 16.0)


def test_it_begins_with_the_first_listener_and_ends_with_the_last():
    with zmq.Context() as context, publishing() as publisher:
        first, second = (listening(context, publisher, topic) for topic in (PRESSURE, ""))
        for sub in (first, second):
            assert until(lambda sub=sub: made_within(publisher, 0.02) and sub.poll(0))
        seen = 0
        posted = made_within(publisher, 1.0)
        while first.poll(50):
            parts = first.recv_multipart()
            assert parts[0] == PRESSURE.encode()
            assert msgpack.unpackb(parts[1])["topic"] == PRESSURE
            seen += 1
        assert 2 < seen < posted / 3, "a frame in ten has its map"
        first.close()
        assert made_within(publisher, 0.2)
        assert publisher._pressure._prefixes == {b""}
        second.close()
        assert until(lambda: made_within(publisher, 0.02) and not publisher._pressure._prefixes)
