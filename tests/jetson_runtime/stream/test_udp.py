"""Packets of fixed layout: byte by byte, against an independent reader, and never in the publisher's way."""

from __future__ import annotations

import importlib.util
import math
import socket
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_stream import GROUND, make_frame, publishing, until

from jetson_runtime.inference.frame import Ground
from jetson_runtime.stream import datagram
from jetson_runtime.stream.datagram import DatagramEncoder
from jetson_runtime.stream.udp_outlet import UdpOutlet
from jetson_runtime.suit.signals import SIDES, STREAM_NAMES

ROOT = Path(__file__).resolve().parents[3]


def example():
    """The reader of examples/, which knows nothing of the package."""
    path = ROOT / "examples" / "udp_receiver.py"
    spec = importlib.util.spec_from_file_location("udp_receiver", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["udp_receiver"] = module
    spec.loader.exec_module(module)
    return module


READER = example()


def packet_of(frame, sides=SIDES, publish_ns=None, diverging=False):
    encoder = DatagramEncoder("s1", sides)
    return encoder.encode(frame, frame.t_ns + 2_500_000 if publish_ns is None else publish_ns, diverging)


def test_each_field_is_where_the_guide_says():
    feet = (
        Ground(0.5, 0.4, 0.6, True, 4_000_000_000, 3_500_000_000),
        Ground(0.0, math.nan, math.nan, False, None, 3_900_000_000),
    )
    frame = make_frame(7, t_ns=5_000_000_000, ground=feet, unusual=("movement",))
    data = packet_of(frame, publish_ns=5_002_500_000, diverging=True)
    assert len(data) == datagram.SIZE == 196
    assert data[:4] == b"2SKN"
    assert struct.unpack_from("<HHIIQqqfI", data, 4) == (
        1,
        196,
        zlib.crc32(b"s1"),
        0b11_0110_1111,
        7,
        5_000_000_000,
        5_002_500_000,
        2.5,
        0,
    )
    assert struct.unpack_from("<7f", data, 48) == tuple(map(float, range(7)))
    assert struct.unpack_from("<7f", data, 76) == tuple(map(float, range(7, 14)))
    assert struct.unpack_from("<7f", data, 104) == tuple(map(float, range(20, 27)))
    assert struct.unpack_from("<4f", data, 132) == pytest.approx((0.5, 0.4, 0.6, 0.0))
    assert all(map(math.isnan, struct.unpack_from("<2f", data, 148)))
    assert struct.unpack_from("<I4q", data, 156) == (0, 4_000_000_000, 3_500_000_000, -1, 3_900_000_000)
    assert struct.unpack_from("<I", data, 192)[0] == zlib.crc32(data[:192])


def test_the_example_reads_what_was_sent():
    read = READER.decode(packet_of(make_frame(9, moment_valid=False, missing=(), ground=GROUND)))
    assert (read.seq, read.valid, read.moment_valid, read.alive, read.state) == (
        9,
        True,
        False,
        True,
        "running",
    )
    assert read.angle["hip_flexion_r"] == 0.0
    assert read.moment["ankle_angle_l"] == 13.0
    assert read.velocity["lumbar_extension"] == 23.0
    assert (read.right.contact, read.left.contact) == (True, False)
    assert read.right.heel_strike_ns == -1
    assert tuple(READER.NAMES) == datagram.ANGLE_NAMES
    assert (READER.MAGIC, READER.VERSION, READER.SIZE) == (datagram.MAGIC, datagram.VERSION, datagram.SIZE)


def test_one_leg_leaves_the_other_nan():
    frame = make_frame(outcomes=tuple(map(float, range(8))), velocity=(1.0, 2.0, 3.0, 4.0))
    read = READER.decode(packet_of(frame, sides=("l",)))
    known = {"hip_flexion_l", "knee_angle_l", "ankle_angle_l", "lumbar_extension"}
    for values in (read.angle, read.moment, read.velocity):
        assert {name for name, value in values.items() if math.isfinite(value)} == known
    assert read.velocity["lumbar_extension"] == 4.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_packet_is_never_valid_with_what_is_no_number(bad):
    read = READER.decode(packet_of(make_frame(outcomes=(bad,) * 14)))
    assert not read.valid
    assert all(map(math.isnan, [*read.angle.values(), *read.moment.values()]))


def test_missing_streams_are_bits_in_their_order():
    missing = ("imu_back", "insole_l")
    read = READER.decode(packet_of(make_frame(valid=False, state="degraded", missing=missing)))
    assert [name for i, name in enumerate(STREAM_NAMES) if read.missing >> i & 1] == list(missing)
    assert (read.state, read.valid, read.alive) == ("degraded", False, True)
    assert not READER.decode(packet_of(make_frame(valid=False, state="waiting", missing=STREAM_NAMES))).alive


@given(st.integers(0, datagram.SIZE - 1), st.integers(1, 255))
def test_no_damaged_byte_goes_unseen(place, change):
    data = bytearray(packet_of(make_frame()))
    data[place] ^= change
    assert READER.decode(bytes(data)) is None


@given(st.binary(max_size=300))
def test_what_is_no_packet_is_none(data):
    assert READER.decode(data) is None


def late(frame):
    return packet_of(frame, publish_ns=frame.t_ns + 51_000_000)


def _spoilt(packet):
    return packet[:-1] + bytes([packet[-1] ^ 1])


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        (lambda seq: _spoilt(packet_of(make_frame(seq))), False),
        (lambda seq: packet_of(make_frame(1)), False),
        (lambda seq: packet_of(make_frame(seq, valid=False, state="degraded")), True),
        (lambda seq: packet_of(make_frame(seq, moment_valid=False)), True),
        (lambda seq: late(make_frame(seq)), True),
    ],
    ids=["damaged", "overtaken", "not valid", "nobody carried", "long after its instant"],
)
def test_packets_that_may_not_be_acted_on_do_not_put_off_the_way_down(receiver, capfd, bad, shown):
    """They come at 200 Hz, between packets that may: the deadline is told once, while they come."""
    good, many = 5, 60
    reader = threading.Thread(target=READER.listen, args=(receiver, 2 * good + many * shown))
    reader.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(receiver.getsockname())
        for seq in range(1, 2 * good + many + 1):
            is_good = seq <= good or seq > good + many
            sender.send(packet_of(make_frame(seq)) if is_good else bad(seq))
            time.sleep(0.005)
    reader.join(10.0)
    assert not reader.is_alive()
    lines = capfd.readouterr().out.splitlines()
    told = next(i for i, line in enumerate(lines) if "bring the torque down" in line)
    behind = [line for line in lines[told:] if not line.startswith("nothing")]
    assert len(behind) >= good + shown, "only once the others had ended"


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(10.0)
        yield one


def test_the_publisher_sends_each_frame_to_each_receiver(receiver):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("::1", 0))
        other.settimeout(10.0)
        targets = (f"127.0.0.1:{receiver.getsockname()[1]}", f"[::1]:{other.getsockname()[1]}")
        with publishing(udp=targets) as publisher:
            for seq in range(20):
                publisher.post(make_frame(seq))
                for one in (receiver, other):
                    assert READER.decode(one.recv(2048)).seq == seq
            assert until(lambda: publisher.udp.sent == 40)
            assert publisher.udp.errors == 0


def test_a_receiver_that_is_not_there_costs_nothing(receiver):
    port = receiver.getsockname()[1]
    receiver.close()
    with publishing(udp=(f"127.0.0.1:{port}",)) as publisher:
        for seq in range(50):
            publisher.post(make_frame(seq))
            assert until(lambda count=seq + 1: publisher.sent == count)


def test_what_the_kernel_does_not_take_is_counted():
    """No route to there from a socket of the loopback's family."""
    outlet = UdpOutlet(("240.0.0.1:9",), "s1", SIDES)
    for one, _ in outlet._targets:
        one.bind(("127.0.0.1", 0))
    outlet.send(make_frame(), 1, False)
    assert (outlet.sent, outlet.errors) == (0, 1)
    outlet.close()
    outlet.send(make_frame(), 1, False)


def test_without_receivers_there_is_no_socket():
    with publishing() as publisher:
        publisher.post(make_frame())
        assert until(lambda: publisher.sent == 1)
        assert (publisher.udp.sent, publisher.udp._sockets) == (0, {})
