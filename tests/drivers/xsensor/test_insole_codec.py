"""The insole link's codec against the page that defines it, and against damage."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.xsensor import cobs, codec
from drivers.xsensor.codec import Command, Info, InsoleFrame, InsoleParser, Reply, Sample, build_frame

SAMPLE = Sample(
    (1, -2048, 3), (-16, 5, 6), (16384, 0, 0, -1), 70_012, 550, 1600, 3700, -12, bytes(range(235)) * 2
)
INFO = Info("EMULATED", "X4-0001", 5, 3, 8609, 7513, tuple(i % 4 != 0 for i in range(15)))


def feed(data: bytes, edges: list[int]) -> tuple[list[InsoleFrame], dict[str, int]]:
    parser = InsoleParser()
    bounds = [0, *sorted(edge for edge in edges if edge < len(data)), len(data)]
    frames = [f for a, b in itertools.pairwise(bounds) for f in parser.feed(data[a:b], 5)]
    names = (
        "frames",
        "bad_cobs",
        "bad_crc",
        "bad_lengths",
        "unknown_versions",
        "discarded_bytes",
        "pending_bytes",
    )
    return frames, {name: getattr(parser, name) for name in names}


def raw_frame(content: bytes) -> bytes:
    return cobs.encode(content + struct.pack("<H", codec.crc16(content))) + b"\0"


def rebuilt(frame: InsoleFrame) -> bytes:
    return build_frame(
        frame.type,
        frame.side,
        frame.body,
        flags=frame.flags,
        sequence=frame.sequence,
        device_us=frame.device_us,
    )


def test_crc_check_value() -> None:
    assert codec.crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [  # examples of "Consistent Overhead Byte Stuffing", Cheshire and Baker 1999, as listed in its Wikipedia article
        ("00", "0101"),
        ("0000", "010101"),
        ("00110000"[:6], "01021101"),
        ("11220033", "0311220233"),
        ("11223344", "0511223344"),
        ("11000000", "0211010101"),
        (bytes(range(1, 255)).hex(), "ff" + bytes(range(1, 255)).hex()),
        (bytes(range(255)).hex(), "01ff" + bytes(range(1, 255)).hex()),
        (bytes(range(1, 256)).hex(), "ff" + bytes(range(1, 255)).hex() + "02ff"),
        ((bytes(range(2, 256)) + b"\0").hex(), "ff" + bytes(range(2, 256)).hex() + "0101"),
        ((bytes(range(3, 256)) + b"\0\1").hex(), "fe" + bytes(range(3, 256)).hex() + "0201"),
    ],
)
def test_cobs_examples(plain: str, stuffed: str) -> None:
    assert cobs.encode(bytes.fromhex(plain)).hex() == stuffed
    assert cobs.decode(bytes.fromhex(stuffed)) == bytes.fromhex(plain)


def plain_decode(encoded: bytes) -> bytes | None:
    """Block by block, as the algorithm is defined."""
    out, position = b"", 0
    while position < len(encoded):
        code = encoded[position]
        out += encoded[position + 1 : position + code] + (b"" if code == 0xFF else b"\0")
        position += code
    if position != len(encoded) or not encoded:
        return None
    return out if encoded and code == 0xFF else out[:-1]


pieces = (
    st.integers(0, 30).map(lambda n: b"\x01" * n) | st.binary(max_size=8) | st.just(b"\xff" + b"\x01" * 254)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=8).map(b"".join))
def test_cobs_decodes_any_bytes_block_by_block(data: bytes) -> None:
    encoded = data.replace(b"\0", b"")
    assert cobs.decode(encoded) == plain_decode(encoded)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=4), st.binary(max_size=20))
def test_cobs_is_undone_by_its_decoder(runs: list[int], tail: bytes) -> None:
    data = b"\0".join(b"\x07" * n for n in runs) + tail
    stuffed = cobs.encode(data)
    assert 0 not in stuffed
    assert cobs.decode(stuffed) == data
    assert len(stuffed) <= len(data) + 1 + len(data) // 254


def test_a_sample_frame_byte_by_byte_as_the_page_lays_it_out() -> None:
    content = (
        b"\x01\x01\x01\x81"
        + (7).to_bytes(4, "little")
        + (123_456_789_012).to_bytes(8, "little")
        + struct.pack("<hhh", 1, -2048, 3)
        + struct.pack("<hhh", -16, 5, 6)
        + struct.pack("<hhhh", 16384, 0, 0, -1)
        + (70_012).to_bytes(4, "little")
        + struct.pack("<hh", 550, 1600)
        + struct.pack("<Hh", 3700, -12)
        + (235).to_bytes(2, "little")
        + SAMPLE.cells
    )
    wire = build_frame(
        codec.SAMPLE,
        codec.RIGHT,
        codec.encode_sample(SAMPLE),
        flags=0x81,
        sequence=7,
        device_us=123_456_789_012,
    )
    assert wire == raw_frame(content)
    (frame,), counters = feed(wire, [])
    assert frame[:5] == (codec.SAMPLE, codec.RIGHT, 0x81, 7, 123_456_789_012)
    assert codec.decode_sample(frame.body) == SAMPLE
    assert counters["frames"] == 1


def test_the_other_bodies_come_back_as_they_went() -> None:
    assert codec.decode_info(codec.encode_info(INFO)) == INFO
    assert len(codec.encode_info(INFO)) == 16 + 16 + 1 + 1 + 2 + 2 + 2 + 2
    assert codec.encode_info(INFO)[-2:] == bytes((0b11101110, 0b01101110))
    assert codec.encode_command(Command(5, 9, b"\x40\x1f")) == b"\x05\x09\x40\x1f"
    assert codec.decode_command(b"\x05\x09\x40\x1f") == Command(5, 9, b"\x40\x1f")
    assert codec.decode_reply(codec.encode_reply(Reply(5, 9, 2))) == Reply(5, 9, 2)


def test_each_defect_has_its_counter() -> None:
    good = build_frame(codec.SAMPLE, codec.LEFT, codec.encode_sample(SAMPLE))
    header = struct.pack("<BBBBIQ", 1, codec.SAMPLE, 0, 0, 0, 0)
    cells_missing = header + codec.encode_sample(SAMPLE)[:-2]
    info_body = codec.encode_info(INFO)
    defects = {
        "bad_cobs": b"\x09\x01\x02\0",
        "bad_crc": good[:40] + bytes((good[40] ^ 1 or 2,)) + good[41:],
        "bad_lengths": raw_frame(cells_missing),
        "unknown_versions": raw_frame(b"\x02" + header[1:] + codec.encode_sample(SAMPLE)),
    }
    for name, damaged in defects.items():
        frames, counters = feed(good + damaged + good, [])
        assert (len(frames), counters[name], counters["discarded_bytes"]) == (2, 1, len(damaged)), name
        assert sum(counters[other] for other in defects) == 1
    wrong_count = build_frame(codec.INFO, codec.LEFT, info_body[:-1] + b"\x7f")
    too_short = raw_frame(b"\x01\x10\x00")
    endless = b"\x01" * (codec.MAX_FRAME_BYTES + 1) + b"\0"
    frames, counters = feed(wrong_count + too_short + endless + good, list(range(1, 20000, 7)))
    assert (len(frames), counters["bad_lengths"]) == (1, 3)


def test_bytes_of_a_started_frame_and_idle_zeros_are_no_error() -> None:
    good = build_frame(codec.REPLY, codec.LEFT, codec.encode_reply(Reply(1, 1, 0)))
    frames, counters = feed(b"\0\0" + good + good[:6], [3])
    assert len(frames) == 1
    assert (counters["discarded_bytes"], counters["pending_bytes"]) == (2, 6)
    assert counters["bad_crc"] + counters["bad_cobs"] + counters["bad_lengths"] == 0


frames_on_wire = st.builds(
    lambda kind, side, body, sequence: build_frame(kind, side, body, sequence=sequence),
    st.sampled_from([codec.STATUS, codec.COMMAND, 77]),
    st.integers(0, 1),
    st.binary(min_size=2, max_size=300),
    st.integers(0, 2**32 - 1),
)
cut = st.builds(lambda frame, n: frame[: n % len(frame)], frames_on_wire, st.integers(0, 400))
noise = st.binary(max_size=30) | st.just(b"\x01" * (codec.MAX_FRAME_BYTES - 1)) | st.just(b"\0")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(frames_on_wire | cut | noise, max_size=8).map(b"".join),
    st.lists(st.integers(1, 20000), max_size=8),
)
def test_every_byte_is_accounted_for_however_it_is_cut(data: bytes, edges: list[int]) -> None:
    frames, counters = feed(data, edges)
    in_frames = sum(len(rebuilt(frame)) for frame in frames)
    assert counters["frames"] == len(frames)
    assert in_frames + counters["discarded_bytes"] + counters["pending_bytes"] == len(data)
    assert feed(data, []) == (frames, counters)
    assert feed(data, list(range(1, len(data), 3))) == (frames, counters)


@given(st.lists(frames_on_wire, max_size=5))
def test_a_clean_stream_comes_out_as_it_went_in(stream: list[bytes]) -> None:
    frames, counters = feed(b"".join(stream), [11, 50])
    assert [rebuilt(frame) for frame in frames] == stream
    assert counters["discarded_bytes"] == 0
