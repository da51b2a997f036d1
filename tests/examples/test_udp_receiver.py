"""examples/udp_receiver.py as a process: what it refuses, and who reads it or not."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_stream import make_frame

from jetson_runtime.stream.datagram import DatagramEncoder
from jetson_runtime.suit.signals import SIDES

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "udp_receiver.py"
GOOD = 200


@contextmanager
def receiving(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """It listens, and has told its port."""
    command = [sys.executable, str(EXAMPLE), "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            assert told.startswith("listening on port ")
            yield process, int(told.split()[-1])
        finally:
            process.kill()


def send(port: int, first: int, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        encoder = DatagramEncoder("s1", SIDES)
        for seq in range(first, first + count):
            frame = make_frame(seq)
            sender.sendto(encoder.encode(frame, frame.t_ns + 2_000_000, False), ("127.0.0.1", port))
            time.sleep(0.001)


@pytest.mark.parametrize("reader", ["gone", "stalled"])
def test_a_reader_that_is_gone_or_stalls_does_not_end_or_hold_it_up(reader: str) -> None:
    """It has read all of its packets, which it counts, though 64 KiB of the pipe are full before."""
    packets = 2000 if reader == "stalled" else GOOD
    with receiving("--count", str(packets)) as (process, port):
        assert process.stdout is not None and process.stderr is not None
        if reader == "gone":
            process.stdout.close()
        end_s, sent = time.monotonic() + 60.0, 0
        while process.poll() is None and time.monotonic() < end_s:  # some are lost on a busy machine
            send(port, sent + 1, 50)
            sent += 50
        assert process.poll() == 0
        assert process.stderr.read() == ""


def test_a_stdout_that_takes_nothing_does_not_end_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(EXAMPLE), "--port", str(port), "--count", str(GOOD)]
    with Path("/dev/full").open("w") as full, subprocess.Popen(command, stdout=full) as process:
        end_s, sent = time.monotonic() + 60.0, 0
        while process.poll() is None and time.monotonic() < end_s:
            send(port, sent + 1, 50)
            sent += 50
        process.kill()
        assert process.returncode == 0


def test_it_ends_by_ctrl_c_without_a_traceback() -> None:
    with receiving() as (process, _):
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30.0)
        assert (process.returncode, errors) == (0, "")
        assert "Traceback" not in out


def test_an_address_that_cannot_be_listened_on_is_refused_in_words() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        for words, why in (
            (("--port", "70000"), "0-65535"),
            (("--port", "0", "--host", "no.such.host.invalid"), "no.such.host.invalid"),
            (("--port", "0", "--host", "x" * 300), "xxx"),
            (("--port", str(other.getsockname()[1])), "in use"),
        ):
            done = subprocess.run(
                [sys.executable, str(EXAMPLE), *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 2 and why in done.stderr and "Traceback" not in done.stderr, words
