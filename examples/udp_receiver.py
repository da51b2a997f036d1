"""Receives the packets that `[output] udp` of suit.toml names, and prints them. Standard library only: a pattern for
Simulink's UDP Receive and for microcontrollers.

    python examples/udp_receiver.py --port 9000 --count 200

docs/clients.md has the layout byte by byte. A receiver checks length, magic, version and CRC, and throws away what
comes out of order; it has no connection that could tell of a service's end: that no packet came that may be acted on,
for whatever reason, is all there is to go by.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import struct
import time
import zlib
from typing import NamedTuple

MAGIC, VERSION, SIZE = b"2SKN", 1, 196
LAYOUT = struct.Struct("<4sHHIIQqqfI21f6fI4qI")
NAMES = (
    "hip_flexion_r",
    "knee_angle_r",
    "ankle_angle_r",
    "lumbar_extension",
    "hip_flexion_l",
    "knee_angle_l",
    "ankle_angle_l",
)
STATES = ("waiting", "degraded", "settling", "running")
# A controller brings its torque down by itself, in a ramp, once nothing it may act on has come for so long.
SILENCE_S = 0.05
# A packet that was sent this long after its instant tells of a movement that is over, however new it is.
LATE_MS = 50.0


class Foot(NamedTuple):
    """vgrf in bodyweights, centre of pressure in foot lengths and widths; times in ns, -1 before the first."""

    vgrf: float
    cop_ap: float
    cop_ml: float
    contact: bool
    heel_strike_ns: int
    toe_off_ns: int


class Packet(NamedTuple):
    """One frame: degrees, Nm/kg and deg/s by OpenSim name."""

    session: int
    seq: int
    t_ns: int
    publish_ns: int
    age_ms: float
    valid: bool
    moment_valid: bool
    alive: bool
    unusual: bool
    diverging: bool
    state: str
    missing: int
    angle: dict[str, float]
    moment: dict[str, float]
    velocity: dict[str, float]
    right: Foot
    left: Foot


def decode(data: bytes) -> Packet | None:
    """None for what is no packet of this version, or was damaged on the way."""
    if len(data) != SIZE or data[:4] != MAGIC or struct.unpack_from("<HH", data, 4) != (VERSION, SIZE):
        return None
    if zlib.crc32(data[:-4]) != struct.unpack_from("<I", data, SIZE - 4)[0]:
        return None
    _, _, _, session, flags, seq, t_ns, publish_ns, age_ms, missing, *values = LAYOUT.unpack(data)
    n = len(NAMES)
    ground, times = values[3 * n : 3 * n + 6], values[3 * n + 7 : 3 * n + 11]
    return Packet(
        session,
        seq,
        t_ns,
        publish_ns,
        age_ms,
        bool(flags & 1),
        bool(flags & 2),
        bool(flags & 4),
        bool(flags & 32),
        bool(flags & 64),
        STATES[flags >> 8 & 3],
        missing,
        dict(zip(NAMES, values[:n], strict=True)),
        dict(zip(NAMES, values[n : 2 * n], strict=True)),
        dict(zip(NAMES, values[2 * n : 3 * n], strict=True)),
        Foot(*ground[:3], bool(flags & 8), *times[:2]),
        Foot(*ground[3:], bool(flags & 16), *times[2:]),
    )


def tell(line: str) -> None:
    """Nobody who does not read, or no longer, may hold up or end who controls a machine."""
    with contextlib.suppress(OSError):
        if select.select([], [1], [], 0)[1]:
            os.write(1, f"{line}\n".encode())


def main() -> None:
    """Prints what comes; says when nothing does. Ctrl-C ends it."""
    parser = argparse.ArgumentParser(description="Print the packets of a suit.")
    parser.add_argument("--host", default="127.0.0.1", help="address of this machine to listen on")
    parser.add_argument("--port", type=int, required=True, help="0: one that is free, and told")
    parser.add_argument("--count", type=int, help="end after so many packets")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        try:
            receiver.bind((options.host, options.port))
        except (OSError, OverflowError, UnicodeError) as error:
            parser.error(f"--host {options.host} --port {options.port}: {error}")
        if options.port == 0:
            tell(f"listening on port {receiver.getsockname()[1]}")
        listen(receiver, options.count)


def listen(receiver: socket.socket, count: int | None) -> None:
    """One line a packet, until `count` of them."""
    newest = (0, 0)
    seen = bad = 0
    deadline_s, is_down = time.monotonic() + SILENCE_S, False
    while count is None or seen < count:
        # Looked at before each packet: no stream of packets that are damaged or not valid may hold it up.
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 and not is_down:
            is_down = True
            tell(f"nothing valid for {SILENCE_S * 1e3:.0f} ms: bring the torque down")
        receiver.settimeout(left_s if left_s > 0 else SILENCE_S)
        try:
            packet = decode(receiver.recv(2048))
        except TimeoutError:
            continue
        if packet is None:
            bad += 1
            continue
        if packet.session == newest[0] and packet.seq <= newest[1]:
            continue  # overtaken on the way
        newest = (packet.session, packet.seq)
        seen += 1
        if packet.valid and packet.moment_valid and packet.age_ms <= LATE_MS:
            deadline_s, is_down = time.monotonic() + SILENCE_S, False
        now_ms = (time.monotonic_ns() - packet.publish_ns) * 1e-6
        tell(
            f"{packet.seq} {packet.state} {'valid' if packet.valid else 'not valid'}  sent {packet.age_ms:.1f} ms "
            f"after its instant, read {now_ms:.1f} ms after that  knee {packet.angle['knee_angle_r']:.1f} deg "
            f"{packet.moment['knee_angle_r']:.2f} Nm/kg {packet.velocity['knee_angle_r']:.0f} deg/s  bad {bad}"
        )


if __name__ == "__main__":
    main()
