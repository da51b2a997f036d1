"""The lines that are read first: what is there, what is required, and that nothing unknown breaks them."""

from __future__ import annotations

from typing import Any

import pytest
from live_stream import STATUS

from jetson_runtime.stream import glance

TOLD: dict[str, Any] = {
    **STATUS,
    "tare": {"age_s": 800.0, "stale": False, "without_heading": ["shank_r"], "other_device": []},
    "fit": {"verdict": "outdated", "age_s": None, "found": []},
    "wearer": {"mass_kg": 70.0, "foot_length_m": 0.27, "foot_width_m": 0.1},
    "clients": {"connected": 3, "over_limit": 0, "refused": 2},
    "supply": {"low": False, "percent": 81.0, "minutes": 40.0, "minutes_from": "fuel gauge", "mode": "30W"},
    "power": {"rail_v": 19.2, "watts": 11.3},
    "temperature": {"cpu": 51.0, "gpu": 48.0},
    "recording": {"state": "paused", "file": "", "why": "the disk is full"},
    "start": {"warm": False, "text": "cold: another config than the service before had"},
}


def test_each_line_says_what_is_there_and_what_to_do() -> None:
    lines = {line[:9].strip(): line[9:] for line in glance.lines(TOLD)}
    assert lines == {
        "devices": "7 of 8 well; not imu_back",
        "tare": "13 min old; no heading at shank_r",
        "fit": "REQUIRED: wearer or mounting have changed since; `second-skin fit`",
        "wearer": "70 kg, foot 27 x 10 cm",
        "clients": "3 connected; turned away since the start: 0 over limit, 2 refused",
        "supply": "19.2 V, 11.3 W, battery 81 %, 40 min left (fuel gauge), 51 °C, power mode 30W",
        "recorder": "paused (the disk is full)",
        "start": "cold: another config than the service before had",
    }


def test_the_recorder_s_line_tells_what_was_asked_of_it() -> None:
    wish = {"number": 2, "wanted": True, "age_s": 40.0, "subject": "S01", "task": "L3"}
    told = glance.facts({"recording": {"state": "recording", "file": "/a.mcap"}, "record": wish})
    assert told["recorder"] == "recording to /a.mcap; asked to start S01 L3 (40 s old)"


def test_a_wearer_is_told_to_a_tenth() -> None:
    wearer = {"mass_kg": 66.2285, "foot_length_m": 0.255294, "foot_width_m": 0.101071}
    assert glance.facts({"wearer": wearer})["wearer"] == "66.2 kg, foot 25.5 x 10.1 cm"


def test_a_status_that_tells_less_has_the_same_lines() -> None:
    lines = glance.lines({})
    assert len(lines) == 7
    assert "0 of 8 well" in lines[0]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "of unknown age"),
        (40, "40 s old"),
        (7199, "120 min old"),
        (50_000, "14 h old"),
        (9e5, "10 days old"),
    ],
)
def test_ages_are_told_as_one_says_them(seconds: float | None, told: str) -> None:
    assert glance.age(seconds) == told
