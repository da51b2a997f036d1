"""What the C++ client makes of messages, whatever they hold and whenever they come: no socket, the time is ours."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest
from built import Builder

from jetson_runtime.stream import messages

SANITIZED = (
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-D_GLIBCXX_ASSERTIONS",
)


def message(seq: int = 0, publish_ns: int = 0, **changes: Any) -> bytes:
    """A `frame` as the service writes it."""
    foot = {"vgrf": 0.5, "cop_ap": 0.4, "cop_ml": 0.6, "contact": True}
    frame = {
        "topic": "frame",
        "v": messages.SCHEMA_VERSION,
        "session": "3f9a2c11",
        "seq": seq,
        "t": publish_ns * 1e-9,
        "t_ns": publish_ns,
        "publish_ns": publish_ns,
        "age_ms": 0.0,
        "oldest_ms": 15.0,
        "valid": True,
        "state": "running",
        "settling_ms": 0.0,
        "missing": (),
        "angle": {f"hip_flexion_and_more_{i}": float(i) for i in range(7)},
        "moment": {f"hip_flexion_and_more_{i}_moment": float(i) for i in range(7)},
        "ground": {"r": foot, "l": foot | {"heel_strike_ns": 7, "toe_off_ns": None}},
        "interval": {f"hip_flexion_and_more_{i}": float(i) for i in range(14)},
        "unusual": (),
        "angle_imu": {},
        "diverging": (),
    }
    packed: bytes = msgpack.packb(frame | changes)
    return packed


def fed(build: Builder, clock: str, records: Sequence[tuple[int, bytes]]) -> list[dict[str, Any]]:
    """What the client says after each of (now_ns, payload). clock: as of feed.cpp."""
    stdin = b"".join(struct.pack("<Iq", len(payload), now_ns) + payload for now_ns, payload in records)
    done = subprocess.run(
        [build.driver("feed"), *clock.split()], input=stdin, capture_output=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def steady(
    count: int,
    *,
    period_ns: int = 5_000_000,
    start_ns: int = 10**9,
    ahead_ns: int = 0,
    skew: float = 0.0,
    **changes: Any,
) -> list[tuple[int, bytes]]:
    """Frames that come 1 ms after their sending by a clock that is ahead of ours and runs faster by `skew`."""
    times = [start_ns + seq * period_ns for seq in range(count)]
    return [
        (now_ns, message(seq, now_ns - 1_000_000 + ahead_ns + round(skew * now_ns), **changes))
        for seq, now_ns in enumerate(times)
    ]


def test_alive_rate_ok_and_valid_are_three_things(build: Builder) -> None:
    frames = steady(110)
    told = fed(build, "same", [*frames, (frames[-1][0] + 49_000_000, b"\x80")])
    assert all(one["alive"] and one["valid"] and one["fresh"] for one in told[:110])
    assert [one["rate_ok"] for one in told[:110]] == [False] * 99 + [True] * 11
    assert (told[-1]["alive"], told[-1]["fresh"], told[-1]["malformed"]) == (False, False, 1)
    slow = [
        (10**9 + 6_000_000 * seq, message(seq, 10**9 + 6_000_000 * seq, valid=False)) for seq in range(200)
    ]
    last = fed(build, "same", slow)[-1]
    assert (last["alive"], last["rate_ok"], last["valid"]) == (True, False, False)


def test_a_service_whose_clock_is_ahead_is_never_taken_for_fresh(build: Builder) -> None:
    told = fed(build, "same", steady(110, ahead_ns=10**12))
    assert not any(one["alive"] or one["fresh"] for one in told)


def test_a_measured_offset_is_counted_in(build: Builder) -> None:
    told = fed(build, f"{10**12} 5000000", steady(110, ahead_ns=10**12 + 3_000_000))  # measured 3 ms wrong
    assert all(one["alive"] and one["fresh"] for one in told)
    wrong = steady(110, ahead_ns=10**12 - 10**8)
    assert not any(one["alive"] for one in fed(build, f"{10**12} 5000000", wrong))


@pytest.mark.parametrize("error_ms", [0.0, 3.0, 12.0, 30.0])
def test_a_frame_is_taken_to_be_as_old_as_it_can_be(build: Builder, error_ms: float) -> None:
    """By what the offset may be wrong, and 100 ppm of the time since it was measured: the Python client's rule."""
    seconds = (1, 30, 60, 90, 120, 240, 480, 600)
    age_ns = 1_000_000
    frames = [(s * 10**9, message(s, s * 10**9 - age_ns)) for s in seconds]
    told = fed(build, f"0 {round(error_ms * 1e6)}", frames)
    for second, one in zip(seconds, told, strict=True):
        most_ms = 1.0 + error_ms + 1e-4 * second * 1e3
        assert one["fresh"] == (most_ms < 20.0)
        assert one["alive"] == (most_ms < 50.0)
    within = [(10**9, message(0, 10**9 + round((error_ms + 0.05) * 1e6)))]
    beyond = [(10**9, message(0, 10**9 + round((error_ms + 0.15) * 1e6)))]
    assert fed(build, f"0 {round(error_ms * 1e6)}", within)[0]["alive"]
    assert not fed(build, f"0 {round(error_ms * 1e6)}", beyond)[0]["alive"]


@pytest.mark.parametrize("skew", [-50e-6, 0.0, 50e-6])
def test_another_machines_clock_is_followed_while_it_drifts_and_a_stall_stays_one(
    build: Builder, skew: float
) -> None:
    """Ten minutes, in which 50 ppm are 30 ms; then a minute of nothing, and first what had waited."""
    frames = steady(15_000, period_ns=40_000_000, ahead_ns=10**12, skew=skew)
    later_ns = frames[-1][0] + 60 * 10**9
    told = fed(build, "other", [*frames, *[(later_ns, payload) for _, payload in frames[-20:]]])
    assert all(one["alive"] and one["fresh"] for one in told[:15_000])
    assert not any(one["alive"] or one["fresh"] for one in told[15_000:])


def test_a_machine_that_booted_anew_is_followed_from_its_new_session_on(build: Builder) -> None:
    frames = steady(200, ahead_ns=10**12) + steady(200, start_ns=10**11, ahead_ns=10**9 - 10**11, session="b")
    told = fed(build, "other", frames)
    assert all(one["alive"] and one["fresh"] for one in told)
    assert [one["restarts"] for one in told] == [0] * 200 + [1] * 200
    assert told[-1]["missed"] == 0


def test_a_gap_in_the_numbers_is_counted(build: Builder) -> None:
    told = fed(build, "same", [(seq, message(seq, seq)) for seq in (10, 11, 15, 16, 18)])
    assert [one["missed"] for one in told] == [0, 0, 3, 3, 4]


def test_frames_after_the_first_two_ask_for_no_memory(build: Builder) -> None:
    told = fed(build, "same", steady(50))
    assert told[0]["allocations"] > 0
    assert [one["allocations"] for one in told[2:]] == [0] * 48


def test_fields_of_a_later_version_are_passed_over(build: Builder) -> None:
    deep: Any = None
    for _ in range(400):
        deep = [{"more": deep}]
    later = {
        "of": [1, -1, 2**63, -(2**63), 1.5, None, True, "x" * 300, b"y" * 70_000, [0] * 70_000],
        "deep": deep,
    }
    more = {
        "new": later,
        "velocity": {"knee_angle_r": 3},
        "moment_valid": False,
        "stamp": msgpack.ExtType(5, b"1234"),
    }
    assert [one["frames"] for one in fed(build, "same", [(1, message(1, 1, **more))])] == [1]


def test_moments_of_a_service_that_does_not_tell_their_validity_are_not_valid(build: Builder) -> None:
    told = fed(build, "same", [(1, message(1, 1)), (2, message(2, 2, moment_valid=True)), (3, message(3, 3))])
    assert [one["moment_valid"] for one in told] == [False, True, False]


def test_what_is_no_frame_is_counted_and_passed_over(build: Builder) -> None:
    whole = message()
    bad = [
        os.urandom(40),
        b"",
        b"\x80",
        b"\xc1",
        whole + b"\x00",
        message(seq="x"),
        message(seq=-1),
        message(publish_ns=2**62),
        message(valid=1),
        message(session=None),
        message(ground=3),
        message(ground={"r": {"vgrf": 1.0}}),
        message(missing=None),
        message(angle={"knee_angle_r": "much"}),
        message(angle={str(i): 0.0 for i in range(1000)}),
        message(velocity=7),
        *[
            msgpack.packb({k: v for k, v in msgpack.unpackb(whole).items() if k != key})
            for key in ("angle", "topic", "v")
        ],
        b"\x91" * 100_000,
        b"\x81\xa1a" * 100_000,
        b"\xdf\xff\xff\xff\xff" + whole,
    ]
    told = fed(build, "same", [(0, one) for item in bad for one in (item, whole)])
    assert [one["malformed"] for one in told] == [n + 1 for n in range(len(bad)) for _ in range(2)]
    assert told[-1]["frames"] == len(bad)
    cuts = fed(build, "same", [(0, whole[:size]) for size in range(len(whole))])
    assert (cuts[-1]["malformed"], cuts[-1]["frames"]) == (len(whole), 0)


def test_another_schema_is_refused(build: Builder) -> None:
    told = fed(build, "same", [(0, message(v=2)), (0, message())])
    assert [(one["other_schema"], one["frames"]) for one in told] == [(True, 0), (False, 1)]


def test_no_payload_makes_it_read_or_write_where_it_may_not(build: Builder, tmp_path: Path) -> None:
    """150,000 wrong ones, made out of right ones, under the sanitizers of addresses and of undefined behaviour."""
    hello = messages.encode_hello(
        messages.describe(
            model={"name": "m", "sha256": "ab"},
            engine="numpy",
            precision="fp32",
            sides=("r", "l"),
            body_mass_kg=70.0,
        ),
        "s",
        1,
    )
    right = [
        message(),
        message(velocity={"knee_angle_r": 1.0}, moment_valid=False, missing=["imu_back"]),
        hello,
    ]
    corpus = tmp_path / "right"
    corpus.write_bytes(b"".join(struct.pack("<I", len(payload)) + payload for payload in right))
    program = build.driver("mutate", *SANITIZED)
    done = subprocess.run([program, corpus, "150000", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["malformed"] > 50_000
    assert told["frames"] > 1000
