"""The publisher on real sockets: what arrives, where, and what misbehaving clients cost."""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import contextmanager

import msgpack
import pytest
import zmq
from live_stream import make_frame, publishing, until

from jetson_runtime.stream.publisher import QUEUE_FRAMES, Publisher
from jetson_runtime.suit.config import OutputTable


@pytest.fixture
def context():
    made = zmq.Context()
    yield made
    made.destroy(linger=0)


def subscriber(context, address, topics=("",), **options):
    sub = context.socket(zmq.SUB)
    for name, value in options.items():
        sub.setsockopt(getattr(zmq, name), value)
    for topic in topics:
        sub.subscribe(topic)
    sub.connect(address)
    return sub


def next_message(sub, topic, timeout_ms=3000):
    """The next message of `topic` as (parts, map)."""
    end = time.monotonic() + timeout_ms / 1000
    while time.monotonic() < end:
        if sub.poll(100):
            parts = sub.recv_multipart()
            message = msgpack.unpackb(parts[-1])
            if message["topic"] == topic:
                return parts, message
    raise AssertionError(f"no {topic} within {timeout_ms} ms")


def test_a_message_is_topic_and_payload_and_nothing_else(context, ticking):
    publisher, _ = ticking()
    publisher.set_status({"state": "running"})
    sub = subscriber(context, publisher.addresses["public"][0])
    for topic in ("hello", "status", "frame"):
        parts, message = next_message(sub, topic)
        assert len(parts) == 2
        assert parts[0] == topic.encode()
        assert isinstance(message["t"], float)
        assert all(isinstance(key, str) for key in message)
        # An unpacker that is fed the payload finds one object and no byte more.
        unpacker = msgpack.Unpacker()
        unpacker.feed(parts[1])
        assert unpacker.unpack() is not None
        assert unpacker.tell() == len(parts[1])


def test_a_late_joiner_hears_hello_and_status_before_the_next_second(context):
    with publishing() as publisher:
        publisher.set_status({"state": "waiting"})
        first = subscriber(context, publisher.addresses["public"][0], topics=("hello",))
        next_message(first, "hello")
        for _ in range(3):
            started = time.monotonic()
            late = subscriber(context, publisher.addresses["public"][0])
            assert next_message(late, "hello")[1]["session"] == "s1"
            assert next_message(late, "status")[1]["state"] == "waiting"
            assert time.monotonic() - started < 0.5
            late.close()


def test_hello_comes_once_a_second_unasked(context):
    with publishing() as publisher:
        sub = subscriber(context, publisher.addresses["public"][0], topics=("hello",))
        times = [next_message(sub, "hello")[1]["t"] for _ in range(4)]
        assert times[3] - times[2] == pytest.approx(1.0, abs=0.3)


def test_frames_arrive_in_order_and_all(context, ticking):
    publisher, _ = ticking()
    sub = subscriber(context, publisher.addresses["public"][0], topics=("frame",))
    numbers = [next_message(sub, "frame")[1]["seq"] for _ in range(100)]
    assert numbers == list(range(numbers[0], numbers[0] + 100))


def test_latest_carries_single_parts_that_conflate_can_keep(context, ticking):
    publisher, _ = ticking()
    sub = subscriber(context, publisher.addresses["latest"][0], CONFLATE=1)
    first = msgpack.unpackb(sub.recv())
    time.sleep(0.3)
    before_ns = time.monotonic_ns()
    after_pause = sub.recv_multipart()
    message = msgpack.unpackb(after_pause[0])
    assert len(after_pause) == 1
    assert message["topic"] == "frame"
    assert message["seq"] - first["seq"] > 30
    assert before_ns - message["publish_ns"] < 100_000_000


def test_ipc_and_tcp_carry_the_same_frames(context, tmp_path, ticking):
    address = f"ipc://{tmp_path}/public"
    ticking(public=address)
    sub = subscriber(context, address, topics=("frame",))
    assert next_message(sub, "frame")[1]["state"] == "running"


def test_a_sleeping_subscriber_costs_the_others_nothing(context, ticking):
    publisher, ticker = ticking()
    address = publisher.addresses["public"][0]
    rotten = [subscriber(context, address, RCVHWM=1, RCVBUF=2048) for _ in range(5)]
    good = subscriber(context, address, topics=("frame",))
    first = next_message(good, "frame")[1]["seq"]
    numbers = [next_message(good, "frame")[1]["seq"] for _ in range(400)]
    assert numbers == list(range(first + 1, first + 401))
    assert publisher.dropped == 0
    assert ticker.slowest_post_ns < 100_000_000
    assert len(rotten) == 5


def test_what_a_sleeper_finds_is_bounded(context, ticking):
    """Two seconds of sleep leave it well under two seconds of old frames: buffers are small at both ends."""
    publisher, ticker = ticking()
    sub = subscriber(context, publisher.addresses["public"][0], topics=("frame",), RCVHWM=50, RCVBUF=16384)
    next_message(sub, "frame")
    asleep_from = ticker.posted
    time.sleep(2.0)
    slept = ticker.posted - asleep_from
    waiting = 0
    while sub.poll(0):
        waiting += 1
        sub.recv_multipart()
    assert 20 <= waiting < slept * 0.75


def frames_behind_a_busy_publisher(ages_ms):
    """Posts frames of these ages before the publisher starts; (sent, dropped)."""
    output = OutputTable.model_construct(public=("tcp://127.0.0.1:*",), latest=())
    publisher = Publisher(output, "s1", ("r", "l"), dict)
    for seq, age_ms in enumerate(ages_ms):
        publisher.post(make_frame(seq, t_ns=time.monotonic_ns() - age_ms * 1_000_000))
    publisher.bind()
    publisher._send_frames()
    publisher.close()
    return publisher.sent, publisher.dropped


def test_stale_frames_behind_a_newer_one_are_dropped_and_counted():
    assert frames_behind_a_busy_publisher([500, 400, 300]) == (1, 2)
    assert frames_behind_a_busy_publisher([500, 0, 0]) == (2, 1)
    assert frames_behind_a_busy_publisher([0, 0, 0]) == (3, 0)


def test_a_full_queue_drops_its_oldest_and_counts_them():
    assert frames_behind_a_busy_publisher([0] * (QUEUE_FRAMES + 5)) == (QUEUE_FRAMES, 5)


def heard_until(raw, enough):
    """All bytes of `raw` until `enough` of them; AssertionError if the other end closes before."""
    heard = b""
    while not enough(heard):
        data = raw.recv(65_536)
        assert data, "the connection was closed"
        heard += data
    return heard


@contextmanager
def bare_subscriber(address):
    """A TCP connection that has shaken hands as a SUB socket by ZMTP 3.0 (rfc.zeromq.org/spec/23)."""
    host, port = address.removeprefix("tcp://").split(":")
    greeting = b"\xff" + bytes(7) + b"\x01\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"
    with socket.create_connection((host, int(port)), timeout=3.0) as raw:
        raw.sendall(greeting)
        heard_until(raw, lambda heard: len(heard) >= len(greeting))
        raw.sendall(b"\x04" + bytes([len(ready)]) + ready)
        yield raw


def test_garbage_on_the_port_is_no_harm(context, ticking):
    publisher, _ = ticking()
    address = publisher.addresses["public"][0]
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(100):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(os.urandom(300))
    sub = subscriber(context, address, topics=("frame",))
    first = next_message(sub, "frame")[1]["seq"]
    numbers = [next_message(sub, "frame")[1]["seq"] for _ in range(50)]
    assert numbers == list(range(first + 1, first + 51))


def test_a_client_that_announces_a_huge_message_is_let_go(ticking):
    publisher, _ = ticking()
    with bare_subscriber(publisher.addresses["public"][0]) as raw:
        raw.sendall(b"\x00\x06\x01frame")
        heard_until(raw, lambda heard: b"publish_ns" in heard)
        raw.sendall(b"\x02" + struct.pack(">Q", 2**62))
        with pytest.raises((AssertionError, ConnectionResetError)):
            heard_until(raw, lambda _: False)


def test_a_client_is_never_pinged(ticking):
    """A ping behind a full queue makes libzmq abort a client that finds its connection closed."""
    publisher, _ = ticking()
    with bare_subscriber(publisher.addresses["public"][0]) as raw:
        raw.sendall(b"\x00\x06\x01frame")
        heard = heard_until(raw, lambda heard: heard.count(b"publish_ns") >= 200)
    assert b"PING" not in heard


def test_strange_subscriptions_delay_no_frame(context, ticking):
    publisher, _ = ticking()
    address = publisher.addresses["public"][0]
    good = subscriber(context, address, topics=("frame",))
    next_message(good, "frame")
    flood = context.socket(zmq.XSUB)
    flood.connect(address)
    for i in range(5000):
        flood.send(b"\x01" + str(i).encode())
    flood.send(b"\x01" + b"h" * 100_000)
    flood.send(b"\x02never asked for")
    flood.send(b"no subscription at all")
    ages = [next_message(good, "frame")[1]["age_ms"] for _ in range(200)]
    assert publisher.dropped == 0
    assert sorted(ages)[100] < 20.0


def test_set_status_refuses_strange_types_in_the_callers_thread():
    with publishing() as publisher, pytest.raises(TypeError):
        publisher.set_status({"x": object()})


def test_stop_before_the_first_frame_ends_at_once_and_removes_the_ipc_files(tmp_path):
    public, latest = tmp_path / "public", tmp_path / "latest"
    with publishing(f"ipc://{public}", f"ipc://{latest}") as publisher:
        assert until(public.is_socket)
        assert latest.is_socket()
    assert not public.exists()
    assert not latest.exists()
    assert publisher.last_publish_ns is None


def test_a_frame_posted_after_the_end_hurts_nobody():
    with publishing() as publisher:
        pass
    publisher.post(make_frame())
    assert publisher.sent == 0
