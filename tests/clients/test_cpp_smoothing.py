"""The low-pass of the C++ client: the Python client's numbers on the same frames."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
from collections.abc import Sequence
from typing import Any

import msgpack
import pytest
from built import Builder
from test_cpp_messages import message

from jetson_runtime.stream.received import received
from jetson_runtime.stream.smoothing import Smoothing

KINDS = ("angle", "moment", "velocity")


def told(build: Builder, cutoff_hz: float, payloads: Sequence[bytes]) -> tuple[float, list[dict[str, Any]]]:
    """The delay, and the smoothed values after each."""
    stdin = b"".join(struct.pack("<Iq", len(payload), 1) + payload for payload in payloads)
    done = subprocess.run(
        [build.driver("smooth"), str(cutoff_hz)], input=stdin, capture_output=True, check=True
    )
    delay, *lines = done.stdout.splitlines()
    return float(delay), [json.loads(line) for line in lines]


def expected(cutoff_hz: float, payloads: Sequence[bytes]) -> list[dict[str, Any]]:
    smoothing = Smoothing(cutoff_hz)
    frames = [smoothing.update(received(msgpack.unpackb(payload), 1)) for payload in payloads]
    return [{kind: getattr(frame, kind) for kind in KINDS} for frame in frames]


def walk(count: int, chance: random.Random) -> list[bytes]:
    """Noise on sines; frames are lost, a few and many; services restart; `valid` ends and begins; values are NaN, or
    their names not there."""
    payloads, seq, session, valid = [], 0, "a", True
    for i in range(count):
        seq += chance.choice([1] * 60 + [2, 5, 10, 11, 12, 13, 40])
        if chance.random() < 0.01:
            session, seq = f"{i}", chance.choice([0, seq])
        if chance.random() < 0.02:
            valid = not valid
        values = {
            f"{kind}_{n}": math.nan
            if chance.random() < 0.02
            else math.sin(0.05 * i + n) + chance.gauss(0.0, 0.1)
            for kind in KINDS
            for n in range(3)
            if n < 2 or chance.random() < 0.9
        }
        tables = {kind: {name: v for name, v in values.items() if name.startswith(kind)} for kind in KINDS}
        payloads.append(message(seq, session=session, valid=valid, **tables))
    return payloads


@pytest.mark.parametrize("cutoff_hz", [2.0, 6.0, 20.0, 99.0])
def test_it_gives_the_numbers_of_the_python_client(build: Builder, cutoff_hz: float) -> None:
    payloads = walk(3000, random.Random(7))
    delay_ms, found = told(build, cutoff_hz, payloads)
    assert delay_ms == pytest.approx(Smoothing(cutoff_hz).delay_ms, rel=1e-9)
    assert len(found) == len(payloads)
    for one, other in zip(found, expected(cutoff_hz, payloads), strict=True):
        assert one.keys() == other.keys()
        for kind in KINDS:
            assert one[kind] == pytest.approx(other[kind], rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("cutoff_hz", [0.0, -1.0, 100.0, math.nan])
def test_what_is_no_cut_off_is_refused(build: Builder, cutoff_hz: float) -> None:
    done = subprocess.run(
        [build.driver("smooth"), str(cutoff_hz)], input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "cut-off" in done.stderr
