"""Consistent overhead byte stuffing (Cheshire and Baker 1999): zero bytes are left to mean the end of a frame."""

from __future__ import annotations

import re

# Zeros in a row are codes of 1 in a row: a map of an unloaded foot is little else.
_LONG_RUN = b"\x01" * 8
_RUN = re.compile(b"\x01+")


def encode(data: bytes) -> bytes:
    """The same content without a zero byte."""
    out = bytearray()
    blocks = data.split(b"\0")
    for block in blocks:
        rest = block
        while len(rest) > 253:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
        out.append(len(rest) + 1)
        out += rest
    if blocks[-1] and len(blocks[-1]) % 254 == 0:
        del out[-1]  # a full block at the very end needs no empty one behind it
    return bytes(out)


def decode(encoded: bytes) -> bytes | None:
    """The content of `encoded`, which holds no zero byte; None where a block reaches past the end."""
    raw = bytearray(encoded)
    joints = []
    position, size = 0, len(encoded)
    try:
        while True:
            code = encoded[position]
            raw[position] = 0
            position += code
            if code == 1:
                if encoded[position] == 1 and encoded.startswith(_LONG_RUN, position):
                    start, position = position, _after_run(encoded, position)
                    raw[start:position] = bytes(position - start)
            elif code == 0xFF:
                joints.append(position)
    except IndexError:  # there is no further code
        pass
    if position != size or not size:
        return None
    for joint in reversed(joints):
        del raw[joint : joint + 1]
    return bytes(raw[1:])


def _after_run(encoded: bytes, position: int) -> int:
    """Where the codes of 1 end that begin at `position`."""
    run = _RUN.match(encoded, position)
    return run.end() if run else position
