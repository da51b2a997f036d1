"""The control socket on the wire: requests answered, malformed ones refused by a typed error, no frame lost."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_stream import Ticker, publishing, until

from jetson_runtime.stream import control
from jetson_runtime.stream.control import Answer, Refusal, Request
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.stream.messages import CONTROL_REQUEST_LIMIT_BYTES, ControlCode
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.errors import CommandRefused, EndpointError

Asked = list[tuple[Request, Answer]]


@pytest.fixture
def asked() -> Asked:
    """The requests that were submitted, with the answers that are owed."""
    return []


@pytest.fixture
def publisher(asked: Asked) -> Iterator[Publisher]:
    with publishing(submit=lambda request, answer: asked.append((request, answer))) as running:
        yield running


@pytest.fixture
def client(publisher: Publisher) -> Iterator[ControlClient]:
    with ControlClient(publisher.addresses["control"][0]) as client:
        yield client


@pytest.fixture
def raw(publisher: Publisher) -> Iterator[Callable[..., dict[str, Any]]]:
    """Sends parts as they are and returns the reply."""
    with ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        socket = stack.enter_context(context.socket(zmq.DEALER))
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, 5000)
        socket.connect(publisher.addresses["control"][0])

        def send(*parts: bytes) -> dict[str, Any]:
            socket.send_multipart(parts)
            reply: dict[str, Any] = msgpack.unpackb(socket.recv_multipart()[-1])
            return reply

        yield send


def test_a_ping_tells_the_services_clock(client: ControlClient) -> None:
    before = time.monotonic_ns()
    pong = client.ask("ping", client_ns=before)
    assert pong["client_ns"] == before
    assert before <= pong["receive_ns"] <= pong["reply_ns"] <= time.monotonic_ns()
    offset_ns, within_ns = client.clock_offset_ns()
    assert abs(offset_ns) <= within_ns  # it is the same clock


def test_a_request_is_answered_by_whoever_does_it_from_any_thread(
    client: ControlClient, raw: Callable[..., dict[str, Any]], asked: Asked
) -> None:
    with pytest.raises(EndpointError, match="no reply to mark"):
        client.ask("mark", timeout_s=0.3, text="one")
    request, answer = asked[0]
    assert request == control.Mark(text="one")
    answer.result({"late": True})  # to nobody who still asks
    assert client.ask("ping")["reply_ns"] > 0


def test_a_request_that_nobody_waits_for_any_more_is_never_done(tmp_path: Path, asked: Asked) -> None:
    """The service was away: a tare that was given up must not be taken when it is back."""
    address = f"ipc://{tmp_path}/control"
    with ControlClient(address) as client:
        with pytest.raises(EndpointError, match="no reply to mark"):
            client.ask("mark", timeout_s=0.2, text="given up")
        with publishing(
            control=address, submit=lambda request, answer: asked.append((request, answer))
        ) as service:
            assert client.ask("ping")["reply_ns"] > 0
            assert service.addresses["control"] == [address]
    assert asked == []


def test_a_req_socket_is_answered_too(publisher: Publisher) -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.RCVTIMEO, 5000)
        socket.connect(publisher.addresses["control"][0])
        socket.send(msgpack.packb({"op": "ping", "id": "x"}))
        reply = msgpack.unpackb(socket.recv())
    assert (reply["ok"], reply["op"], reply["id"]) == (True, "ping", "x")


def test_refusals_carry_code_text_remedy_and_reasons(client: ControlClient, asked: Asked) -> None:
    with pytest.raises(CommandRefused) as unknown:
        client.ask("reboot")
    assert (unknown.value.code, "tare" in unknown.value.remedy) == ("unknown_op", True)
    with pytest.raises(CommandRefused) as wrong:
        client.ask("set_wearer", wearer={"mass_kg": 7.0, "foot_length_m": 0.27, "width": 1})
    assert wrong.value.code == "bad_argument"
    assert {reason.partition(":")[0] for reason in wrong.value.reasons} == {
        "wearer.mass_kg",
        "wearer.foot_width_m",
        "wearer.width",
    }
    assert not asked


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\xff" * 300,
        msgpack.packb([1, 2]),
        msgpack.packb({1: 2}),
        msgpack.packb({"op": "ping"}) + b"\x00",
        b"\x91" * 2000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\xa1a",
        b"\xc6\xff\xff\xff\xffx",
        b"\xd8\x7f" + bytes(16),
        b"\x81\xa2op\xa2\xff\xfe",
    ],
)
def test_row_40_malformed_bytes_get_a_typed_error(raw: Callable[..., dict[str, Any]], payload: bytes) -> None:
    reply = raw(payload)
    assert (reply["ok"], reply["error"]["code"]) == (False, "malformed")
    assert raw(msgpack.packb({"op": "ping"}))["ok"]


def test_row_40_too_many_parts_and_odd_numbers_are_survived(raw: Callable[..., dict[str, Any]]) -> None:
    assert raw(*[b"x"] * 50)["error"]["code"] == "malformed"
    for number in (2**63, -1.5, {"deep": [1]}, b"bytes", True, "x" * 500):
        assert raw(msgpack.packb({"op": "ping", "id": number}))["ok"]
    for op in (None, 7, ["tare"], {"a": 1}, "x" * 3000):
        assert raw(msgpack.packb({"op": op}))["error"]["code"] == "unknown_op"


@pytest.mark.parametrize("key", [b"\xa2op", b"\xa2id", b"\xa4text"], ids=["op", "id", "text"])
def test_row_40_lists_within_lists_are_survived_at_every_depth(
    raw: Callable[..., dict[str, Any]], key: bytes
) -> None:
    """Around a thousand levels MessagePack's limit and Python's lie close together."""
    for depth in (*range(100, 900, 100), *range(900, 1100, 10)):
        reply = raw(b"\x83\xa2op\xa4mark\xa3bad\xc0" + key + b"\x91" * depth + b"\xc0")
        assert not reply["ok"]
        assert reply["error"]["code"] in ("malformed", "unknown_op", "bad_argument")
    assert raw(msgpack.packb({"op": "ping"}))["ok"]


def test_row_40_an_oversized_request_ends_its_connection_and_no_other(
    publisher: Publisher, client: ControlClient
) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as big:
        big.setsockopt(zmq.LINGER, 0)
        big.connect(publisher.addresses["control"][0])
        big.send(msgpack.packb({"op": "mark", "text": "x" * CONTROL_REQUEST_LIMIT_BYTES}))
        assert not big.poll(500)
        assert client.ask("ping")["reply_ns"] > 0


def test_the_largest_request_is_answered_and_a_larger_one_refused_before_it_is_sent(
    client: ControlClient, asked: Asked
) -> None:
    around = len(msgpack.packb({"op": "mark", "id": 1, "text": "x" * 300})) - 300
    with pytest.raises(CommandRefused, match="200 characters"):
        client.ask("mark", text="x" * (CONTROL_REQUEST_LIMIT_BYTES - around))
    with pytest.raises(CommandRefused, match="4097 bytes, 4096 are the most") as refused:
        client.ask("mark", text="x" * (CONTROL_REQUEST_LIMIT_BYTES - around + 1))
    assert refused.value.code == "bad_argument"
    assert client.ask("ping")["reply_ns"] > 0
    assert not asked


def test_row_40_a_flood_of_requests_costs_no_frame(publisher: Publisher, raw: Callable[..., Any]) -> None:
    ticker = Ticker(publisher)
    with zmq.Context() as context, context.socket(zmq.DEALER) as flood:
        flood.setsockopt(zmq.LINGER, 0)
        flood.connect(publisher.addresses["control"][0])
        sent = 0
        while ticker.posted < 200:
            for _ in range(20):
                sent += 1
                flood.send(msgpack.packb({"op": "?" * 100, "pad": "x" * 3000}))
            time.sleep(0.002)
    ticker.stop()
    assert until(lambda: publisher.sent + publisher.dropped == ticker.posted)
    assert sent > 2 * ticker.posted
    assert publisher.dropped == 0


@pytest.mark.parametrize(
    ("address", "kind", "part"),
    [("control", b"DEALER", 4000), ("public", b"SUB", 900), ("latest", b"SUB", 900)],
)
def test_row_40_a_message_that_never_ends_is_cut_off(
    publisher: Publisher, client: ControlClient, address: str, kind: bytes, part: int
) -> None:
    """By ZMTP 3.0 (RFC 23): each frame says that another one follows."""
    door = threading.Thread(target=publisher.door.run)
    door.start()
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    greeting = b"\xff" + bytes(7) + b"\x01\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
    frames = (b"\x03" + struct.pack(">Q", part) + bytes(part)) * 20
    host, _, port = publisher.addresses[address][0].removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10.0) as endless:
        endless.sendall(greeting + b"\x04" + bytes([len(ready)]) + ready)
        # What comes before the handshake is done is refused as one that failed.
        answer = b""
        while b"READY" not in answer and (more := endless.recv(1000)):
            answer += more
        with pytest.raises(ConnectionError):
            for _ in range(20_000_000 // len(frames)):
                endless.sendall(frames)
                time.sleep(0.005)
    assert until(lambda: publisher.door.counts["flooding"] == 1), publisher.door.counts
    assert client.ask("ping")["reply_ns"] > 0
    publisher.stop()
    door.join(5.0)


@given(st.binary(max_size=300))
def test_row_40_any_bytes_are_a_request_or_a_refusal(payload: bytes) -> None:
    _parse(payload)


_leaf = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text("aé\0", max_size=9)
)
_value = st.recursive(
    _leaf | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
_key = st.sampled_from(["id", "seconds", "sides", "wearer", "text", "found", "client_ns", "session"])


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(st.sampled_from(sorted(control.REQUESTS)), st.dictionaries(_key, _value, max_size=6))
def test_row_40_any_arguments_are_a_request_or_a_refusal(op: str, arguments: dict[str, Any]) -> None:
    _parse(msgpack.packb({**arguments, "op": op}))


def _parse(payload: bytes) -> None:
    try:
        request = control.parse(control.decode(payload))
    except Refusal as refusal:
        assert isinstance(refusal.code, ControlCode)
        assert refusal.text
        assert refusal.remedy
    else:
        assert type(request) in control.REQUESTS.values()
