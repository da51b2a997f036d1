"""A frame as a packet of fixed layout, for Simulink and microcontrollers: docs/clients.md has it byte by byte.

Little-endian, without padding; what is not known is NaN, or -1 where it is a time. The CRC-32 is that of IEEE 802.3
over all bytes before it. Any change of layout raises VERSION. Standard library only.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

from jetson_runtime.stream.frame_encoder import all_finite
from jetson_runtime.suit.signals import SIDES, STREAM_INDEX, published_outcomes

if TYPE_CHECKING:
    from jetson_runtime.inference.frame import Frame

MAGIC = b"2SKN"
VERSION = 1
# Bits of `flags`; the state's number, as in STATES, lies in bits 8 and 9.
VALID, MOMENT_VALID, ALIVE, CONTACT_R, CONTACT_L, UNUSUAL, DIVERGING = (1 << bit for bit in range(7))
STATES = ("waiting", "degraded", "settling", "running")
STATE_SHIFT = 8
# Of whole suits; a leg that is not computed holds NaN.
ANGLE_NAMES = tuple(item.name for item in published_outcomes(SIDES) if item.outcome.kind == "angle")
NOT_YET = -1

# magic, version, size, session, flags, seq, t_ns, publish_ns, age_ms, missing; angles, moments, velocities; vgrf,
# cop_ap and cop_ml of the right foot and of the left, 4 bytes that are 0, the feet's heel strikes and toe-offs.
_BODY = struct.Struct(f"<4sHHIIQqqfI{3 * len(ANGLE_NAMES)}f6fI4q")
_CRC = struct.Struct("<I")
SIZE = _BODY.size + _CRC.size
PUBLISH_NS_AT = 32


class DatagramEncoder:
    """Packets of one session, whose `session` is the CRC-32 of the stream's own text for it."""

    def __init__(self, session: str, sides: tuple[str, ...]) -> None:
        self._session = zlib.crc32(session.encode())
        outcomes = published_outcomes(sides)
        angles = [item.name for item in outcomes if item.outcome.kind == "angle"]
        places = {item.name: i for i, item in enumerate(outcomes)}
        # Behind the values lies the NaN of those that are not computed.
        nowhere = len(outcomes)
        self._angles = [places.get(name, nowhere) for name in ANGLE_NAMES]
        self._moments = [places.get(f"{name}_moment", nowhere) for name in ANGLE_NAMES]
        self._velocities = [angles.index(name) if name in angles else len(angles) for name in ANGLE_NAMES]

    def encode(self, frame: Frame, publish_ns: int, diverging: bool) -> bytes:
        """SIZE bytes. As `valid` as the `frame` message: never with a value that is no number."""
        valid = frame.valid and all_finite(frame)
        outcomes = (
            (*frame.outcomes, _NAN) if valid or not frame.valid else (_NAN,) * (len(frame.outcomes) + 1)
        )
        velocity = (*frame.velocity, _NAN)
        right, left = frame.ground
        flags = (
            VALID * valid
            | MOMENT_VALID * frame.moment_valid
            | ALIVE * (frame.state != "waiting")
            | CONTACT_R * right.contact
            | CONTACT_L * left.contact
            | UNUSUAL * bool(frame.unusual)
            | DIVERGING * diverging
            | STATES.index(frame.state) << STATE_SHIFT
        )
        body = _BODY.pack(
            MAGIC,
            VERSION,
            SIZE,
            self._session,
            flags,
            frame.seq,
            frame.t_ns,
            publish_ns,
            (publish_ns - frame.t_ns) * 1e-6,
            sum([1 << STREAM_INDEX[name] for name in frame.missing]),
            *[outcomes[i] for i in self._angles],
            *[outcomes[i] for i in self._moments],
            *[velocity[i] for i in self._velocities],
            right.vgrf,
            right.cop_ap,
            right.cop_ml,
            left.vgrf,
            left.cop_ap,
            left.cop_ml,
            0,
            *[
                NOT_YET if ns is None else ns
                for foot in (right, left)
                for ns in (foot.heel_strike_ns, foot.toe_off_ns)
            ],
        )
        return body + _CRC.pack(zlib.crc32(body))


_NAN = math.nan
