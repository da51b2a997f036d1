"""A light suit for `bench fleet`: `python -m jetson_runtime.bench.fleet_suit ADDRESS SESSION SECONDS`.

Sends what a service sends on its local address, by the service's own encoder: 200 frames a second that leave together
every 50 ms, `hello` and `status` once a second, an `event` every ten. It computes no network and reads no device: its
numbers are synthetic. It begins once somebody has subscribed to frames, sends every frame that is due however late, and
says at its end (JSON) how many.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections.abc import Sequence

import zmq

from jetson_runtime.inference.frame import Frame, Ground
from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.stream.local import QUEUE_MESSAGES, SEND_PERIOD_NS
from jetson_runtime.suit.signals import PERIOD_NS, RATE_HZ, SIDES, STREAM_NAMES, published_outcomes

_EVENT_S = 10
_SUBSCRIBED = b"\x01" + messages.FRAME.encode()
_COUNT = len(published_outcomes(SIDES))
_ANGLES = sum(item.outcome.kind == "angle" for item in published_outcomes(SIDES))
# Behind the last frame, so that it leaves before the socket closes.
_LINGER_MS = 20_000


def main(words: Sequence[str]) -> None:
    """Sends for so many seconds."""
    address, session, seconds = words[0], words[1], float(words[2])
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
        socket.setsockopt(zmq.LINGER, _LINGER_MS)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.bind(address)
        while socket.recv() != _SUBSCRIBED:
            pass
        sent = _send(socket, session, round(seconds * RATE_HZ))
    sys.stdout.write(json.dumps(sent))


def _send(socket: zmq.Socket[bytes], session: str, count: int) -> dict[str, float]:
    encoder, chance = FrameEncoder(session, SIDES), random.Random(session)
    begun_ns = time.monotonic_ns()
    seq, latest_ns = 0, 0
    while seq < count:
        time.sleep(SEND_PERIOD_NS * 1e-9)
        now_ns = time.monotonic_ns()
        due = min(count, (now_ns - begun_ns) // PERIOD_NS)
        if seq < due:
            latest_ns = max(latest_ns, now_ns - begun_ns - seq * PERIOD_NS)
        for number in range(seq, due):
            payload = encoder.encode(_frame(number, begun_ns, chance), now_ns)
            socket.send_multipart((messages.FRAME.encode(), payload))
            if number % RATE_HZ == 0:
                _tell(socket, session, number // RATE_HZ, now_ns)
        seq = max(seq, due)
    return {"frames": seq, "latest_s": latest_ns * 1e-9}


def _frame(seq: int, begun_ns: int, chance: random.Random) -> Frame:
    t_ns = begun_ns + seq * PERIOD_NS
    swing = math.sin(seq * math.tau / RATE_HZ)
    outcomes = tuple(30.0 * swing + chance.random() for _ in range(_COUNT))
    interval = tuple(3.0 + chance.random() for _ in range(_COUNT))
    ground = (Ground(0.5 + 0.5 * swing, 0.4, 0.5, True), Ground(0.0, math.nan, math.nan, False))
    velocity = tuple(180.0 * swing + chance.random() for _ in range(_ANGLES))
    return Frame(
        seq, t_ns, t_ns, True, "running", 0.0, (), outcomes, ground, interval, (), velocity, moment_valid=True
    )


def _tell(socket: zmq.Socket[bytes], session: str, second: int, now_ns: int) -> None:
    described = messages.describe(
        model={"name": "synthetic", "sha256": "0" * 64},
        engine="none",
        precision="none",
        sides=SIDES,
        body_mass_kg=70.0,
    )
    streams = {name: {"alive": True, "rate_hz": 200.0, "age_ms": 3.0, "drops": 0} for name in STREAM_NAMES}
    status = {
        "state": "running",
        "uptime_s": float(second),
        "missed_ticks": 0,
        "faults": [],
        "streams": streams,
    }
    told = [
        (messages.HELLO, messages.encode_hello(described, session, now_ns)),
        (messages.STATUS, messages.encode_status(status, session, now_ns)),
    ]
    if second % _EVENT_S == 0:
        told.append((messages.EVENT, messages.encode_event("mark", {"trial": str(second)}, session, now_ns)))
    for topic, payload in told:
        socket.send_multipart((topic.encode(), payload))


if __name__ == "__main__":
    main(sys.argv[1:])
