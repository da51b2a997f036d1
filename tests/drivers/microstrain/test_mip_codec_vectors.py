"""The MIP codec against what the vendor's real parser made of recorded and built bytes (../shared/protocol/mip.md)."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from drivers.microstrain.codec import MipField, MipPacket, MipParser, build_packet

# The vendor's two parsers disagree on packets whose field lengths do not add up; ours is the stricter one.
FIELDS_DO_NOT_ADD_UP = {
    "field_len_0",
    "field_len_1",
    "field_overruns_payload",
    "second_field_overruns",
    "trailing_payload_byte",
}


@pytest.fixture(scope="module")
def vectors(shared: Path) -> list[dict[str, Any]]:
    return json.loads((shared / "protocol" / "mip_vectors.json").read_text())


@pytest.fixture(scope="module")
def recording(shared: Path) -> bytes:
    return (shared / "protocol" / "mip_data.bin").read_bytes()


def expected_packets(vector: dict[str, Any]) -> list[tuple[int, tuple[MipField, ...]]]:
    """What must come out of one vector: its own packet, or the composite's; late packets without the wait."""
    if vector["name"] in FIELDS_DO_NOT_ADD_UP:
        return []
    packets = vector.get("packets", []) + vector.get("packets_after_timeout", [])
    return [
        (
            int(packet["descriptor_set"], 16),
            tuple(MipField(int(f["descriptor"], 16), bytes.fromhex(f["hex"])) for f in packet["fields"]),
        )
        for packet in ([vector] if vector["valid"] else packets)
    ]


def parse(data: bytes, cuts: list[int]) -> tuple[list[MipPacket], MipParser]:
    parser = MipParser()
    edges = [0, *cuts, len(data)]
    packets = [p for a, b in itertools.pairwise(edges) for p in parser.feed(data[a:b], 7)]
    return packets, parser


def counters(parser: MipParser) -> tuple[int, int, int, int, int]:
    return (
        parser.packets,
        parser.bad_checksums,
        parser.bad_lengths,
        parser.discarded_bytes,
        parser.pending_bytes,
    )


def packet_bytes(packets: list[MipPacket]) -> int:
    return sum(6 + sum(2 + len(field.data) for field in packet.fields) for packet in packets)


def ways_to_cut(data: bytes) -> list[list[int]]:
    pick = random.Random(len(data))
    whole: list[int] = []
    single = list(range(1, len(data)))
    pieces = [sorted(pick.sample(single, min(len(single), n))) for n in (1, 2, 3, 5)]
    return [whole, single, *pieces]


def test_every_vector_in_every_cut(vectors: list[dict[str, Any]]) -> None:
    assert len(vectors) == 104
    for vector in vectors:
        data = bytes.fromhex(vector["hex"])
        outcomes = set()
        for cuts in ways_to_cut(data):
            packets, parser = parse(data, cuts)
            got = [(packet.descriptor_set, packet.fields) for packet in packets]
            assert got == expected_packets(vector), (vector["name"], cuts)
            assert all(packet.receive_ns == 7 for packet in packets)
            assert packet_bytes(packets) + parser.discarded_bytes + parser.pending_bytes == len(data)
            outcomes.add(counters(parser))
        assert len(outcomes) == 1, vector["name"]


def test_bad_packets_are_counted_by_their_defect(vectors: list[dict[str, Any]]) -> None:
    by_name = {vector["name"]: bytes.fromhex(vector["hex"]) for vector in vectors}
    for name in FIELDS_DO_NOT_ADD_UP:
        _, parser = parse(by_name[name], [])
        assert (parser.bad_lengths, parser.bad_checksums) == (1, 0), name
    for name in ("bad_cksum_lsb", "bad_cksum_msb", "bad_payload_bit", "mscl_test_zero_accel_bad_cksum"):
        _, parser = parse(by_name[name], [])
        assert (parser.bad_lengths, parser.bad_checksums) == (0, 1), name
        assert parser.discarded_bytes + parser.pending_bytes == len(by_name[name])


def test_single_packet_vectors_rebuild_to_their_own_bytes(vectors: list[dict[str, Any]]) -> None:
    rebuilt = 0
    for vector in vectors:
        if vector["valid"] and vector["name"] not in FIELDS_DO_NOT_ADD_UP:
            descriptor_set, fields = expected_packets(vector)[0]
            assert build_packet(descriptor_set, fields) == bytes.fromhex(vector["hex"]), vector["name"]
            rebuilt += 1
    assert rebuilt > 70


def test_the_recording_holds_the_packets_the_vendor_counted(recording: bytes) -> None:
    packets, parser = parse(recording, [])
    assert Counter(p.descriptor_set for p in packets) == {0x80: 7157, 0x82: 714, 0xA0: 512, 0x01: 1}
    assert counters(parser) == (8384, 0, 0, 0, 0)
    assert b"".join(build_packet(p.descriptor_set, p.fields) for p in packets) == recording


def test_the_recording_cut_anyhow_gives_the_same_packets(recording: bytes) -> None:
    whole, _ = parse(recording, [])
    pick = random.Random(2)
    for cuts in (
        list(range(1, len(recording))),
        sorted(pick.sample(range(1, len(recording)), 4000)),
        list(range(64, len(recording), 64)),
    ):
        packets, parser = parse(recording, cuts)
        assert packets == whole
        assert counters(parser) == (8384, 0, 0, 0, 0)


def test_one_damaged_byte_costs_the_recording_one_packet(recording: bytes) -> None:
    whole, _ = parse(recording, [])
    data = bytearray(recording)
    pick = random.Random(3)
    starts, position = [], 0
    for packet in whole:
        starts.append(position)
        position += packet_bytes([packet])
    hurt = sorted(pick.sample(range(len(whole) - 1), 300))
    for index in hurt:
        data[starts[index] + pick.randrange(4, packet_bytes([whole[index]]))] ^= 1 << pick.randrange(8)
    packets, parser = parse(bytes(data), [])
    kept = [packet for index, packet in enumerate(whole) if index not in set(hurt)]
    assert packets == kept
    assert parser.bad_checksums == 300
    assert packet_bytes(packets) + parser.discarded_bytes == len(data)


def test_noise_between_packets_loses_none(recording: bytes) -> None:
    whole, _ = parse(recording[:20000], [])
    pick = random.Random(4)
    noisy = b"".join(
        build_packet(p.descriptor_set, p.fields) + pick.randbytes(pick.randrange(40)) for p in whole
    )
    packets, parser = parse(noisy, ways_to_cut(noisy)[4])
    assert packets == whole
    assert parser.discarded_bytes + parser.pending_bytes == len(noisy) - packet_bytes(whole)
