"""The C++ client against the service on a suit whose wearer walks: what it gives, and when it gives nothing."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from built import Builder, Told
from served import serving
from test_cpp_messages import message
from walking_suit import WalkingSuit
from worn_suit import until

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.stream import key_files
from jetson_runtime.stream.messages import STALE_NS

ANGLE, MOMENT = "knee_angle_r", "knee_angle_r_moment"
# That a frozen service is seen: the client's 50 ms, and what a machine with other programs on it adds.
SEEN_NS = 700_000_000


def number(told: dict[str, Any]) -> bool:
    return not math.isnan(told["value"])


def heard(client: FrameClient, seconds: float) -> dict[int, ReceivedFrame]:
    """Every frame of that time, by its number."""
    found: dict[int, ReceivedFrame] = {}
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        found |= {frame.seq: frame for frame in client.recv_all(50)}
    return found


def test_each_frame_is_the_same_as_the_python_clients(
    build: Builder, suit: WalkingSuit, tmp_path: Path
) -> None:
    tell = build.driver("tell")
    with Told(tmp_path, tell, "frames", suit.endpoint) as told, FrameClient(suit.endpoint) as client:
        assert until(told.lines, 30.0)
        ours = heard(client, 3.0)
        theirs = {frame["seq"]: frame for frame in told.said()}
    both = sorted(ours.keys() & theirs.keys())
    assert len(both) > 100
    assert any(ours[seq].valid for seq in both)
    for seq in both:
        expected, found = asdict(ours[seq]), theirs[seq]
        for key in expected.keys() & found.keys() - {"receive_ns", "ground"}:
            assert same(found[key], expected[key]), (seq, key)
        assert expected.keys() - found.keys() == set()
        for side in ("r", "l"):
            for key, value in expected["ground"][side].items():
                assert same(found["ground"][side][key], value)
        assert found["publish_ns"] <= found["receive_ns"]


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, tuple):
        return tuple(found) == expected
    return bool(found == expected or (math.isnan(found) and math.isnan(expected)))


@pytest.mark.slow
def test_after_a_stall_of_a_minute_the_first_value_is_young(
    build: Builder, suit: WalkingSuit, tmp_path: Path
) -> None:
    """Whose value it is, is found by the value: no two frames of a walk have the same."""
    tell = build.driver("tell")
    with Told(tmp_path, tell, "value", suit.endpoint, ANGLE) as told, FrameClient(suit.endpoint) as client:
        told.next(number)
        told.process.send_signal(signal.SIGSTOP)
        heard(client, 60.0)
        resumed_ns = time.monotonic_ns()
        told.process.send_signal(signal.SIGCONT)
        frames = heard(client, 3.0)
        # What was asked before the stop is answered after it.
        first = told.next(lambda one: True)
        answers = [one for one in told.said() if one["asked_ns"] > resumed_ns and number(one)]
        assert until(lambda: any(map(number, told.said()[-20:])), 60.0), first
        sent_ns = {frame.angle[ANGLE]: frame.publish_ns for frame in frames.values()}
        known = [one for one in answers if one["value"] in sent_ns]
        assert known and known[0] is answers[0]
        assert all(one["asked_ns"] - sent_ns[one["value"]] < STALE_NS for one in known)
        silent = [one for one in told.said() if resumed_ns < one["asked_ns"] < answers[0]["asked_ns"]]
        assert silent, "what had waited was never looked at"


def test_a_killed_service_is_seen_and_its_successor_followed(
    build: Builder, suit: WalkingSuit, tmp_path: Path
) -> None:
    tell = build.driver("tell")
    with Told(tmp_path, tell, "value", suit.endpoint, MOMENT) as told:
        before = told.next(number)
        assert (before["alive"], before["rate_ok"], before["valid"]) == (True, True, True)
        assert before["mass_kg"] == pytest.approx(66.228, abs=0.01)
        killed_ns = time.monotonic_ns()
        suit.kill()
        silent = told.next(lambda one: not one["alive"])
        first = next(one for one in told.said() if one["asked_ns"] > killed_ns and not one["alive"])
        assert first["told_ns"] - killed_ns < SEEN_NS
        assert not number(silent) and not silent["valid"] and not silent["rate_ok"]
        suit.start()
        after = told.next(number, 120.0)
        assert after["session"] not in ("", before["session"])
        assert (after["restarts"], after["malformed"]) == (1, 0)
        assert after["mass_kg"] == before["mass_kg"]


def test_a_service_that_hangs_is_seen_and_gives_values_again_once_it_goes_on(
    build: Builder, suit: WalkingSuit, tmp_path: Path
) -> None:
    tell = build.driver("tell")
    with Told(tmp_path, tell, "value", suit.endpoint, MOMENT) as told:
        before = told.next(number)
        stopped_ns = time.monotonic_ns()
        suit.service.process.send_signal(signal.SIGSTOP)
        try:
            told.next(lambda one: not one["alive"])
            first = next(one for one in told.said() if one["asked_ns"] > stopped_ns and not one["alive"])
            assert first["told_ns"] - stopped_ns < SEEN_NS
            assert not number(told.next(lambda one: True))
        finally:
            suit.service.process.send_signal(signal.SIGCONT)
        after = told.next(number)
        assert (after["session"], after["restarts"]) == (before["session"], 0)


def test_with_its_key_it_hears_an_address_for_other_machines_and_measures_their_clock(
    build: Builder, tmp_path: Path
) -> None:
    tell = build.driver("tell")
    with serving(tmp_path) as served:
        address = f"tcp://127.0.0.1:{served.remote}"
        stranger = key_files.add(
            key_files.init(tmp_path / "elsewhere").parent, "tablet", tmp_path / "elsewhere"
        )
        with (
            Told(tmp_path, tell, "value", address, ANGLE, served.tablet) as known,
            Told(tmp_path, tell, "value", address, ANGLE, stranger) as unknown,
            Told(tmp_path, tell, "value", address, ANGLE) as plain,
        ):
            known.next(number)
            for control, words in (
                (served.suit.control, ()),
                (f"tcp://127.0.0.1:{served.control}", (served.tablet,)),
            ):
                done = subprocess.run(
                    [tell, "clock", control, *words], capture_output=True, check=True, timeout=60
                )
                clock = json.loads(done.stdout)
                assert abs(clock["offset_ns"]) <= clock["error_ns"]  # it is one clock
            done = subprocess.run(
                [tell, "clock", f"tcp://127.0.0.1:{served.control}"],
                capture_output=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 1 and b"does it need a key?" in done.stderr
            for refused in (unknown, plain):
                assert refused.lines()
                assert {one["frames"] for one in refused.said()} == {0}


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (None, 0o600, "cannot be read"),
        ("as it was made", 0o644, "chmod 600"),
        ("curve\n", 0o600, "holds no three keys"),
        ('server-key = "1"\npublic-key = "2"\nsecret-key = "3"\n', 0o600, "holds no three keys"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_refused_in_words(
    build: Builder, tmp_path: Path, content: str | None, mode: int, why: str
) -> None:
    path = tmp_path / "tablet.key_secret"
    if content is not None:
        made = key_files.add(key_files.init(tmp_path / "keys").parent, "tablet", tmp_path / "keys")
        path.write_text(made.read_text() if mode == 0o644 else content)
        path.chmod(mode)
    words = [build.driver("tell"), "value", "tcp://127.0.0.1:1", ANGLE, path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and why in done.stderr and str(path) in done.stderr


@pytest.mark.parametrize("address", ["nonsense", "udp://127.0.0.1:5", "tcp://127.0.0.1:port"])
def test_no_address_at_all_is_an_error_that_says_so(build: Builder, address: str) -> None:
    words = [build.driver("tell"), "frames", address]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "write tcp://" in done.stderr


def test_garbage_on_the_wire_is_counted_as_the_python_client_counts_it(
    build: Builder, tmp_path: Path
) -> None:
    bad = [
        os.urandom(40),
        b"",
        b"\x80",
        b"\x91" * 5000,
        message(seq="x"),
        message(ground=3),
        message(missing=None),
        message(valid="false"),
        message(valid=1),
        message(moment_valid="false"),
        message(moment={MOMENT: True}),
        message(angle={ANGLE: "much"}),
        message(age_ms="young"),
    ]
    with zmq.Context() as context, context.socket(zmq.XPUB) as rogue:
        rogue.setsockopt(zmq.LINGER, 0)
        rogue.setsockopt(zmq.XPUB_VERBOSE, 1)
        rogue.bind("tcp://127.0.0.1:*")
        address = rogue.getsockopt_string(zmq.LAST_ENDPOINT)
        with (
            Told(tmp_path, build.driver("tell"), "value", address, ANGLE) as told,
            FrameClient(address) as client,
        ):
            # Two topics of one client and four of the other.
            topics = [rogue.recv() for _ in range(6)]
            assert sorted(topics) == sorted([b"\x01frame", b"\x01hello"] * 2 + [b"\x01status", b"\x01event"])
            for seq, item in enumerate(bad):
                rogue.send_multipart([b"frame", item])
                rogue.send_multipart([b"frame", b"a part more", message(seq, time.monotonic_ns())])
                assert until(lambda seq=seq: [client.latest, client.frames][1] == seq + 1)
                assert told.next(lambda one, seq=seq: one["frames"] == seq + 1)["malformed"] == seq + 1
            assert (client.malformed, client.frames) == (len(bad), len(bad))
            rogue.send_multipart([b"frame", msgpack.packb(msgpack.unpackb(message()) | {"v": 2})])
            assert told.process.wait(30.0) == 1
