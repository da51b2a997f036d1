"""The example controllers, C++ and Python, on a walking wearer: the torque when the stream ends in mid-stance."""

from __future__ import annotations

import math
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import zmq
from built import Builder, Told
from test_cpp_messages import message
from walking_suit import WalkingSuit
from worn_suit import until

from jetson_runtime.client import FrameClient

RATE_NM_S, DOWN_MS, STEADY_MS, UP_MS = 300.0, 200.0, 400.0, 500.0
SETTINGS = tuple(
    str(word)
    for name, value in (
        ("share", 0.25),
        ("rate-limit", RATE_NM_S),
        ("down-ms", DOWN_MS),
        ("steady-ms", STEADY_MS),
        ("up-ms", UP_MS),
    )
    for word in (f"--{name}", value)
)
# In which no step is counted longer, so that a loop that overslept does not jump.
LONGEST_S = {"C++": 0.005, "Python": 0.01}
# That the end of the stream is seen, a busy machine's delays included.
SEEN_S = 0.7
# Nm: what a stance brings by far, and no swing.
STANCE_NM = 8.0


class Row(NamedTuple):
    t: float
    state: str
    input: float
    torque: float


class Loop:
    """One example at its work."""

    def __init__(self, told: Told, language: str) -> None:
        self.told, self.longest_s = told, LONGEST_S[language]

    def rows(self) -> list[Row]:
        return _rows(self.told.lines()[1:])

    def newest(self) -> Row | None:
        return next(reversed(_rows(self.told.lines(200))), None)

    def is_in(self, state: str, since_s: float) -> bool:
        return any(row.state == state and row.t > since_s for row in _rows(self.told.lines(20_000)))


def _rows(lines: list[str]) -> list[Row]:
    cells = (line.split(",") for line in lines if not line.startswith("t,"))
    return [Row(float(t), state, float(value), float(torque)) for t, state, value, torque in cells]


@pytest.fixture
def loop(
    request: pytest.FixtureRequest, suit: WalkingSuit, tmp_path: Path, program: tuple[str, ...], language: str
) -> Loop:
    told = Told(tmp_path, *program, "--endpoint", suit.endpoint, *SETTINGS)
    request.addfinalizer(told.__exit__)
    made = Loop(told, language)
    assert until(lambda: made.is_in("following", 0.0), 120.0), made.newest()
    return made


def until_mid_stance(suit: WalkingSuit, loop: Loop) -> float:
    """Returns when the right foot carries the body, and the ankle's torque is great; the instant."""
    with FrameClient(suit.endpoint) as client:

        def is_mid_stance() -> bool:
            frame, row = client.latest, loop.newest()
            return (
                frame is not None
                and row is not None
                and frame.ground["r"].contact
                and frame.ground["r"].vgrf > 0.7
                and row.state == "following"
                and abs(row.torque) > STANCE_NM
            )

        assert until(is_mid_stance, 120.0), loop.newest()
    return time.monotonic()


def assert_no_steps(rows: list[Row], longest_s: float) -> None:
    """Each change of the torque is one that the rate limit allows in the time that passed, rounding aside."""
    for before, after in pairwise(rows):
        most = RATE_NM_S * min(after.t - before.t + 1e-6, longest_s)
        assert abs(after.torque - before.torque) <= most + 1e-6, (before, after)


def assert_went_down(rows: list[Row], since_s: float, longest_s: float) -> None:
    """From a stance's torque to none, in a straight line, over the time that was asked for."""
    start = next(i for i, row in enumerate(rows) if row.t > since_s and row.state == "falling")
    end = next(i for i in range(start, len(rows)) if rows[i].state == "off")
    assert rows[start].t - since_s < SEEN_S
    assert abs(rows[start - 1].torque) > STANCE_NM / 2
    sizes = [abs(row.torque) for row in rows[start - 1 : end + 1]]
    assert all(after < before for before, after in pairwise(sizes))
    assert sizes[-1] == 0.0
    steps_s = [min(b.t - a.t, longest_s) for a, b in pairwise(rows[start - 1 : end + 1])]
    assert sum(steps_s) == pytest.approx(DOWN_MS / 1000, abs=longest_s)
    assert all(math.isnan(row.input) for row in rows[start:end])
    slopes = [(a - b) / dt for a, b, dt in zip(sizes, sizes[1:-1], steps_s, strict=False) if dt > 1e-4]
    assert max(slopes) == pytest.approx(min(slopes), rel=0.05)


def test_it_assists_with_a_share_of_the_moment(loop: Loop) -> None:
    """With the wearer's mass as the suit tells it, wherever neither limit cuts it."""
    time.sleep(5.0)
    rows = loop.rows()
    assert_no_steps(rows, loop.longest_s)
    wanted = [0.25 * row.input * 66.228 for row in rows]
    exact = [
        row.torque == pytest.approx(want, rel=1e-3, abs=1e-3)
        for row, want in zip(rows, wanted, strict=True)
        if row.state == "following"
    ]
    assert len(exact) > 500 and sum(exact) > 0.5 * len(exact)
    assert max(abs(row.torque) for row in rows) <= 30.0


def test_a_service_killed_in_mid_stance_lets_the_torque_go_down_and_its_successor_brings_it_back(
    loop: Loop, suit: WalkingSuit
) -> None:
    since_s = until_mid_stance(suit, loop)
    suit.kill()
    try:
        assert until(lambda: loop.is_in("off", since_s), 10.0)
    finally:
        suit.start()
    back_s = time.monotonic()
    assert until(lambda: loop.is_in("following", back_s), 120.0), loop.newest()
    rows = loop.rows()
    assert_no_steps(rows, loop.longest_s)
    assert_went_down(rows, since_s, loop.longest_s)
    rising = next(i for i, row in enumerate(rows) if row.t > back_s and row.state == "rising")
    steady = [row for row in rows[:rising] if row.t > rows[rising].t - 0.9 * STEADY_MS / 1000]
    assert len(steady) > 10 and all(row.state == "off" and not math.isnan(row.input) for row in steady)
    following = next(i for i in range(rising, len(rows)) if rows[i].state == "following")
    assert (
        sum(min(b.t - a.t, loop.longest_s) for a, b in pairwise(rows[rising - 1 : following + 1]))
        >= UP_MS / 1000 - loop.longest_s
    )


def test_a_service_stopped_in_mid_stance_lets_the_torque_go_down(loop: Loop, suit: WalkingSuit) -> None:
    since_s = until_mid_stance(suit, loop)
    suit.service.process.send_signal(signal.SIGSTOP)
    try:
        assert until(lambda: loop.is_in("off", since_s), 10.0)
    finally:
        suit.service.process.send_signal(signal.SIGCONT)
    resumed_s = time.monotonic()
    assert until(lambda: loop.is_in("following", resumed_s), 120.0)
    rows = loop.rows()
    assert_no_steps(rows, loop.longest_s)
    assert_went_down(rows, since_s, loop.longest_s)


def test_one_that_is_to_end_lets_the_torque_go_down_first(loop: Loop, suit: WalkingSuit) -> None:
    since_s = until_mid_stance(suit, loop)
    loop.told.process.terminate()
    assert loop.told.process.wait(30.0) == 0
    rows = loop.rows()
    assert_no_steps(rows, loop.longest_s)
    assert_went_down(rows, since_s, loop.longest_s)


def test_the_example_says_what_it_takes_and_refuses_what_cannot_be_kept(program: tuple[str, ...]) -> None:
    def said(*words: str) -> tuple[int, str]:
        done = subprocess.run([*program, *words], capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    code, text = said("--help")
    assert code == 0 and "--down-ms" in text
    for words, why in [
        (("--down-ms", "50"), "100 to 300 ms"),
        (("--steady-ms", "0"), "100 ms to 10 s"),
        (("--torque-limit", "90"), "in time"),
        (("--rate-limit", "nan"), "above zero"),
        (("--torque-limit", "inf"), "above zero"),
        (("--seconds", "nan"), "--seconds"),
        *[(("--up-ms", word), "--up-ms: above 0, 60000 at most") for word in ("nan", "0", "1e9")],
        *[(("--max-age-ms", word), "--max-age-ms: above 0, 50 at most") for word in ("nan", "0", "51")],
        *[(("--share", word), "--share: above 0, 1 at most") for word in ("nan", "inf", "0", "-0.2", "1.1")],
        *[(("--mass", word), "--mass: 20 to 250") for word in ("-70", "nan", "700")],
        (("--rate", "1e"), "1e"),
        *[(("--share", word), "--share") for word in ("abc", "")],
        (("--share", "abc"), "abc"),
        (("--endpoint", "garbage"), "; write tcp://"),
        (("--control", "garbage"), "; write tcp://"),
        (("--control", "tcp://127.0.0.1:1", "--key", "/nofile"), "/nofile"),
        (("--nonsense", "1"), "--nonsense"),
        (("--share",), "--share"),
        (("--rate", "5"), "100 to 10000"),
        (("--rate", "nan"), "100 to 10000"),
        (("--key", "tablet.key_secret"), "--control too"),
        (("--moment", "knee_angle_r"), "--moment knee_angle_r: is no moment"),
    ]:
        code, text = said(*words)
        assert code and why in text and "Traceback" not in text, words


def test_the_latencies_are_told_without_the_first_half_second(build: Builder) -> None:
    """As the Python readers of `bench clients` do: its 100 frames are old here."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.setsockopt(zmq.LINGER, 0)
        publisher.bind("tcp://127.0.0.1:*")
        words = [build.example("read_latency"), publisher.getsockopt_string(zmq.LAST_ENDPOINT), "50"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert [publisher.recv() for _ in range(2)] == [b"\x01frame", b"\x01hello"]
            for seq in range(1000):
                age_ns = 10**10 if seq < 100 else 0
                publisher.send_multipart([b"frame", message(seq, time.monotonic_ns() - age_ns)])
                if process.poll() is not None:
                    break
                time.sleep(0.005)
            delays_ns = [int(line) for line in process.communicate()[0].splitlines()]
    assert len(delays_ns) == 50
    assert all(0 < delay < 10**10 for delay in delays_ns)


def test_the_other_examples_run(build: Builder, suit: WalkingSuit, tmp_path: Path) -> None:
    done = subprocess.run(
        [build.example("read_latency"), suit.endpoint, "200"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    delays_ns = [int(line) for line in done.stdout.splitlines()]
    assert len(delays_ns) == 200 and all(delay > 0 for delay in delays_ns)
    with Told(tmp_path, build.example("print_frames"), suit.endpoint) as printed:
        assert until(lambda: any(line.startswith("knee ") for line in printed.lines()), 60.0), printed.lines()
