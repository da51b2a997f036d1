"""What must hold of the two codecs and their readers for any bytes; raises AssertionError where it does not.

The first byte says how the rest is cut into reads, the second whether it comes as it is or as the payload of a packet
whose checksum is right: no fuzzer guesses a CRC.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from math import isfinite, isinf

from drivers.microstrain.codec import SYNC, MipParser, checksum
from drivers.microstrain.fields import ACCEL, GYRO, QUATERNION, TIME
from drivers.microstrain.reader import ImuReader
from drivers.xsensor import codec
from drivers.xsensor.codec import Info, InsoleParser
from drivers.xsensor.pressure import LoadSwitch
from drivers.xsensor.reader import InsoleReader

_LARGEST_READ = 64
_GRID = Info("X4", "1", 31, 11, 8609, 8000, tuple(i < 235 for i in range(31 * 11)))


def mip(data: bytes) -> None:
    """The same packets however it is cut, every byte accounted for, and no sample that is no number."""
    reads = _reads(data, _as_mip_packets)
    whole, cut = MipParser(), MipParser()
    at_once = whole.cut(b"".join(reads))
    in_pieces = [packet for read in reads for packet in cut.cut(read)]
    assert at_once == in_pieces
    for parser in (whole, cut):
        used = sum(map(len, at_once))
        assert used + parser.discarded_bytes + parser.pending_bytes == sum(map(len, reads))
    assert all(packet.endswith(checksum(packet[:-2])) for packet in at_once)
    reader = ImuReader(200.0, (ACCEL, GYRO, QUATERNION, TIME))
    for read in reads:
        for sample in reader.feed(read, 1):
            assert all(map(isfinite, (*sample.accel, *sample.gyro, *(sample.quaternion or ()))))
            assert sample.device_ns >= 0


def insole(data: bytes) -> None:
    """The same frames however it is cut, memory bounded, and no force that no foot exerts."""
    reads = _reads(data, _as_insole_frames)
    whole, cut = InsoleParser(), InsoleParser()
    at_once = whole.feed(b"".join(reads), 1)
    assert at_once == [frame for read in reads for frame in cut.feed(read, 1)]
    assert whole.discarded_bytes == cut.discarded_bytes
    assert max(whole.pending_bytes, cut.pending_bytes) <= codec.MAX_FRAME_BYTES + _LARGEST_READ
    reader = InsoleReader(codec.RIGHT, _GRID, LoadSwitch(35.0, 21.0))
    for read in reads:
        for sample in reader.feed(read, 1):
            assert 0.0 <= sample.force_n <= 20_000.0
            assert not isinf(sample.cop_ap_m) and not isinf(sample.cop_ml_m)
            assert all(map(isfinite, (*(sample.accel or ()), *(sample.gyro or ()))))


TARGETS: dict[str, Callable[[bytes], None]] = {"mip": mip, "insole": insole}


def _reads(data: bytes, wrap: Callable[[bytes], bytes]) -> list[bytes]:
    if len(data) < 2:
        return [data]
    step = 1 + data[0] % _LARGEST_READ
    stream = wrap(data[2:]) if data[1] % 2 else data[2:]
    return [stream[i : i + step] for i in range(0, len(stream), step)]


def _as_mip_packets(data: bytes) -> bytes:
    """Payloads, each behind a byte for its length, in packets of set 0x80."""
    stream = b""
    while data:
        size, data = data[0], data[1:]
        body = SYNC + bytes((0x80, len(data[:size]))) + data[:size]
        stream, data = stream + body + checksum(body), data[size:]
    return stream


def _as_insole_frames(data: bytes) -> bytes:
    """Bodies, each behind a byte for its kind and one for its length."""
    stream = b""
    while len(data) > 1:
        kind, size, data = data[0] % 6, 4 * data[1], data[2:]
        with contextlib.suppress(ValueError):
            stream += codec.build_frame(
                kind, kind % 2, data[:size], flags=kind, sequence=size, device_us=size
            )
        data = data[size:]
    return stream
