"""The ramp of torque, of C++ and of Python: what it is given and when is the test's."""

from __future__ import annotations

import math
import random
import runpy
import subprocess
from collections.abc import Callable
from itertools import groupby, pairwise

import pytest
from built import ROOT, Builder

LIMIT, RATE, DOWN, UP, STEADY, LONGEST = 30.0, 300.0, 0.2, 0.5, 0.4, 0.01
SETTINGS = {"limit": LIMIT, "rate": RATE, "down": DOWN, "up": UP, "steady": STEADY, "longest": LONGEST}
PYTHON = runpy.run_path(str(ROOT / "examples" / "exoskeleton_loop.py"))

Steps = list[tuple[float | None, float]]
Ramp = Callable[..., list[tuple[str, float]]]


@pytest.fixture(params=["C++", "Python"])
def ramp(request: pytest.FixtureRequest) -> Ramp:
    """(state, torque) after each (wanted, elapsed), with what is changed of SETTINGS; ValueError: refused."""
    return _python if request.param == "Python" else _cpp(request.getfixturevalue("build"))


def _python(steps: Steps, **changes: float) -> list[tuple[str, float]]:
    made = PYTHON["TorqueRamp"](*(SETTINGS | changes).values())
    return [(made.step(wanted, elapsed), made.state)[::-1] for wanted, elapsed in steps]


def _cpp(build: Builder) -> Ramp:
    def run(steps: Steps, **changes: float) -> list[tuple[str, float]]:
        lines = "".join(f"{'-' if wanted is None else wanted} {elapsed!r}\n" for wanted, elapsed in steps)
        words = [str(number) for number in (SETTINGS | changes).values()]
        done = subprocess.run(
            [build.driver("ramp"), *words], input=lines, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ValueError(done.stderr)
        return [(state, float(torque)) for state, torque in map(str.split, done.stdout.splitlines())]

    return run


def constant(wanted: float | None, seconds: float, dt: float = 0.001) -> Steps:
    return [(wanted, dt)] * round(seconds / dt)


@pytest.mark.parametrize("down", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("wanted", [25.0, -25.0, 3.0])
def test_it_goes_down_in_a_straight_line_over_the_time_that_was_asked_for(
    ramp: Ramp, wanted: float, down: float
) -> None:
    told = ramp(constant(wanted, 1.0) + constant(None, 0.5), down=down)
    falling = [torque for state, torque in told if state == "falling"]
    assert told[999] == ("following", pytest.approx(wanted))
    assert len(falling) == pytest.approx(1000 * down, abs=2)
    assert told[-1] == ("off", 0.0)
    drops = [before - after for before, after in pairwise([wanted, *falling])]
    assert drops == pytest.approx([wanted / (1000 * down)] * len(drops))


def test_it_comes_back_from_none_behind_a_steady_stretch_by_a_growing_share(ramp: Ramp) -> None:
    told = ramp(constant(20.0, 1.0) + constant(None, 0.3) + constant(20.0, 1.0))
    for back in (told[:1000], told[1300:]):
        assert [state for state, _ in groupby(state for state, _ in back)] == ["off", "rising", "following"]
        waited = next(i for i, (state, _) in enumerate(back) if state == "rising")
        assert waited == pytest.approx(1000 * STEADY, abs=1)
        assert [torque for _, torque in back[waited : waited + 499]] == pytest.approx(
            [0.04 * n for n in range(1, 500)]
        )


@pytest.mark.parametrize("steady", [0.1, 0.4])
def test_a_single_missing_wish_takes_the_torque_to_none_before_it_comes_back(
    ramp: Ramp, steady: float
) -> None:
    """Also where the stretch would be over before the torque has gone down."""
    told = ramp(constant(20.0, 1.2) + constant(None, 0.001) + constant(20.0, 1.2), steady=steady)
    behind = told[1200:]
    assert [state for state, _ in groupby(state for state, _ in behind)] == [
        "falling",
        "off",
        "rising",
        "following",
    ]
    back = next(i for i, (state, _) in enumerate(behind) if state == "rising")
    assert back == pytest.approx(1000 * max(steady, DOWN), abs=2)


def test_wishes_with_gaps_never_bring_it_back(ramp: Ramp) -> None:
    gaps = (constant(20.0, STEADY - 0.01) + constant(None, 0.001)) * 5
    told = ramp(constant(20.0, 1.0) + constant(None, 0.3) + gaps)
    assert set(told[1300:]) == {("off", 0.0)}


def test_no_step_is_ever_greater_than_the_rate_limit_allows(ramp: Ramp) -> None:
    """Jumping wishes, some beyond the limit and some no numbers, silences, steps that are late, early and none."""
    chance = random.Random(1)
    steps: Steps = []
    for _ in range(300):
        wanted = chance.choice([None, math.nan, *(chance.uniform(-60.0, 60.0) for _ in range(10))])
        elapsed = chance.choice([0.0, 0.001, 0.001, 0.002, 0.1, 2.0])
        steps += [(wanted, elapsed)] * chance.randrange(1, 40)
    told = ramp(steps, steady=0.1)
    assert max(abs(torque) for _, torque in told) == pytest.approx(LIMIT)
    for (_, before), (state, after), (wanted, elapsed) in zip(
        [("off", 0.0), *told], told, steps, strict=False
    ):
        assert abs(after - before) <= RATE * min(elapsed, LONGEST) + 1e-8
        assert abs(after) <= LIMIT
        if wanted is None or math.isnan(wanted):
            assert abs(after) <= abs(before) and after * before >= 0.0
            assert state == ("off" if after == 0.0 and state == "off" else "falling")


@pytest.mark.parametrize("wanted", [math.nan, math.inf, -math.inf])
def test_no_number_is_no_wish(ramp: Ramp, wanted: float) -> None:
    assert set(ramp(constant(wanted, 0.5))) == {("off", 0.0)}
    assert ramp(constant(20.0, 1.0) + constant(wanted, 0.3)) == ramp(
        constant(20.0, 1.0) + constant(None, 0.3)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": 0.0},
        {"rate": -1.0},
        {"up": 0.0},
        {"down": 0.05},
        {"down": 0.4},
        {"steady": 0.0},
        {"longest": 0.0},
        {"limit": 90.0},
        *[{name: bad} for name in SETTINGS for bad in (math.nan, math.inf)],
    ],
)
def test_settings_that_cannot_all_be_kept_are_refused(ramp: Ramp, changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        ramp([], **changes)
