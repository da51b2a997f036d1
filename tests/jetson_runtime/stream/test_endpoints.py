"""Addresses: what is refused, with which remedy, and that a live service keeps its own."""

from __future__ import annotations

import socket

import pytest
import zmq
from live_stream import MAX_WAIT_NS, publishing

from jetson_runtime.client import FrameClient
from jetson_runtime.stream import endpoints
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.errors import EndpointError
from jetson_runtime.suit.output import OutputTable


def bind(public, latest=()):
    publisher = Publisher(
        OutputTable.model_construct(public=(public,), latest=latest, control=()),
        "s2",
        ("r", "l"),
        dict,
        MAX_WAIT_NS,
    )
    publisher.bind()
    publisher.close()


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("tcp://0.0.0.0:5555", "CURVE"),
        ("tcp://*:5555", "CURVE"),
        ("tcp://192.168.1.7:5555", "CURVE"),
        ("tcp://eth0:5555", "CURVE"),
        ("tcp://example.org:5555", "CURVE"),
        ("pgm://127.0.0.1:5555", "write ipc"),
        ("inproc://frames", "write ipc"),
        ("5555", "write ipc"),
        ("ipc://", "write ipc"),
        ("tcp://127.0.0.1:notaport", "a port from 1"),
        ("tcp://127.0.0.1", "a port from 1"),
        ("ipc:///" + "x" * 120, "shorten"),
        ("ipc:///nowhere/at/all", "make it"),
    ],
)
def test_an_address_that_cannot_be_used_names_the_remedy(address, remedy):
    with pytest.raises(EndpointError, match=remedy) as caught:
        bind(address)
    assert address in str(caught.value)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:*", "tcp://127.8.8.8:*", "tcp://localhost:*", "ipc:///tmp/x"]
)
def test_loopback_is_allowed(address):
    endpoints.check(address)


def test_a_second_service_on_the_same_port_is_refused():
    with publishing() as first:
        taken = first.addresses["public"][0]
        with pytest.raises(EndpointError, match="another service is running"):
            bind(taken)


def test_a_second_service_on_the_same_path_is_refused_and_the_first_lives_on(tmp_path):
    path = f"ipc://{tmp_path}/public"
    with publishing(path) as first:
        with pytest.raises(EndpointError, match="another service is running"):
            bind(path)
        with FrameClient(path) as client:
            first.set_status({})
            client.recv_all(500)
            assert client.session == "s1"


def test_what_a_killed_service_left_behind_is_cleared(tmp_path):
    path = tmp_path / "public"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    bind(f"ipc://{path}")
    assert not path.exists()


def test_a_file_of_the_users_is_left_alone(tmp_path):
    path = tmp_path / "public"
    path.write_text("notes")
    with pytest.raises(EndpointError, match="file of another kind"):
        bind(f"ipc://{path}")
    assert path.read_text() == "notes"


def test_all_or_none(tmp_path):
    """A refused `latest` leaves `public` free for the next try."""
    path = f"ipc://{tmp_path}/public"
    with pytest.raises(EndpointError):
        bind(path, latest=("tcp://0.0.0.0:1",))
    assert not (tmp_path / "public").exists()
    bind(path)


def test_an_ipv6_loopback_works_where_the_machine_has_one():
    if not socket.has_ipv6 or not _has_ipv6_loopback():
        pytest.skip("no ::1 here")
    context = zmq.Context()
    try:
        assert endpoints.bind(context.socket(zmq.PUB), "tcp://[::1]:*").startswith("tcp://[::1]:")
    finally:
        context.destroy(linger=0)


def _has_ipv6_loopback():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True
