"""The example controllers, C++ and Python: however they end, and whoever reads them, the torque goes down first."""

from __future__ import annotations

import math
import subprocess
import time
from pathlib import Path

import pytest
from built import Told
from scripted_stream import ScriptedStream
from test_exoskeleton_loops import DOWN_MS, LONGEST_S, SETTINGS, Loop, assert_no_steps
from worn_suit import until

# A share of 0.25 of 1 Nm/kg at 70 kg.
TORQUE_NM = 17.5


def test_a_service_of_another_schema_lets_the_torque_go_down_and_is_told(
    stream: ScriptedStream, program: tuple[str, ...], language: str, tmp_path: Path
) -> None:
    with Told(tmp_path, *program, "--endpoint", stream.endpoint, *SETTINGS, errors=True) as told:
        loop = Loop(told, language)
        assert until(lambda: (row := loop.newest()) and row.torque == pytest.approx(TORQUE_NM), 60.0)
        stream.tell(v=2)
        assert told.process.wait(30.0) == 1
    assert "the service speaks schema 2" in told.errors()
    rows = loop.rows()
    falling = [row for row in rows if row.state == "falling"]
    assert_no_steps(rows, loop.longest_s)
    assert (rows[-1].state, rows[-1].torque) == ("off", 0.0)
    assert falling[-1].t - falling[0].t > DOWN_MS / 1000 / 2


@pytest.mark.parametrize("age_ms", [50.1, math.nan])
def test_frames_long_after_their_instant_are_not_acted_on(
    stream: ScriptedStream, program: tuple[str, ...], language: str, tmp_path: Path, age_ms: float
) -> None:
    """They are sent in time by their `publish_ns`, as those of a service that was stopped and goes on."""
    stream.tell(age_ms=35.0)
    with Told(tmp_path, *program, "--endpoint", stream.endpoint, *SETTINGS) as told:
        loop = Loop(told, language)
        assert until(lambda: loop.is_in("following", 0.0), 60.0)
        since_s = time.monotonic()
        stream.tell(age_ms=age_ms)
        assert until(lambda: loop.is_in("off", since_s), 10.0)
        time.sleep(1.5)
        assert (row := loop.newest()) and row.state == "off" and math.isnan(row.input)


def test_a_moment_that_the_suit_does_not_send_is_told_once(
    stream: ScriptedStream, program: tuple[str, ...], tmp_path: Path
) -> None:
    words = ("--endpoint", stream.endpoint, "--moment", "knee_angle_r_moment", *SETTINGS)
    with Told(tmp_path, *program, *words, errors=True) as told:
        assert until(lambda: told.errors() != "", 60.0)
        time.sleep(1.0)
    assert told.errors() == "the suit does not send knee_angle_r_moment; it sends ankle_angle_r_moment\n"


@pytest.mark.parametrize("mass_kg", [7.0, 700.0])
def test_a_mass_that_nobody_has_is_not_used_and_told_once(
    stream: ScriptedStream, program: tuple[str, ...], language: str, tmp_path: Path, mass_kg: float
) -> None:
    stream.mass_kg = mass_kg
    with Told(tmp_path, *program, "--endpoint", stream.endpoint, *SETTINGS, errors=True) as told:
        loop = Loop(told, language)
        assert until(lambda: told.errors() != "", 60.0)
        assert until(lambda: (row := loop.newest()) and row.input == 1.0, 60.0)
        time.sleep(1.0)
        assert (row := loop.newest()) and (row.state, row.torque) == ("off", 0.0)
    assert told.errors().count("\n") == told.errors().count("is not used: 20 to 250") == 1


@pytest.mark.parametrize("reader", ["gone", "stalled"])
def test_a_reader_that_is_gone_or_stalls_neither_ends_nor_holds_up_the_loop(
    stream: ScriptedStream, program: tuple[str, ...], language: str, reader: str
) -> None:
    """Its end by SIGTERM, with all of the way down, says that it was at work until then."""
    words = [*program, "--endpoint", stream.endpoint, *SETTINGS, "--rate", "1000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert any(",following," in line for line in process.stdout)
            if reader == "gone":
                process.stdout.close()
            # 64 KiB of the pipe are full within this.
            time.sleep(5.0)
            assert process.poll() is None
            process.terminate()
            asked_s = time.monotonic()
            assert process.wait(30.0) == 0
            assert time.monotonic() - asked_s > DOWN_MS / 1000 - LONGEST_S[language]
        finally:
            process.kill()
