"""Runs in the virtual machine: does what the console asks for, and tells there how far it is.

`record`: something that speaks as the service does, to the true recorder; `sent SEQ NS`: that frame has left at that
time of the machine's own clock. `state`: saves one state after the other; `saved N`: that one is on the disk.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from array import array
from pathlib import Path

import msgpack
import zmq

from jetson_runtime import cli  # noqa: F401 - the recorder's process finds it in memory
from jetson_runtime.recording import recorder  # noqa: F401
from jetson_runtime.stream import messages
from jetson_runtime.stream.local import LocalStream
from jetson_runtime.stream.tap import READ, ROW, Tap
from jetson_runtime.suit.signals import CHANNELS, PERIOD_NS, STREAM_NAMES
from jetson_runtime.suit.state import Instant, PartTare, StateFolder, SuitState, TareState

CONFIG = """
[model]
bundle = "none"
[streams]
[output]
local = ["ipc:///run/local"]
[recording]
folder = "/data/recordings"
keep_free_mb = 0
"""
STATE = Path("/data/state")
SESSION = "guest"
# As much as the bytes of a suit and a frame: they do not compress.
READ_BYTES, FRAME_BYTES = 850, 700
TOLD_EVERY = 4


def main() -> None:
    """Ready once the recorder has asked for the stream, which then waits for what the console says."""
    Path("/run/suit.toml").write_text(CONFIG)
    subprocess.Popen([sys.executable, "-m", "jetson_runtime.cli", "record", "--config", "/run/suit.toml"])
    tap = Tap()
    local = LocalStream(SESSION, tap, lambda: {"config": "{}", "build": {}})
    local.bind(zmq.Context(), ("ipc:///run/local",))
    assert local.socket is not None
    local.socket.poll()
    tell("ready")
    jobs = {"record": lambda: stream(tap, local), "state": save}
    while (word := sys.stdin.readline().strip()) not in jobs:
        pass
    tell(f"does {word}")
    jobs[word]()


def stream(tap: Tap, local: LocalStream) -> None:
    """200 times a second."""
    row = array("d", (random.uniform(-10.0, 10.0) for _ in CHANNELS)).tobytes()
    seq = time.monotonic_ns() // PERIOD_NS
    while True:
        seq += 1
        time.sleep(max(0.0, (seq * PERIOD_NS - time.monotonic_ns()) * 1e-9))
        now_ns = time.monotonic_ns()
        if local.socket is not None and local.socket.poll(0):
            local.listen()
        if tap.asked:
            tap.begin(dict)
        tap.add((READ, 0, [(os.urandom(READ_BYTES), now_ns)]))
        tap.woke(now_ns)
        tap.add((ROW, seq, now_ns, row, [now_ns] * len(STREAM_NAMES)))
        local.send(messages.FRAME, frame(seq, now_ns))
        local.pump(now_ns)
        if seq % TOLD_EVERY == 0:
            tell(f"sent {seq} {now_ns}")


def frame(seq: int, now_ns: int) -> bytes:
    """As heavy as a real one, and of random bytes."""
    head = {"topic": messages.FRAME, "v": messages.SCHEMA_VERSION, "session": SESSION}
    filler = os.urandom(FRAME_BYTES)
    payload: bytes = msgpack.packb(head | {"publish_ns": now_ns, "seq": seq, "filler": filler})
    return payload


def save() -> None:
    """As fast as the disk takes it; its number is in its name and all through it."""
    folder, number = StateFolder(STATE), 0
    while True:
        number += 1
        part = PartTare(axes=(number,) * 9, neutral=(number,) * 9, serial=str(number), power_up_ns=number)
        parts = dict.fromkeys(STREAM_NAMES, part)
        folder.save(SuitState(tare=TareState(tare_id=str(number), at=Instant.now(), parts=parts)))
        tell(f"saved {number}")


def tell(line: str) -> None:
    """At once, and whole."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
