"""Work dealt out to processes: the same answers in the same order, errors as they are, a killed process told."""

from __future__ import annotations

import os
import signal

import pytest

from models.processes import WorkerLostError, spread


def _doubled(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def _refused(number: int) -> int:
    raise ValueError(f"{number} is not wanted")


def _killed(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupted(number: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_answers_come_in_the_order_of_the_items(processes: int) -> None:
    found = spread(_doubled, range(7), processes)
    assert [double for double, _ in found] == [0, 2, 4, 6, 8, 10, 12]
    assert (os.getpid() in {process for _, process in found}) == (processes == 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_work_raises_is_raised(processes: int) -> None:
    with pytest.raises(ValueError, match="0 is not wanted"):
        spread(_refused, [0], processes)


def test_a_killed_process_is_told_with_what_to_do() -> None:
    with pytest.raises(WorkerLostError, match=r"one of 2 processes was killed.* fewer --processes"):
        spread(_killed, range(3), 2)


def test_ctrl_c_is_the_parent_s_matter() -> None:
    assert spread(_interrupted, range(3), 2) == [0, 1, 2]
