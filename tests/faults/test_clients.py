"""Rows 32 to 36 and 41 to 43: what clients and strangers may do to the stream, and what becomes of the loop meanwhile.

The loop is measured by the share of ticks that were computed too late for any client. A machine that runs other things
as well loses some of its own, and not the same at each time: it may lose five in a hundred more than in the worse of
two quiet times, before and after.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Iterator

import msgpack
import pytest
import zmq
from black_hole import BlackHole
from served import (
    Served,
    Watch,
    addresses_of_ours,
    connections,
    flood_of_subscriptions,
    frames_within,
    own_address,
    serving,
    still_open,
)
from worn_suit import ServiceProcess, until

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.stream.connections import MOST_SUBSCRIPTIONS
from jetson_runtime.stream.messages import STALE_NS
from jetson_runtime.suit.config import Security

LIMITS = Security()
# Of the ticks, beside those that a quiet time loses.
TOLERATED = 0.05
# Of the frames that left, what the good client gets at least: it looks away while a test opens connections.
RECEIVED = 0.2


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("clients")) as served:
        yield served


@pytest.fixture
def quiet(served: Served) -> float:
    return quiet_share(served)


def quiet_share(served: Served) -> float:
    """The share of ticks missed in two seconds without anything wrong."""
    watch = Watch(served)
    frames_within(served.service.client, 2.0)
    return float(watch.end()["share_missed"])


def is_undisturbed(watch: Watch, served: Served, quiet: float) -> bool:
    """The loop went on, and the good client got frames all along."""
    seen = watch.end()
    if seen["share_missed"] > quiet + TOLERATED:
        quiet = max(quiet, quiet_share(served))
    assert seen["share_missed"] <= quiet + TOLERATED, (seen, quiet)
    sent = seen["ticks"] * (1.0 - seen["share_missed"])
    assert seen["frames"] >= RECEIVED * sent, seen
    return True


def test_row_32_a_slow_subscriber_costs_the_others_nothing(served: Served, quiet: float) -> None:
    with zmq.Context() as context:
        slow = [context.socket(zmq.SUB) for _ in range(8)]
        for one in slow:
            one.setsockopt(zmq.LINGER, 0)
            one.setsockopt(zmq.RCVHWM, 1)
            one.setsockopt(zmq.RCVBUF, 2048)
            one.subscribe("frame")
            one.connect(f"tcp://127.0.0.1:{served.local}")
        watch = Watch(served)
        seen: list[list[int]] = [[] for _ in slow]
        for _ in range(3):
            frames_within(served.service.client, 1.0)
            for numbers, one in zip(seen, slow, strict=True):
                if one.poll(0):
                    numbers.append(msgpack.unpackb(one.recv_multipart()[1])["seq"])
        assert is_undisturbed(watch, served, quiet)
        assert all(numbers == sorted(set(numbers)) and numbers for numbers in seen)
        for one in slow:
            one.close(linger=0)


def test_row_33_after_a_stall_the_first_frame_is_young(served: Served) -> None:
    """Three seconds in which the client reads nothing: hundreds of frames waited, none of them is returned."""
    with served.client() as client:
        assert until(lambda: client.recv(500) is not None, 30.0)
        for _ in range(3):
            time.sleep(1.0)
            found: list[ReceivedFrame] = []
            assert until(lambda found=found: found.extend(filter(None, [client.recv(1000)])) or found, 30.0)  # type: ignore[misc]
            assert found[0].receive_ns - found[0].publish_ns < STALE_NS


def test_row_34_of_3000_connections_few_stay_and_the_loop_goes_on(served: Served, quiet: float) -> None:
    descriptors = len(os.listdir(f"/proc/{served.service.process.pid}/fd"))
    watch = Watch(served)
    flood = connections(served.local, 3000)
    try:
        # The first ones may have had their three seconds to say who they are before the last ones came.
        assert until(
            lambda: sum(map(served.clients, ("over_limit", "refused"))) >= len(flood) - LIMITS.max_clients,
            30.0,
        )
        assert until(lambda: still_open(flood) <= LIMITS.max_clients)
        assert (
            len(os.listdir(f"/proc/{served.service.process.pid}/fd")) < descriptors + 2 * LIMITS.max_clients
        )
        assert is_undisturbed(watch, served, quiet)
        # Those that stay have never said who they are.
        assert until(lambda: still_open(flood) == 0)
        assert until(lambda: served.clients("connected") == 1)
        with served.client() as late:
            assert until(lambda: frames_within(late, 0.2))
    finally:
        for one in flood:
            one.close()


def test_row_34_one_other_machine_takes_no_more_than_its_share(served: Served) -> None:
    host = own_address()
    if host is None:
        pytest.skip("this machine has no address but the loopback")
    flood = connections(served.remote, 3 * LIMITS.max_clients_per_address, host)
    assert until(lambda: still_open(flood) <= LIMITS.max_clients_per_address)
    assert served.told("turned away", "its machine has 8 connections already")
    with served.client() as local:
        assert until(lambda: frames_within(local, 0.2))
    for one in flood:
        one.close()


def test_row_34_other_machines_never_take_the_room_of_this_one(served: Served) -> None:
    """As many as hold their share with connections that never say who they are; a program on the suit comes back."""
    per_host, of_others = LIMITS.max_clients_per_address, LIMITS.max_clients * 3 // 4
    machines = [f"198.18.34.{number}" for number in range(1, LIMITS.max_clients // per_host + 2)]
    with addresses_of_ours(*machines):
        flood = [
            one
            for machine in machines
            for one in connections(served.remote, per_host, source=machine, host=machine)
        ]
        assert len(flood) > LIMITS.max_clients
        assert until(lambda: still_open(flood) <= of_others)
        with served.client() as local:
            assert until(lambda: frames_within(local, 0.2))
        assert served.told("turned away", f"other machines have {of_others} connections already")
        for one in flood:
            one.close()


def test_row_35_subscriptions_without_end_are_cut_off(served: Served, quiet: float) -> None:
    """50,000 topics of 200 bytes are asked for on each of 20 connections, one after the other."""
    before_mb, flooding = served.resident_mb(), served.clients("flooding")
    watch = Watch(served)
    taken = []
    for _ in range(20):
        taken.append(flood_of_subscriptions(served.local, 50_000))
        frames_within(served.service.client, 0.05)
    assert max(taken) < 50_000
    assert until(lambda: served.clients("flooding") == flooding + 20), (
        flooding,
        served.service.status["clients"],
    )
    assert is_undisturbed(watch, served, quiet)
    assert served.resident_mb() - before_mb < 30
    assert served.told("turned away", f"more than {MOST_SUBSCRIPTIONS} subscriptions")


def test_row_36_garbage_and_huge_claims_are_let_go(served: Served, quiet: float) -> None:
    watch, session = Watch(served), served.service.client.session
    claims = []
    for number in range(300):
        with socket.create_connection(("127.0.0.1", served.remote if number % 2 else served.local)) as raw:
            raw.sendall(os.urandom(300))
    for port in (served.local, served.remote):
        claims.append(socket.create_connection(("127.0.0.1", port)))
        greeting = b"\xff" + bytes(7) + b"\x01\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
        claims[-1].sendall(greeting + b"\x06" + struct.pack(">Q", 2**62))
    assert until(lambda: still_open(claims) == 0)
    assert is_undisturbed(watch, served, quiet)
    assert served.service.client.session == session
    assert until(lambda: served.clients("refused") > 100)
    for one in claims:
        one.close()


def test_row_41_who_joins_late_is_told_at_once_what_it_hears(served: Served) -> None:
    """`hello` comes before the next second's, on the address with keys as well."""
    for key_file in (None, served.tablet):
        with served.client(key_file) as client:
            assert until(lambda client=client: client.frames > 0 or client.recv_all(50))  # type: ignore[misc]
            assert client.frames < 200
            assert client.hello is not None and client.hello["rate_hz"] == 200


def test_row_42_a_restarted_service_is_found_again_with_its_new_session(served: Served) -> None:
    with served.client() as local, served.client(served.tablet) as remote:
        assert until(lambda: frames_within(local, 0.1) and frames_within(remote, 0.1))
        sessions = local.session, remote.session
        served.service.stop()
        served.service = ServiceProcess(served.suit.config, served.suit.endpoint)
        assert until(lambda: served.service.status, 60.0)
        assert until(lambda: frames_within(local, 0.1) and frames_within(remote, 0.1))
        assert local.session == remote.session and local.session not in sessions
        assert (local.restarts, remote.restarts) == (1, 1)


def test_row_43_a_service_that_hangs_is_seen_within_a_second(served: Served) -> None:
    with served.client() as client:
        assert until(lambda: frames_within(client, 0.1) and client.alive)
        served.service.process.send_signal(signal.SIGSTOP)
        try:
            client.recv_all(0)
            assert until(lambda: not client.alive, 1.0)
        finally:
            served.service.process.send_signal(signal.SIGCONT)
        assert until(lambda: frames_within(client, 0.1) and client.alive)


def test_row_43_behind_a_half_open_connection_a_client_connects_anew(served: Served) -> None:
    """Nothing closes: libzmq would wait for ever. The service lets go of the dead end, too."""
    relay = BlackHole(served.local)
    try:
        with FrameClient(f"tcp://127.0.0.1:{relay.port}") as client:
            assert until(lambda: frames_within(client, 0.2))
            connected = served.clients("connected")
            relay.swallow()
            client.recv_all(0)
            assert until(lambda: not client.alive, 1.0)
            assert until(lambda: frames_within(client, 0.2))
            assert client.restarts == 0
            assert until(lambda: served.clients("connected") <= connected, 30.0)
    finally:
        relay.close()
