"""LED patterns, buzzer signals and the button's presses, in simulated time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from jetson_runtime.panel import buzzer, lamp
from jetson_runtime.panel.button import HELD_NS, Button
from jetson_runtime.panel.buzzer import Buzzer
from jetson_runtime.panel.lamp import BLUE, DARK, GREEN, RED, YELLOW, Colour, Lamp
from jetson_runtime.panel.seen import SILENCE_NS, Seen, Watcher
from jetson_runtime.service.faults import Fault

GOOD = Seen(heard=True, valid=True)
MS = 1_000_000
STEP_S = 0.01


def shown(seen: Callable[[float], Seen], seconds: float) -> list[tuple[Colour, float]]:
    """Colours and how long each was on."""
    led = Lamp()
    colours = [led.colour(seen(k * STEP_S), k * STEP_S) for k in range(round(seconds / STEP_S))]
    return [(colour, len(list(run)) * STEP_S) for colour, run in itertools.groupby(colours)]


def said(seen: Callable[[float], Seen], seconds: float) -> list[tuple[float, bool]]:
    """When a beep began, and whether it was a long one."""
    horn = Buzzer()
    on = [horn.is_on(seen(k * STEP_S), k * STEP_S) for k in range(round(seconds / STEP_S))]
    beeps, at = [], 0
    for is_on, run in itertools.groupby(on):
        length = len(list(run))
        if is_on:
            beeps.append((round(at * STEP_S, 2), length * STEP_S > 0.4))
        at += length
    return beeps


def test_each_state_has_its_colour() -> None:
    assert {colour for colour, _ in shown(lambda _: Seen(), 3)} == {RED}
    steady = shown(lambda t: GOOD if t > 1 else Seen(), 9)
    assert [colour for colour, _ in steady] == [RED, GREEN]
    slow = shown(lambda _: Seen(heard=True), 9)[1:-1]
    assert {colour for colour, _ in slow} == {GREEN, DARK}
    assert all(0.6 < length < 0.8 for _, length in slow[1:])


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_s_number_can_be_read_from_its_blinks(fault: Fault) -> None:
    pattern = lamp.number(fault, GREEN)
    blinks = [seconds for colour, seconds in pattern if colour == YELLOW]
    longs = [seconds for seconds in blinks if seconds > 0.5]
    assert 10 * len(longs) + len(blinks) - len(longs) == fault
    assert blinks == sorted(blinks, reverse=True)
    assert pattern[0][0] == GREEN
    assert sum(seconds for _, seconds in pattern) < 25.0


def test_a_number_is_blinked_to_its_end_and_several_take_turns() -> None:
    both = Seen(heard=True, valid=True, faults=(8, 23))
    flapping = shown(lambda t: both if t % 2 < 1 else GOOD, 40)
    whole = shown(lambda _: both, 40)
    runs = ["".join("-" if s > 0.5 else "." for c, s in told if c == YELLOW) for told in (whole, flapping)]
    assert runs[0].startswith("........--...")
    assert runs[1].startswith("........--...")
    assert any(colour == GREEN and length > 1.5 for colour, length in whole)
    dark = shown(lambda _: both._replace(valid=False), 40)
    assert GREEN not in {colour for colour, _ in dark[1:]}


def test_a_service_that_goes_is_shown_at_once() -> None:
    led = Lamp()
    faulty = Seen(heard=True, faults=(43,))
    for k in range(500):
        led.colour(faulty, k * STEP_S)
    assert led.colour(Seen(), 5.01) == RED
    assert led.colour(faulty, 5.02) != RED


def test_an_answer_comes_before_all_else_and_ends() -> None:
    led = Lamp()
    led.colour(GOOD, 0.0)
    led.answer(lamp.TAKING, 1.0, 30.0)
    assert {led.colour(GOOD, 1.0 + k * STEP_S) for k in range(100)} == {BLUE, DARK}
    led.answer(lamp.REFUSED, 3.0, 1.0)
    assert {led.colour(GOOD, 3.0 + k * STEP_S) for k in range(100)} == {RED, DARK}
    assert led.colour(GOOD, 4.02) in (RED, GREEN)
    assert led.colour(GOOD, 5.0) == GREEN


def test_what_changes_is_said_once_and_what_changes_back_is_not() -> None:
    assert said(lambda _: GOOD, 5) == [(1.0, False)]
    gone = said(lambda t: GOOD if t < 5 else Seen(), 10)
    assert gone == [(1.0, False), (6.0, True)]
    lost = said(lambda t: GOOD if t < 5 else Seen(heard=True), 10)
    assert [long for _, long in lost] == [False, False, False]
    blink = said(lambda t: Seen(heard=True) if 5 < t < 5.5 else GOOD, 10)
    assert blink == [(1.0, False)]


def test_low_power_is_said_again_and_again() -> None:
    beeps = said(lambda t: GOOD._replace(low=2 < t < 33), 50)
    counts = [len(list(group)) for _, group in itertools.groupby(b[0] // 5 for b in beeps[1:])]
    assert counts == [5, 5, 5, 5]
    assert len(buzzer.LOW_POWER) == 10


def test_no_two_signals_are_the_same() -> None:
    tunes = [
        buzzer.VALID,
        buzzer.NOT_VALID,
        buzzer.SILENT,
        buzzer.TARE_TAKEN,
        buzzer.TARE_REFUSED,
        buzzer.LOW_POWER,
    ]
    assert len(set(tunes)) == len(tunes)


def presses(edges: list[tuple[int, bool]], until_ms: int) -> list[int]:
    """The milliseconds at which a press is told, looked at once in each."""
    button, waiting, told = Button(), sorted(edges), []
    for now in range(until_ms):
        while waiting and waiting[0][0] <= now:
            at, down = waiting.pop(0)
            button.edge(down, at * MS)
        if button.pressed(now * MS):
            told.append(now)
    return told


def test_a_bouncing_button_is_one_press() -> None:
    bounce = [(100 + 3 * k, k % 2 == 0) for k in range(7)]
    release = [(400 + 3 * k, k % 2 == 1) for k in range(7)]
    assert presses([*bounce, *release], 1000) == [118 + HELD_NS // MS]


def test_a_spark_is_no_press_and_a_chatter_while_held_no_second_one() -> None:
    assert presses([(100, True), (103, False)], 1000) == []
    assert len(presses([(100, True), (300, False), (310, True), (600, False)], 1000)) == 1
    assert len(presses([(100, True), (300, False), (400, True), (600, False)], 1000)) == 2


def _status(*numbers: int, low: bool = False) -> dict[str, Any]:
    return {"faults": [{"number": number} for number in numbers], "supply": {"low": low}}


class _Frame:
    def __init__(self, receive_ns: int, valid: bool) -> None:
        self.receive_ns, self.valid = receive_ns, valid


def test_a_fault_is_shown_once_it_stands() -> None:
    watcher, frame = Watcher(), _Frame(0, True)
    seen = [
        watcher.look(frame, _status(*n), 0).faults  # type: ignore[arg-type]
        for n in ((8, 3), (8,), (3, 8), (8,), ())
    ]
    assert seen == [(), (), (8,), (8,), ()]


def test_the_same_status_looked_at_often_is_one() -> None:
    watcher, status, frame = Watcher(), _status(8, low=True), _Frame(0, False)
    looks = [watcher.look(frame, status, 0) for _ in range(50)]  # type: ignore[arg-type]
    assert looks[-1] == Seen(heard=True, low=True)
    assert watcher.look(frame, status, SILENCE_NS + 1) == Seen()  # type: ignore[arg-type]
    assert watcher.look(None, None, 0) == Seen()
