"""The dose of a shift on moments whose integrals are known, and the file that keeps it."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from pathlib import Path

import pytest

from jetson_runtime.dose import Dose, restored
from jetson_runtime.shift import LONGEST_PAUSE_S, FrameDose, Shift
from jetson_runtime.stream.received import ReceivedFrame
from jetson_runtime.suit.errors import ShiftError
from jetson_runtime.suit.signals import PERIOD_NS

LUMBAR = "lumbar_extension_moment"
MASS_KG = 80.0
FIRST = ReceivedFrame(
    **{field.name: None for field in dataclasses.fields(ReceivedFrame)}  # type: ignore[arg-type]
)


def frame(tick: int, lumbar: float = 1.0, *, session: str = "s1", valid: bool = True, **more: object):
    """Tick `tick` of a session, received as it was sent."""
    changes = {
        "session": session,
        "t_ns": tick * PERIOD_NS,
        "receive_ns": tick * PERIOD_NS,
        "valid": valid,
        "moment": {LUMBAR: lumbar},
        "moment_valid": True,
    } | more
    known = {key: value for key, value in changes.items() if key in FIRST.__dict__}
    return dataclasses.replace(FIRST, **known)


def test_a_constant_moment_is_its_size_times_the_time() -> None:
    dose = Dose([LUMBAR])
    for _ in range(120_000):  # ten minutes
        dose.tick([-90.0])
    load = dose.table()["loads"][LUMBAR]
    assert load["linear_nms"] == pytest.approx(90.0 * 600, rel=1e-9)
    assert load["squared_nm2s"] == pytest.approx(90.0**2 * 600, rel=1e-9)
    assert [load[key] for key in ("mean_nm", "rms_nm", "peak_nm")] == pytest.approx([90.0] * 3)


def test_a_sine_has_its_textbook_mean_and_root_mean_square() -> None:
    dose = Dose([LUMBAR])
    for tick in range(200 * 60):
        dose.tick([50.0 * math.sin(2 * math.pi * 0.5 * tick / 200)])
    load = dose.table()["loads"][LUMBAR]
    assert load["mean_nm"] == pytest.approx(50.0 * 2 / math.pi, rel=1e-4)
    assert load["rms_nm"] == pytest.approx(50.0 / math.sqrt(2), rel=1e-4)
    assert load["peak_nm"] == pytest.approx(50.0)


def test_the_same_linear_dose_in_half_the_time_is_twice_the_squared_one() -> None:
    long, short = Dose([LUMBAR]), Dose([LUMBAR])
    for _ in range(2000):
        long.tick([40.0])
    for _ in range(1000):
        short.tick([80.0])
    first, second = (dose.loads[LUMBAR] for dose in (long, short))
    assert first.linear_nms == pytest.approx(second.linear_nms)
    assert second.squared_nm2s == pytest.approx(2 * first.squared_nm2s)


def test_what_is_no_number_or_not_valid_adds_time_and_no_load() -> None:
    dose = Dose([LUMBAR, "knee_angle_r_moment"])
    dose.tick([1.0, 2.0])
    for moments in ([1.0, math.nan], [math.inf, 1.0], None):
        dose.tick(moments)
    assert (dose.valid_ticks, dose.invalid_ticks) == (1, 3)
    assert dose.loads["knee_angle_r_moment"].linear_nms == pytest.approx(2.0 * 0.005)
    assert "measured 0:00:00 of 0:00:00 (25%)" in dose.text()


def test_before_anything_was_measured_no_mean_is_told() -> None:
    dose = Dose([LUMBAR])
    assert dose.table()["loads"][LUMBAR]["mean_nm"] is None
    assert "nothing measured" in dose.text()
    assert json.dumps(dose.table())


def test_frames_that_never_came_are_time_not_heard() -> None:
    frames = FrameDose([LUMBAR])
    for tick in (10, 11, 12, 40, 41):
        frames.take(frame(tick), MASS_KG)
    assert frames.dose.valid_ticks == 5
    assert frames.dose.unheard_ns == 27 * PERIOD_NS
    assert frames.dose.loads[LUMBAR].linear_nms == pytest.approx(5 * 0.005 * MASS_KG)


def test_a_frame_counts_once_and_only_with_a_wearer() -> None:
    frames = FrameDose([LUMBAR])
    frames.take(frame(1), None)
    frames.take(frame(2, valid=False), MASS_KG)
    frames.take(frame(3), MASS_KG)
    frames.take(frame(3), MASS_KG)
    frames.take(frame(2), MASS_KG)
    assert (frames.dose.valid_ticks, frames.dose.invalid_ticks, frames.dose.unheard_ns) == (1, 2, 0)


def test_between_two_sessions_the_clients_own_clock_counts() -> None:
    frames = FrameDose([LUMBAR])
    frames.take(frame(1000), MASS_KG)
    # The suit was restarted: its clock begins anew, the client's goes on.
    frames.take(frame(3, session="s2", receive_ns=1000 * PERIOD_NS + 30_000_000_000), MASS_KG)
    assert frames.dose.valid_ticks == 2
    assert frames.dose.unheard_ns == 30_000_000_000 - PERIOD_NS


def test_silence_before_the_first_frame_and_since_the_newest_is_told_once() -> None:
    frames = FrameDose([LUMBAR], since_ns=100 * PERIOD_NS)
    assert frames.until(300 * PERIOD_NS).unheard_ns == 200 * PERIOD_NS
    assert frames.until(400 * PERIOD_NS).unheard_ns == 300 * PERIOD_NS
    frames.take(frame(501), MASS_KG)
    assert frames.until(502 * PERIOD_NS).unheard_ns == 400 * PERIOD_NS
    assert frames.until(602 * PERIOD_NS).unheard_ns == 500 * PERIOD_NS
    frames.take(frame(702), MASS_KG)
    assert frames.until(703 * PERIOD_NS).unheard_ns == 600 * PERIOD_NS
    assert frames.dose.valid_ticks == 2


def test_a_shift_saves_all_its_time_whether_a_frame_came_or_not(tmp_path: Path) -> None:
    def told_s() -> float:
        shift.save()
        dose = json.loads(path.read_bytes())["dose"]
        return (dose["valid_ticks"] * PERIOD_NS + dose["unheard_ns"]) * 1e-9

    path = tmp_path / "shift.json"
    begun_s = time.monotonic()
    shift = Shift(path, [LUMBAR])
    for round_number in range(3):
        for _ in range(2):
            time.sleep(0.1)
            least_s = time.monotonic() - begun_s
            assert least_s - 0.02 <= told_s() <= time.monotonic() - begun_s + 0.001
        now_ns = time.monotonic_ns()
        shift.take(frame(round_number, t_ns=now_ns, receive_ns=now_ns), MASS_KG)
        if round_number == 1:
            shift = Shift(path, [LUMBAR])
    assert shift.dose.valid_ticks == 2


def test_state_and_back_is_the_same_dose() -> None:
    dose = Dose([LUMBAR])
    for size in (10.0, -20.0, 30.0):
        dose.tick([size])
    dose.unheard(7)
    again = restored(json.loads(json.dumps(dose.state())))
    assert again.table() == dose.table()


def test_a_shift_goes_on_and_the_pause_is_not_heard(tmp_path: Path) -> None:
    path = tmp_path / "shift.json"
    first = Shift(path, [LUMBAR])
    for tick in range(100):
        first.take(frame(tick, receive_ns=time.monotonic_ns()), MASS_KG)
    first.save()
    told = json.loads(path.read_bytes())
    told["saved_utc_s"] -= 60.0
    path.write_text(json.dumps(told))
    second = Shift(path, [LUMBAR])
    assert second.restarts == 1
    assert 60.0 <= second.dose.table()["unheard_s"] < 600.0
    second.take(frame(5, session="s2"), MASS_KG)
    assert second.dose.valid_ticks == 101
    assert second.begun_utc_s == first.begun_utc_s


def test_a_shift_is_of_the_moments_that_the_suit_sends_and_of_no_others_later(tmp_path: Path) -> None:
    path, right, left = tmp_path / "shift.json", "knee_angle_r_moment", "knee_angle_l_moment"
    wanted = [LUMBAR, right, left]
    Shift(path, wanted).save()
    shift = Shift(path, wanted)
    one_side = {LUMBAR: 1.0, right: 2.0}
    shift.take(frame(1, valid=False, moment={LUMBAR: math.nan, right: math.nan}), MASS_KG)
    shift.take(frame(2, moment=one_side), MASS_KG)
    shift.save()
    assert (shift.dose.valid_ticks, shift.dose.invalid_ticks) == (1, 1)
    again = Shift(path, wanted)
    again.take(frame(3, moment=one_side), MASS_KG)
    assert again.dose.valid_ticks == 2
    assert list(again.dose.loads) == [LUMBAR, right]
    with pytest.raises(ShiftError, match=left):
        again.take(frame(4, moment=dict.fromkeys(wanted, 1.0)), MASS_KG)


def test_a_clock_that_was_set_back_makes_the_pause_unknown_not_negative(tmp_path: Path) -> None:
    path = tmp_path / "shift.json"
    Shift(path, [LUMBAR]).save()
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"saved_utc_s": time.time() + 1e6}))
    shift = Shift(path, [LUMBAR])
    assert shift.unknown_pauses == 1
    assert 0 <= shift.dose.unheard_ns < 60_000_000_000


def test_another_wearer_another_shift_other_moments_and_damage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shift.json"
    shift = Shift(path, [LUMBAR])
    shift.take(frame(1), MASS_KG)
    with pytest.raises(ShiftError, match="80 kg"):
        shift.take(frame(2), MASS_KG + 5)
    shift.save()
    kept = path.read_bytes()
    with pytest.raises(ShiftError, match=LUMBAR):
        Shift(path, ["knee_angle_r_moment"])
    told = json.loads(kept)
    damages = (
        b"",
        kept[: len(kept) // 2],
        b"[]",
        json.dumps(told | {"format": 2}).encode(),
        json.dumps(told | {"saved_utc_s": None}).encode(),
        json.dumps(told | {"dose": told["dose"] | {"valid_ticks": -1}}).encode(),
    )
    for damage in damages:
        path.write_bytes(damage)
        with pytest.raises(ShiftError, match="name another file"):
            Shift(path, [LUMBAR])
        assert path.read_bytes() == damage
    path.write_text(json.dumps(told | {"saved_utc_s": time.time() - LONGEST_PAUSE_S - 60}))
    with pytest.raises(ShiftError, match="12 h ago"):
        Shift(path, [LUMBAR])


def test_a_disk_that_refuses_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "shift.json"
    shift = Shift(path, [LUMBAR])
    shift.save()
    kept = path.read_bytes()
    (tmp_path / ".shift.json.new").mkdir()
    with pytest.raises(OSError):
        shift.save()
    assert path.read_bytes() == kept
