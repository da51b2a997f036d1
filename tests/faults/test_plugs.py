"""Rows 1, 2, 5, 14, 15 and 49: cables that come out, devices that fall silent, start anew, or are not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from broken_suit import Start, frames_of, until
from worn_suit import ServiceProcess, make_device, serial_of

from jetson_runtime.client import ReceivedFrame
from jetson_runtime.suit.signals import RATE_HZ, STREAM_INDEX, STREAM_NAMES, STREAMS

PORT_MISSING, SILENT = 1, 8
# A machine that is held up for longer than a stream stays fresh is no fault of the service: one good try tells.
TRIES = 3
REPLUGS = 1000
# Bounded histories fill over the first replugs; traced, the heap is flat from there.
REPLUGS_BEFORE = 500
# Of the resident memory. CPython's table of interned names grows in steps, one of them 1.3 to 2.4 %.
MOST_GROWTH = 0.03


def _runs(service: ServiceProcess) -> bool:
    return until(lambda: service.state() == "running")


def _frames_until(service: ServiceProcess, enough: Callable[[ReceivedFrame], bool]) -> list[ReceivedFrame]:
    """Every frame from now on up to the first that is `enough`."""
    frames: list[ReceivedFrame] = []
    while True:
        for frame in frames_of(service, 1) if not frames else service.client.recv_all(1000):
            frames.append(frame)
            if enough(frame):
                return frames


def test_row_01_the_frames_go_on_without_an_unplugged_imu_and_none_is_valid(start: Start) -> None:
    suit, service = start()

    def one_missing_and_no_frame_lost() -> bool:
        assert _runs(service), service.log
        before = frames_of(service, 1)[-1]
        suit.outlets["imu_thigh_r"].unplug()
        frames = [before, *_frames_until(service, lambda frame: frame.seq >= before.seq + 300)]
        suit.outlets["imu_thigh_r"].replug()
        first = next(i for i, frame in enumerate(frames) if "imu_thigh_r" in frame.missing)
        assert not any(frame.valid for frame in frames[first:])
        in_a_row = all(b.seq - a.seq == 1 for a, b in pairwise(frames))
        alone = all(frame.missing == ("imu_thigh_r",) for frame in frames[first:])
        return in_a_row and alone and first < 40

    assert any(one_missing_and_no_frame_lost() for _ in range(TRIES)), service.status


def test_row_02_a_replugged_imu_is_back_before_400_ticks_and_valid_after_its_history(start: Start) -> None:
    suit, service = start()
    assert _runs(service), service.log
    session = service.client.session

    def back_in_time() -> bool:
        assert _runs(service), service.log
        suit.outlets["imu_shank_l"].unplug()
        assert until(lambda: service.stream("imu_shank_l")["detail"])
        frames_of(service, 1)
        suit.outlets["imu_shank_l"].replug()
        frames = _frames_until(service, lambda frame: frame.valid)
        back = next(frame for frame in frames if not frame.missing)
        return back.seq - frames[0].seq < 2 * RATE_HZ and frames[-1].seq - back.seq < 2 * RATE_HZ

    assert any(back_in_time() for _ in range(TRIES))
    assert service.client.session == session


MEASURED = 4


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_row_05_a_silent_imu_is_named_costs_nothing_and_comes_back(start: Start) -> None:
    suit, service = start(("imu_back", "imu_pelvis"))
    assert until(lambda: service.stream("imu_back").get("valid")), service.log
    pid = service.process.pid

    def busy() -> int:
        """Processor time of 400 frames, in the kernel's ticks: the least of some, as what else the machine does, and
        a host that takes its processors away, only ever adds."""
        spent = []
        for _ in range(MEASURED):
            before = _cpu_ticks(pid)
            frames_of(service, 400)
            spent.append(_cpu_ticks(pid) - before)
        return min(spent)

    streaming = busy()
    suit.outlets["imu_pelvis"].damage(silent=True)

    def silent_or_mute() -> bool:
        numbers = {f["number"] for f in service.status["faults"] if f["stream"] == "imu_pelvis"}
        return bool(numbers & {4, SILENT})

    assert until(silent_or_mute), service.status
    silent = busy()
    # A loop that never waits takes some 200 ticks of 400 frames, on top.
    assert silent < 1.3 * streaming + 5, ("no busy loop", silent, streaming)
    suit.outlets["imu_pelvis"].damage(silent=False)
    assert until(lambda: service.stream("imu_pelvis")["valid"]), service.log


@pytest.mark.parametrize("name", ["imu_pelvis", "insole_l"])
def test_row_14_a_device_that_starts_anew_makes_no_jump_in_the_stream(start: Start, name: str) -> None:
    """Its clock is at zero again and its settings are lost; the cable stayed."""
    suit, service = start()
    assert _runs(service), service.log
    session = service.client.session
    suit.outlets[name].restart()
    frames = _frames_until(service, lambda frame: name in frame.missing)
    frames += _frames_until(service, lambda frame: frame.valid)
    for before, after in pairwise(frames):
        assert after.t_ns - before.t_ns == (after.seq - before.seq) * 5_000_000
        assert after.oldest_ms != after.oldest_ms or 0.0 <= after.oldest_ms < 500.0
    assert service.client.session == session


def test_row_14_a_sequence_that_rolls_over_loses_nothing(start: Start) -> None:
    suit, service = start(("insole_r",))
    suit.bench.do(lambda: setattr(suit.devices["insole_r"], "_sequence", (1 << 32) - 200))
    assert until(lambda: service.stream("insole_r").get("valid")), service.log
    assert until(lambda: suit.bench.do(lambda: vars(suit.devices["insole_r"])["_sequence"]) > (1 << 32))
    assert until(lambda: service.stream("insole_r")["counters"]["frames"] > 300)
    assert service.stream("insole_r")["counters"]["lost"] < 5


def test_row_15_one_insole_missing_at_the_start_is_named_and_taken_when_it_comes(start: Start) -> None:
    suit, service = start(tuple(name for name in STREAM_NAMES if name != "insole_l"))
    assert until(lambda: service.state() == "degraded"), service.log
    assert until(lambda: service.client.latest.missing == ("insole_l",))  # type: ignore[union-attr]
    assert until(
        lambda: (
            ("insole_l", PORT_MISSING)
            in [(f["stream"], f["number"]) for f in service.status.get("faults", [])]
        )
    )
    suit.plug_in("insole_l", make_device(STREAMS[STREAM_INDEX["insole_l"]]))
    assert _runs(service), service.log
    assert service.stream("insole_l")["serial"] == serial_of("insole_l")


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


@pytest.mark.slow
def test_row_49_a_thousand_replugs_leave_no_descriptor_and_no_memory_behind(start: Start) -> None:
    suit, service = start()
    pid = service.process.pid

    def replug_all() -> None:
        """Devices with a power of their own: nothing has to boot."""
        for name in STREAM_NAMES:
            suit.unplug(name)
        assert until(lambda: service.state() == "waiting"), service.log
        for name in STREAM_NAMES:
            suit.replug(name)
        assert until(lambda: service.state() == "settling"), service.log

    def held() -> tuple[int, int]:
        assert _runs(service), service.log
        return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))

    first, measured = REPLUGS_BEFORE // len(STREAM_NAMES), REPLUGS // len(STREAM_NAMES)
    for _ in range(first):
        replug_all()
    before, memory = held(), _resident_kb(pid)
    for _ in range(measured):
        replug_all()
    assert held() == before
    assert _resident_kb(pid) < (1 + MOST_GROWTH) * memory
    assert len(service.log.splitlines()) < 40 * (first + measured), "a line for each change, no more"
