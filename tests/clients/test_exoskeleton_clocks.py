"""The example controllers, C++ and Python, on a suit that is another machine: its clock is not theirs."""

from __future__ import annotations

import math
import time
from pathlib import Path

from built import Told
from scripted_stream import ScriptedStream
from served import serving
from test_exoskeleton_loops import SETTINGS, Loop, assert_no_steps
from worn_suit import until


def test_a_clock_that_is_elsewhere_and_jumps_is_followed(
    stream: ScriptedStream, program: tuple[str, ...], language: str, tmp_path: Path
) -> None:
    """Without its clock no frame would be young; one that jumps, as after a machine's sleep, costs the way down."""
    stream.ahead_ns = 10**12
    words = ("--endpoint", stream.endpoint, "--control", stream.control, *SETTINGS)
    with Told(tmp_path, *program, *words) as told:
        loop = Loop(told, language)
        assert until(lambda: loop.is_in("following", 0.0), 60.0)
        since_s = time.monotonic()
        stream.ahead_ns -= 10**10
        assert until(lambda: loop.is_in("off", since_s), 10.0)
        back_s = time.monotonic()
        assert until(lambda: loop.is_in("following", back_s), 60.0)
    assert_no_steps(loop.rows(), loop.longest_s)


def test_with_its_key_it_is_given_moments_from_another_machine(
    program: tuple[str, ...], language: str, tmp_path: Path
) -> None:
    """The live service; whoever stands has a moment at the ankle."""
    with serving(tmp_path) as served:
        address, control = (f"tcp://127.0.0.1:{port}" for port in (served.remote, served.control))
        words = ("--endpoint", address, "--control", control, "--key", served.tablet, *SETTINGS)
        with Told(tmp_path, *program, *words) as told:
            loop = Loop(told, language)
            assert until(lambda: any(not math.isnan(row.input) for row in loop.rows()), 120.0), loop.newest()
