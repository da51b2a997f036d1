"""What the page shows, without a browser: words, figures, traces with their gaps, the stick figure, pressure maps."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from live_stream import DESCRIPTION, SIDES, STATUS, make_frame

from jetson_runtime.client import ReceivedFrame
from jetson_runtime.dashboard import card, maps, traces, view
from jetson_runtime.dashboard.feed import Heard
from jetson_runtime.dashboard.figure import ANKLE_HEIGHT, SHANK, THIGH, TRUNK, figure
from jetson_runtime.dashboard.hub import encode
from jetson_runtime.dashboard.live import Account, Live
from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.stream.received import received
from jetson_runtime.suit.signals import STREAM_NAMES

NAMES = [(item["name"], item["kind"]) for item in DESCRIPTION["outcomes"]]
UPRIGHT = dict.fromkeys(
    (f"{joint}_{side}" for joint in ("hip_flexion", "knee_angle", "ankle_angle") for side in SIDES), 0.0
) | {"lumbar_extension": 0.0}
SOUND = STATUS | {"state": "running", "faults": [], "streams": {}}


def frame_of(seq: int = 0, **changes: Any) -> ReceivedFrame:
    """As a client is given it."""
    frame = make_frame(seq, t_ns=seq * 5_000_000, **changes)
    payload = FrameEncoder("s1", SIDES).encode(frame, frame.t_ns + 3_000_000)
    return received(messages.decode(payload), frame.t_ns + 4_000_000)


def rows(found: list[view.Row]) -> dict[str, tuple[str, str]]:
    return {row.name: (row.value, row.tone) for row in found}


@pytest.mark.parametrize(
    ("changes", "status", "word", "tone"),
    [
        ({}, SOUND, "RUNNING", "good"),
        ({}, STATUS, "RUNNING", "wait"),
        ({"valid": False, "state": "settling", "settling_ms": 700.0}, SOUND, "SETTLING", "wait"),
        ({"valid": False, "state": "degraded", "missing": ("imu_back",)}, STATUS, "DEGRADED", "bad"),
        ({"valid": False, "state": "waiting"}, None, "WAITING", "bad"),
        ({"valid": False}, STATUS, "NOT VALID", "bad"),
    ],
)
def test_the_big_word_and_what_to_do(
    changes: dict[str, Any], status: dict[str, Any] | None, word: str, tone: str
) -> None:
    shown = view.headline(frame_of(**changes), status, None)
    assert (shown.word, shown.tone) == (word, tone)
    assert shown.todo


def test_a_silent_service_is_no_running_one_and_a_new_listener_waits() -> None:
    assert view.headline(frame_of(), SOUND, 0.7).word == "SILENT"
    assert view.headline(None, None, 0.7).word == "SILENT"
    assert view.headline(None, None, 0.1).word == "LISTENING"


def test_of_a_sensor_that_is_gone_no_number_stays() -> None:
    told = {sensor["name"]: sensor for sensor in view.sensors(STATUS)}
    assert list(told) == list(STREAM_NAMES)
    gone, sound = told["imu_back"], told["imu_thigh_r"]
    assert (gone["word"], gone["tone"]) == ("missing", "bad")
    assert {gone[key] for key in ("rate", "age", "offset", "skew", "uncertainty")} == {view.DASH}
    assert "missing for 4 s" in gone["detail"]
    assert (sound["word"], sound["rate"], sound["age"], sound["offset"]) == ("well", "200.0", "3", "0.001")
    assert {sensor["word"] for sensor in view.sensors(None)} == {"not known"}


def test_faults_carry_what_where_and_what_to_do() -> None:
    (fault,) = view.faults(STATUS)
    assert fault == {
        "number": "3",
        "who": "back",
        "what": "/dev/x is not there",
        "text": "/dev/x is not there",
        "remedy": "plug it in",
    }


def test_every_group_of_facts_can_be_told_of_nothing_and_of_all() -> None:
    whole = SOUND | {
        "power": {"rail_v": 14.81, "current_a": 1.0, "watts": 14.8},
        "supply": {"low": True, "percent": 9.0, "minutes": 7.0, "minutes_from": "fuel gauge", "mode": "15W"}
        | {"hot": ["cpu"], "throttled": ["cpu0"]},
        "temperature": {"cpu": 91.2, "gpu": 50.0},
        "clients": {"connected": 3, "refused": 2, "revoked": 0, "over_limit": 0, "flooding": 0},
        "recording": {"state": "paused", "file": "/a/b.mcap", "why": "no room", "missed": 1, "dropped": 0},
        "tare": None,
    }
    supply = rows(view.supply(whole))
    assert supply["Input"] == ("14.8 V, 14.8 W", "bad")
    assert supply["Battery"] == ("9 %, 7 min left by fuel gauge", "bad")
    assert supply["Hottest"] == ("91 °C (cpu)", "bad")
    assert supply["Slowed down"] == ("cpu0", "bad")
    assert rows(view.clients(whole))["Turned away: refused"] == ("2", "wait")
    recorder = rows(view.recorder(whole, 3.2))
    assert recorder["Recorder"] == ("paused, no room", "wait")
    assert recorder["Lost messages"] == ("1", "bad")
    assert recorder["Room for"] == ("about 3 h", "none")
    assert rows(view.worn(whole))["Tare"][1] == "wait"
    for status in (None, {}, {"faults": []}):
        told = [*view.supply(status), *view.timing(status), *view.worn(status), *view.clients(status)]
        told += [*view.model(None, status), *view.recorder(status, None)]
        assert not [row for row in told if row.tone == "good"]


def test_points_are_a_quarter_of_the_frames_and_one_that_is_not_valid_is_a_gap() -> None:
    thinner = traces.Thinner(NAMES)
    frames = [frame_of(seq, valid=seq != 9) for seq in range(17)]
    points = [point for frame in frames for point in thinner.points([frame])]
    assert [t for t, _ in points] == pytest.approx([0.015, 0.035, 0.055, 0.075])
    assert points[0][1] == tuple(float(i) for i in range(len(NAMES)))
    assert points[2][1] == (None,) * len(NAMES), "one of its four was not valid"
    assert None not in points[3][1]


def test_while_the_feet_do_not_carry_the_person_no_moment_is_drawn_and_a_line_says_why() -> None:
    live, frames = Live(), tuple(frame_of(seq, moment_valid=seq != 5) for seq in range(13))
    batch = live.batch(Heard(frames, frames[5], DESCRIPTION, SOUND, None, (), None), 10**9)
    sitting = [
        value for (_, kind), value in zip(NAMES, batch["points"][1][1], strict=True) if kind == "moment"
    ]
    assert set(sitting) == {None}, "of one of its four they were not valid"
    assert sum(value is not None for value in batch["points"][1][1]) == len(NAMES) - len(sitting)
    assert None not in batch["points"][0][1] + batch["points"][2][1]
    assert batch["warnings"] == ["the feet do not carry the person: no moments"]
    stands = Heard((), frames[-1], DESCRIPTION, SOUND, None, (), None)
    for heard in (stands, replace(stands, newest=frames[5], silent_s=2.0)):
        assert live.batch(heard, 10**9)["warnings"] == []


def test_best_effort_values_of_a_frame_that_is_not_valid_are_a_gap_too() -> None:
    frames = [replace(frame_of(seq), valid=False, angle=dict.fromkeys(UPRIGHT, 1.0)) for seq in range(5)]
    assert traces.Thinner(NAMES).points(frames) == [(0.015, (None,) * len(NAMES))]


def test_frames_that_never_came_leave_no_point_of_their_own() -> None:
    points = traces.Thinner(NAMES).points([frame_of(seq) for seq in (0, 1, 20, 21, 24)])
    assert [t for t, _ in points] == pytest.approx([0.005, 0.105])


def test_a_chart_for_each_joint_and_kind_with_both_sides_and_the_unit() -> None:
    charts = {(chart["joint"], chart["kind"]): chart for chart in traces.charts(DESCRIPTION["outcomes"])}
    assert len(charts) == 8
    knee = charts["knee", "moment"]
    assert knee["unit"] == "Nm/kg"
    assert [(line["name"], line["side"]) for line in knee["lines"]] == [
        ("knee_angle_r_moment", "r"),
        ("knee_angle_l_moment", "l"),
    ]
    assert [NAMES[line["index"]][0] for line in knee["lines"]] == [line["name"] for line in knee["lines"]]
    assert charts["lower back", "angle"]["lines"][0]["side"] == ""


def test_who_stands_upright_is_drawn_upright_on_the_ground() -> None:
    drawn = figure(UPRIGHT)
    hip, knee, ankle, heel, toe = drawn["leg_r"]
    assert hip == pytest.approx((0.0, THIGH + SHANK + ANKLE_HEIGHT), abs=1e-3)
    assert knee[0] == ankle[0] == 0.0
    assert heel[1] == toe[1] == 0.0
    assert toe[0] > 0 > heel[0]
    assert drawn["trunk"][1] == pytest.approx((0.0, hip[1] + TRUNK), abs=1e-3)


def test_every_joint_bends_the_way_its_sign_says() -> None:
    assert figure(UPRIGHT | {"hip_flexion_r": 30.0})["leg_r"][1][0] > 0.1, "thigh forward"
    bent = figure(UPRIGHT | {"knee_angle_r": 60.0})
    assert bent["leg_r"][2][0] < -0.1, "heel towards the buttock"
    assert min(y for _, y in bent["leg_l"]) == 0.0, "the other foot stands"
    (heel, toe) = figure(UPRIGHT | {"ankle_angle_r": 20.0})["leg_r"][3:]
    assert toe[1] > heel[1], "toes up"
    assert figure(UPRIGHT | {"lumbar_extension": 20.0})["trunk"][1][0] < -0.05, "trunk backward"


def test_what_is_not_known_is_not_drawn() -> None:
    assert set(figure(UPRIGHT | {"knee_angle_l": math.nan})) == {"leg_r", "trunk"}
    assert figure({}) == {}


def insole(**changes: Any) -> dict[str, Any]:
    return {
        "t_ns": 10**9,
        "force_n": 412.3,
        "cop_ap_m": 0.008,
        "cop_ml_m": 0.008,
        "loaded": True,
        "rows": 3,
        "columns": 3,
        "pitch_m": 0.008,
        "cells": [1, 4, 8],
        "kpa": [0.0, 40.0, 9000.0],
    } | changes


def test_a_map_has_its_cells_where_they_are_and_its_centre_on_the_lateral_side() -> None:
    feet = maps.feet({"insoles": {"r": insole(), "l": insole()}}, 10**9)
    assert list(base64.b64decode(feet["r"]["map"])) == [255, 0, 255, 255, 20, 255, 255, 255, 254]
    assert (feet["r"]["force_n"], feet["r"]["most_kpa"]) == (412, 9000)
    assert feet["r"]["centre"] == (0.0, 2.0)
    assert feet["l"]["centre"] == (0.0, 0.0)


def test_an_old_map_a_missing_insole_and_an_unloaded_foot_are_told_as_such() -> None:
    feet = maps.feet({"insoles": {"r": insole(t_ns=0), "l": None}}, maps.FRESH_NS + 1)
    assert feet == {"l": None, "r": None}
    assert maps.feet(None, 0) == {"l": None, "r": None}
    lifted = insole(loaded=False, cop_ap_m=math.nan, cop_ml_m=math.nan, kpa=[])
    assert maps.feet({"insoles": {"r": lifted}}, 10**9)["r"]["centre"] is None


def test_a_batch_is_json_and_of_frames_that_are_not_valid_no_value_is_in_it() -> None:
    live = Live()
    frames = tuple(frame_of(seq, valid=False, outcomes=(math.nan,) * len(NAMES)) for seq in range(9))
    heard = Heard(frames, frames[-1], DESCRIPTION, STATUS, None, (), None)
    batch = json.loads(encode(live.batch(heard, 10**9)))
    assert batch["figure"] is None
    assert batch["points"] and all(set(values) == {None} for _, values in batch["points"])
    sound = tuple(frame_of(seq) for seq in range(9, 18))
    batch = live.batch(Heard(sound, sound[-1], DESCRIPTION, STATUS, None, (), None), 10**9)
    assert set(batch["figure"]) == {"leg_r", "leg_l", "trunk"}
    assert batch["headline"]["todo"] == "1 fault: see below"
    assert batch["faults"] == view.faults(STATUS), "the headline and what it counts come in one message"
    silent = live.batch(Heard((), sound[-1], DESCRIPTION, STATUS, None, (), 2.0), 10**9)
    assert silent["figure"] is None
    assert silent["headline"]["word"] == "SILENT"
    assert not silent["faults"]


def test_the_account_is_told_when_it_changes_and_holds_nothing_of_a_silent_service() -> None:
    account, newest = Account(), frame_of()
    heard = Heard((), newest, DESCRIPTION, STATUS, None, (), None)
    told = account.told(heard, 2.0, [])
    assert told is not None
    encode(told)
    assert account.told(heard, 2.0, []) is None
    marked = replace(heard, events=({"kind": "mark", "task": "L3", "phase": "begin"},))
    told = account.told(marked, 2.0, [])
    assert told is not None
    assert told["events"] == [{"value": "mark begin L3"}]
    silent = account.told(replace(heard, silent_s=3.0), 2.0, [])
    assert silent is not None
    assert {sensor["word"] for sensor in silent["sensors"]} == {"not known"}
    values = [row["value"] for group in ("timing", "model", "supply") for row in silent[group]]
    assert set(values) == {view.DASH}


def test_the_card_is_that_of_the_bundle_that_runs_and_of_no_other(tmp_path: Path) -> None:
    manifest = json.loads((SHIPPED / "manifest.json").read_text())
    told = rows(card.of_bundle(SHIPPED, manifest["sha256"]))
    assert told["Trained on"][0].startswith("130 virtual subjects")
    assert "Not for" in told
    assert card.of_bundle(SHIPPED, "another") == []
    assert card.of_bundle(tmp_path, manifest["sha256"]) == []
    (tmp_path / "manifest.json").write_text('{"sha256": "x", "card": null}')
    assert [row.name for row in card.of_bundle(tmp_path, "x")] == ["Made"]
