"""The MIP codec's promises that no recording shows: false headers, nesting, limits, every byte accounted for."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.microstrain.codec import MipField, MipPacket, MipParser, build_packet, checksum

ACCEL = build_packet(0x80, [(0x04, bytes.fromhex("3c4ccccdbd000000bf802000"))])


def feed_all(data: bytes, edges: list[int]) -> tuple[list[MipPacket], dict[str, int]]:
    parser = MipParser()
    bounds = [0, *sorted(edge for edge in edges if edge < len(data)), len(data)]
    packets = [p for a, b in itertools.pairwise(bounds) for p in parser.feed(data[a:b], 1)]
    return packets, {
        "packets": parser.packets,
        "bad_checksums": parser.bad_checksums,
        "bad_lengths": parser.bad_lengths,
        "discarded_bytes": parser.discarded_bytes,
        "pending_bytes": parser.pending_bytes,
    }


def byte_by_byte(data: bytes) -> tuple[list[MipPacket], dict[str, int]]:
    return feed_all(data, list(range(1, len(data))))


@pytest.mark.parametrize(
    "false_header", [b"\x75\x65\x80\xff", b"\x75\x65\x75\x65\x80\xff", ACCEL[:-1], b"\x75"]
)
def test_a_false_header_never_holds_a_packet_back(false_header: bytes) -> None:
    parser = MipParser()
    assert parser.feed(false_header, 1) == []
    arrived = [len(parser.feed(bytes((byte,)), 2)) for byte in ACCEL + ACCEL]
    assert [i for i, n in enumerate(arrived) if n] == [len(ACCEL) - 1, 2 * len(ACCEL) - 1]
    assert parser.discarded_bytes == len(false_header)
    assert parser.pending_bytes == 0


def test_receive_time_is_that_of_the_read_with_the_last_byte() -> None:
    parser = MipParser()
    assert parser.feed(ACCEL[:10], 100) == []
    first, second = parser.feed(ACCEL[10:] + ACCEL, 200)
    assert (first.receive_ns, second.receive_ns) == (200, 200)


def test_a_cut_packet_costs_only_itself() -> None:
    stream = ACCEL + ACCEL[:11] + ACCEL + ACCEL
    for packets, counters in (feed_all(stream, []), byte_by_byte(stream)):
        assert len(packets) == 3
        assert counters == {
            "packets": 3,
            "bad_checksums": 1,
            "bad_lengths": 0,
            "discarded_bytes": 11,
            "pending_bytes": 0,
        }


def test_shortest_and_longest_packets() -> None:
    empty = build_packet(0x01, [])
    full = build_packet(0x80, [(0x04, bytes(253))])
    assert (len(empty), len(full)) == (6, 261)
    for packets, counters in (feed_all(empty + full, []), byte_by_byte(empty + full)):
        assert [p.fields for p in packets] == [(), (MipField(0x04, bytes(253)),)]
        assert counters["packets"] == 2


@pytest.mark.parametrize("fill", [0x00, 0x74, 0xFF])
def test_the_checksum_of_every_length(fill: int) -> None:
    """`checksum` is MIP's definition written out; the parser sums in blocks."""
    for size in range(254):
        packet = build_packet(0x80, [(0x04, bytes((fill,)) * size)])
        packets, _ = feed_all(packet, [])
        assert len(packets) == 1
        for wrong in (
            packet[:-1] + bytes((packet[-1] ^ 1,)),
            packet[:-2] + bytes((packet[-2] ^ 128, packet[-1])),
        ):
            assert feed_all(wrong, [])[1]["bad_checksums"] == 1


def test_descriptor_set_zero_is_no_packet() -> None:
    body = b"\x75\x65\x00\x02\x02\x01"
    packets, counters = feed_all(body + checksum(body) + ACCEL, [])
    assert len(packets) == 1
    assert counters["discarded_bytes"] == 8


@pytest.mark.parametrize(
    ("descriptor_set", "fields"),
    [
        (0, [(1, b"")]),
        (256, [(1, b"")]),
        (1, [(1, bytes(254))]),
        (1, [(256, b"")]),
        (1, [(1, bytes(126)), (1, bytes(126))]),
    ],
)
def test_what_mip_cannot_say_is_not_built(descriptor_set: int, fields: list[tuple[int, bytes]]) -> None:
    with pytest.raises(ValueError, match="MIP"):
        build_packet(descriptor_set, fields)


def test_a_flood_of_sync_bytes_stays_bounded() -> None:
    packets, counters = feed_all(b"\x75\x65" * 5000 + ACCEL, [3000])
    assert len(packets) == 1
    assert counters["discarded_bytes"] == 10000


fields = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=4)
good = st.builds(build_packet, st.integers(1, 255), fields)
cut = st.builds(lambda packet, n: packet[: n % len(packet)], good, st.integers(0, 300))
header = st.builds(lambda a, b: bytes((0x75, 0x65, a, b)), st.integers(0, 255), st.integers(0, 255))


@st.composite
def nested(draw: st.DrawFn) -> bytes:
    """A right packet with other packets, whole or cut, in its payload."""
    inside = b"".join(draw(st.lists(good | cut | header, max_size=3)))[:250]
    return build_packet(draw(st.integers(1, 255)), [(draw(st.integers(0, 255)), inside)])


@st.composite
def right_sum_wrong_fields(draw: st.DrawFn) -> bytes:
    payload = draw(st.binary(max_size=30) | good)[:255]
    body = bytes((0x75, 0x65, draw(st.integers(0, 255)), len(payload))) + payload
    return body + checksum(body)


streams = st.lists(
    good | cut | header | nested() | right_sum_wrong_fields() | st.binary(max_size=12) | st.just(b"\x75\x65"),
    max_size=8,
).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(streams, st.lists(st.integers(1, 600), max_size=6))
def test_every_byte_is_accounted_for_however_it_is_cut(data: bytes, edges: list[int]) -> None:
    packets, counters = feed_all(data, edges)
    built = sum(len(build_packet(packet.descriptor_set, packet.fields)) for packet in packets)
    assert counters["packets"] == len(packets)
    assert built + counters["discarded_bytes"] + counters["pending_bytes"] == len(data)
    assert byte_by_byte(data) == (packets, counters)
    assert feed_all(data, []) == (packets, counters)


@settings(max_examples=150, deadline=None)
@given(st.lists(good, max_size=6), st.randoms(use_true_random=False))
def test_a_clean_stream_comes_out_as_it_went_in(stream: list[bytes], pick: random.Random) -> None:
    data = b"".join(stream)
    packets, counters = feed_all(data, [pick.randrange(1, 80) for _ in range(5)])
    rebuilt = [build_packet(packet.descriptor_set, packet.fields) for packet in packets]
    if not any(b"\x75\x65" in packet[2:] for packet in stream):
        assert rebuilt == stream
        assert counters["discarded_bytes"] == 0
