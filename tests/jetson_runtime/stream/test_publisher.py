"""The publisher on real sockets: what arrives, where, and what misbehaving clients cost."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import contextmanager

import msgpack
import pytest
import zmq
from live_stream import MAX_WAIT_NS, make_frame, publishing, until

from jetson_runtime.stream.hand_over import QUEUE_FRAMES
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.output import OutputTable


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


def connected(context, publisher, **options):
    """A subscriber to everything whose subscription has reached the publisher."""
    sub = subscriber(context, publisher.addresses["public"][0], **options)
    next_message(sub, "hello")
    return sub


def sequence_numbers(publisher, sub, count, burst=5):
    """Posts `count` frames, a burst at a time and none of them stale, and gives the numbers that arrive."""
    numbers = []
    for seq in range(count):
        publisher.post(make_frame(seq, t_ns=time.monotonic_ns() + 10**9))
        if seq % burst == burst - 1:
            numbers += [next_message(sub, "frame")[1]["seq"] for _ in range(burst)]
    return numbers


def test_late_joiners_need_not_wait_for_hello_and_status(context, monkeypatch):
    monkeypatch.setattr("jetson_runtime.stream.publisher.HELLO_PERIOD_NS", 10**12)
    with publishing() as publisher:
        publisher.set_status({"state": "waiting"})
        for _ in range(3):
            late = connected(context, publisher)
            assert next_message(late, "status")[1]["state"] == "waiting"
            late.close()


def test_hello_comes_once_a_second_unasked(context):
    with publishing() as publisher:
        sub = subscriber(context, publisher.addresses["public"][0], topics=("hello",))
        times = [next_message(sub, "hello")[1]["t"] for _ in range(4)]
        assert times[3] - times[2] >= 0.99


def test_frames_arrive_in_order_and_all(context):
    with publishing() as publisher:
        sub = connected(context, publisher)
        assert sequence_numbers(publisher, sub, 200) == list(range(200))
        assert (publisher.sent, publisher.dropped) == (200, 0)


def test_latest_carries_single_parts_that_conflate_can_keep(context):
    with publishing() as publisher:
        sub = subscriber(context, publisher.addresses["latest"][0], CONFLATE=1)
        posted = 0
        while not sub.poll(10):
            publisher.post(make_frame(posted))
            posted += 1
        publisher.post(make_frame(10**6))
        # Whatever is found first, the newest is what stays.
        assert until(lambda: msgpack.unpackb(sub.recv())["seq"] == 10**6)
        assert not sub.poll(50)


def test_latest_has_one_part(context, ticking):
    publisher, _ = ticking()
    parts = subscriber(context, publisher.addresses["latest"][0]).recv_multipart()
    assert len(parts) == 1
    assert msgpack.unpackb(parts[0])["topic"] == "frame"


def test_ipc_and_tcp_carry_the_same_frames(context, tmp_path, ticking):
    address = f"ipc://{tmp_path}/public"
    ticking(public=address)
    sub = subscriber(context, address, topics=("frame",))
    assert next_message(sub, "frame")[1]["state"] == "running"


def test_sleeping_subscribers_cost_the_others_nothing(context):
    with publishing() as publisher:
        sleepers = [connected(context, publisher, RCVHWM=1, RCVBUF=2048) for _ in range(5)]
        good = connected(context, publisher)
        assert sequence_numbers(publisher, good, 1000) == list(range(1000))
        assert publisher.dropped == 0
        assert not any(sleeper.closed for sleeper in sleepers)


def test_what_a_sleeper_finds_is_bounded(context):
    """Of ten seconds of frames under two wait for it: buffers are small at both ends."""
    with publishing() as publisher:
        sleeper = connected(context, publisher, RCVHWM=50, RCVBUF=16_384)
        good = connected(context, publisher)
        assert len(sequence_numbers(publisher, good, 2000)) == 2000
        waiting = 0
        while sleeper.poll(100):
            waiting += 1
            sleeper.recv_multipart()
        assert 20 <= waiting < 400


def frames_behind_a_busy_publisher(ages_ms, max_wait_ns=MAX_WAIT_NS):
    """Posts frames of these ages before the publisher starts; (sent, dropped)."""
    output = OutputTable.model_construct(public=("tcp://127.0.0.1:*",), latest=(), control=())
    publisher = Publisher(output, "s1", ("r", "l"), dict, max_wait_ns)
    publisher.bind()
    for seq, age_ms in enumerate(ages_ms):
        publisher.post(make_frame(seq, t_ns=time.monotonic_ns() - age_ms * 1_000_000))
    publisher._send_frames()
    publisher.close()
    return publisher.sent, publisher.dropped


def test_stale_frames_behind_a_newer_one_are_dropped_and_counted():
    assert frames_behind_a_busy_publisher([500, 400, 300]) == (1, 2)
    assert frames_behind_a_busy_publisher([500, -60_000, -60_000]) == (2, 1)
    assert frames_behind_a_busy_publisher([-60_000] * 3) == (3, 0)


def test_a_frame_in_time_is_never_stale_however_long_its_tick_waited():
    """With the policy smooth two or three frames come at once, the first of them up to 24 ms old."""
    assert frames_behind_a_busy_publisher([500, 400, 300], max_wait_ns=10**9) == (3, 0)


def test_a_full_queue_drops_its_oldest_and_counts_them():
    # Of the future: while 32 frames are encoded on a busy machine, the last of them would grow stale.
    assert frames_behind_a_busy_publisher([-60_000] * (QUEUE_FRAMES + 5)) == (QUEUE_FRAMES, 5)


def test_both_threads_count_what_they_dropped():
    """Full queue at the reactor, stale frames at the publisher: no count is lost between them."""
    assert frames_behind_a_busy_publisher([500] * (QUEUE_FRAMES + 5)) == (1, QUEUE_FRAMES + 4)


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


def test_garbage_on_the_port_is_no_harm(context):
    with publishing() as publisher:
        host, port = publisher.addresses["public"][0].removeprefix("tcp://").split(":")
        for _ in range(100):
            with socket.create_connection((host, int(port))) as raw:
                raw.sendall(os.urandom(300))
        assert sequence_numbers(publisher, connected(context, publisher), 50) == list(range(50))


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


def test_strange_subscriptions_lose_no_frame(context):
    with publishing() as publisher:
        good = connected(context, publisher)
        flood = context.socket(zmq.XSUB)
        flood.connect(publisher.addresses["public"][0])
        for i in range(5000):
            flood.send(b"\x01" + str(i).encode())
        flood.send(b"\x02never asked for")
        flood.send(b"no subscription at all")
        flood.send(b"\x01" + b"h" * 100_000)
        assert sequence_numbers(publisher, good, 500) == list(range(500))
        assert publisher.dropped == 0


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


def test_a_stop_before_the_door_has_looked_once_ends_both_threads_in_peace(monkeypatch):
    """As at a SIGTERM during start: the sockets are taken from under the door's first look."""
    failed, looked = [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda details: failed.append(details.exc_type))
    poll = zmq.Poller.poll

    def after_the_end(poller, *arguments):
        if threading.current_thread().name != "door":
            return poll(poller, *arguments)
        publisher.stop()
        looked.set()
        while True:
            poll(poller, 1)

    monkeypatch.setattr(zmq.Poller, "poll", after_the_end)
    with publishing() as publisher:
        door = threading.Thread(target=publisher.door.run, name="door")
        door.start()
        assert looked.wait(5.0)
    door.join(5.0)
    assert not door.is_alive()
    assert failed == []
