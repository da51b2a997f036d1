"""FrameClient against a real publisher: freshness after a stall, liveness, gaps, restarts."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time

import msgpack
import pytest
import zmq
from live_stream import make_frame, publishing, until

from jetson_runtime.client import FrameClient
from jetson_runtime.stream import messages
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.suit.errors import EndpointError


def client_of(publisher, **options):
    return FrameClient(publisher.addresses["public"][0], **options)


def test_frames_come_typed_and_fresh(ticking):
    publisher, _ = ticking()
    with client_of(publisher) as client:
        frame = client.recv(3000)
        assert frame is not None
        assert frame.valid
        assert frame.angle["hip_flexion_r"] == 0.0
        assert len(frame.moment) == 7
        assert frame.ground["r"].contact
        assert math.isnan(frame.ground["l"].cop_ml)
        assert frame.missing == ()
        assert frame.interval["hip_flexion_r"] == 10.0
        assert frame.interval.keys() == frame.angle.keys() | frame.moment.keys()
        assert frame.unusual == ()
        assert frame.publish_ns <= frame.receive_ns <= time.monotonic_ns()
        following = client.recv(3000)
        assert following is not None
        assert following.seq > frame.seq


def test_nothing_heard_is_none_not_an_error():
    with FrameClient("tcp://127.0.0.1:1") as client:
        started = time.monotonic()
        assert client.recv(50) is None
        assert client.recv_all(0) == []
        assert time.monotonic() - started < 2.0
        assert (client.alive, client.valid, client.rate_ok, client.latest) == (False, False, False, None)
        assert client.session is None


def test_after_a_stall_the_first_frame_is_fresh_and_the_gap_is_counted(ticking):
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        assert client.recv(3000) is not None
        stalled_at = ticker.posted
        time.sleep(2.0)
        frame = client.recv(3000)
        assert frame is not None
        assert frame.receive_ns - frame.publish_ns < 20_000_000
        assert frame.seq - stalled_at > 0.8 * (ticker.posted - stalled_at)
        assert client.missed > 0
        assert client.frames + client.missed <= ticker.posted + 1


def test_events_are_kept_in_order():
    with publishing() as publisher, client_of(publisher) as client:
        assert until(lambda: client.alive or client.hello is not None)
        for number in range(3):
            publisher.tell_event("mark", {"number": number})
        assert until(lambda: not client.recv_all(0) and len(client.events) == 3)
        assert [(event["kind"], event["number"]) for event in client.events] == [
            ("mark", n) for n in range(3)
        ]


def test_recv_all_gives_every_frame():
    with publishing() as publisher, client_of(publisher, queue_frames=1000) as client:
        assert until(lambda: client.alive or client.hello is not None)
        numbers = []
        for first in range(0, 300, 10):
            for seq in range(first, first + 10):
                publisher.post(make_frame(seq, t_ns=time.monotonic_ns() + 10**9))
            while len(numbers) < first + 10:
                numbers += [frame.seq for frame in client.recv_all(3000)]
        assert numbers == list(range(300))
        assert (client.frames, client.missed) == (300, 0)


def test_looking_at_alive_takes_no_frame_from_recv():
    with publishing() as publisher, client_of(publisher) as client:
        assert until(lambda: client.hello is not None or client.alive)
        publisher.post(make_frame(1))
        assert until(lambda: client.latest is not None)
        assert client.alive
        assert [frame.seq for frame in client.recv_all(0)] == [1]
        assert client.recv_all(0) == []


def test_alive_rate_ok_and_valid_are_three_things(ticking):
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        assert client.recv(3000) is not None
        assert client.alive
        assert client.valid
        assert not client.rate_ok
        assert math.isnan(client.rate_hz)
        assert until(lambda: client.rate_ok)
        assert client.rate_hz == pytest.approx(200, rel=0.1)
        ticker.paused.set()
        assert until(lambda: not client.alive, 1.0)
        assert not client.valid
        assert not client.rate_ok
        assert client.latest is not None
        assert client.latest.valid


def test_old_frames_of_a_service_that_died_meanwhile_do_not_look_alive(ticking):
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        assert client.recv(3000) is not None
        time.sleep(0.2)
        ticker.paused.set()
        time.sleep(0.2)
        assert not client.alive
        assert client.recv(20) is None


def test_a_frame_that_is_not_valid_is_alive_and_not_valid():
    with publishing() as publisher, client_of(publisher) as client:
        assert until(lambda: client.alive or client.hello is not None)
        publisher.post(make_frame(valid=False, state="settling", settling_ms=900.0, missing=("imu_back",)))
        frame = client.recv(3000)
        assert frame is not None
        assert (frame.state, frame.missing, frame.settling_ms) == ("settling", ("imu_back",), 900.0)
        assert (client.alive, client.valid) == (True, False)


def test_sequence_gaps_are_counted():
    with publishing() as publisher, client_of(publisher) as client:
        assert until(lambda: client.alive or client.hello is not None)
        for seq in (10, 11, 15, 16, 18):
            publisher.post(make_frame(seq))
        numbers = []
        while len(numbers) < 5:
            numbers += [frame.seq for frame in client.recv_all(3000)]
        assert client.missed == 4


def test_a_restarted_service_is_noticed_and_followed(tmp_path):
    address = f"ipc://{tmp_path}/public"
    with FrameClient(address) as client:
        for session in ("one", "two"):
            with publishing(address, session=session) as publisher:
                publisher.set_status({"state": session})
                assert until(lambda name=session: _said(client, name))
                publisher.post(make_frame(5))
                frame = client.recv(3000)
                assert frame is not None
                assert frame.session == session
                assert client.status is not None
                assert client.status["state"] == session
        assert client.restarts == 1
        assert client.missed == 0


def _said(client, session):
    """Takes in what waits; True once the hello and status of `session` came."""
    assert client.alive in (True, False)
    return client.session == session and client.hello is not None and client.status is not None


def test_hello_and_status_are_there_soon_after_connecting():
    with publishing() as publisher:
        publisher.set_status({"state": "waiting", "faults": []})
        with client_of(publisher) as client:
            assert until(lambda: _said(client, "s1"))
            assert client.hello["body_mass_kg"] == 70.0
            assert client.status["state"] == "waiting"


@pytest.fixture
def rogue():
    """A bare PUB socket that sends what it likes; (send, address)."""
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.bind("tcp://127.0.0.1:*")

    def send(payload):
        socket.send_multipart([b"frame", payload])

    send.subscribed = lambda: [socket.recv() for _ in messages.TOPICS]
    yield send, socket.getsockopt_string(zmq.LAST_ENDPOINT)
    context.destroy(linger=0)


def payload(**changes):
    encoder = FrameEncoder("s1", ("r", "l"))
    message = msgpack.unpackb(encoder.encode(make_frame(), time.monotonic_ns()))
    return msgpack.packb({**message, **changes})


def test_garbage_is_counted_and_skipped(rogue):
    send, address = rogue
    with FrameClient(address) as client:
        send.subscribed()
        bad = [payload(seq="x"), os.urandom(40), b"", b"\x80", payload(ground=3), payload(missing=None)]
        bad += [payload(valid="false"), payload(valid=1), payload(moment_valid="false")]
        incomplete = msgpack.unpackb(payload())
        del incomplete["angle"]
        for item in [*bad, msgpack.packb(incomplete)]:
            send(item)
            send(payload())
        assert until(lambda: client.alive and client.malformed + client.frames >= 20)
        assert client.frames == 10
        assert client.malformed == 10


def test_fields_of_a_later_version_are_ignored(rogue):
    send, address = rogue
    with FrameClient(address) as client:
        send.subscribed()
        send(payload(posture="seated", torque={}))
        assert client.recv(3000) is not None


def test_another_schema_is_refused_in_words(rogue):
    send, address = rogue
    with FrameClient(address) as client:
        send.subscribed()
        send(payload(v=2))
        with pytest.raises(EndpointError, match="speaks schema 2"):
            client.recv(3000)


def test_a_service_whose_clock_is_ahead_is_never_taken_for_fresh(rogue):
    send, address = rogue
    with FrameClient(address) as client:
        send.subscribed()
        send(payload(publish_ns=time.monotonic_ns() + 10**12))
        assert client.recv(300) is None
        assert client.latest is not None
        assert not client.alive


def test_another_machines_clock_is_followed_by_its_fastest_frame(rogue):
    send, address = rogue
    with FrameClient(address, same_clock=False) as client:
        send.subscribed()
        for _ in range(3):
            send(payload(publish_ns=time.monotonic_ns() - 10**12))
            assert client.recv(3000) is not None
        assert client.alive


@pytest.mark.parametrize("address", ["nonsense", "udp://127.0.0.1:5", "tcp://127.0.0.1:port"])
def test_no_address_at_all_is_an_error_that_says_so(address):
    with pytest.raises(EndpointError, match="write tcp://"):
        FrameClient(address)


def test_a_waiting_client_is_woken_by_a_service_that_starts_later(tmp_path):
    address = f"ipc://{tmp_path}/public"
    heard = []
    with FrameClient(address) as client:
        thread = threading.Thread(target=lambda: heard.append(client.recv(10_000)))
        thread.start()
        time.sleep(0.1)
        with publishing(address) as publisher:
            while thread.is_alive():
                publisher.post(make_frame())
                time.sleep(0.01)
        thread.join()
    assert heard[0] is not None


@pytest.mark.parametrize("kind", [FrameClient, ControlClient])
def test_clients_that_nobody_closes_are_collected_in_any_order(kind):
    """In a cycle the context may go first, and would wait for its socket for ever."""
    script = (
        f"import gc\nfrom {kind.__module__} import {kind.__name__} as Client\n"
        "class Forgetful:\n"
        "    def __init__(self):\n"
        "        self.client, self.me = Client('tcp://127.0.0.1:1'), self\n"
        "for _ in range(20):\n"
        "    Forgetful()\n"
        "gc.collect()\n"
        "left = Client('tcp://127.0.0.1:1')\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
