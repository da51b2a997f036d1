"""Every language tells the same: each fault's number, each signal, the same placeholders, in words of its own."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from jetson_runtime.cli import main
from jetson_runtime.panel import buzzer, lamp, page
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.stream.text import status_text
from jetson_runtime.suit.languages import DEFAULT_LANGUAGE, LANGUAGES, texts

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = texts(DEFAULT_LANGUAGE)
OTHERS = [language for language in LANGUAGES if language != DEFAULT_LANGUAGE]


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_there_is_a_second_language() -> None:
    assert "de" in OTHERS


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_and_every_signal_has_its_words(language: str) -> None:
    told = texts(language)
    assert set(told.faults) == set(map(int, Fault))
    assert list(told.faults) == sorted(told.faults)
    assert set(told.buzzer) == set(page.SIGNALS)
    for table in ("page", "led", "buzzer"):
        assert getattr(told, table).keys() == getattr(REFERENCE, table).keys()
        assert all(getattr(told, table).values())
    for number, fault in told.faults.items():
        assert fault.what and fault.remedy
        assert not places(fault.what)
        assert set(places(fault.remedy)) <= {"stream"}
        # What a program or a table prints.
        assert not fault.what.endswith(".") and "|" not in fault.what + fault.remedy, number


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_and_what_is_typed_are_the_same_in_every_language(language: str) -> None:
    for number, fault in texts(language).faults.items():
        reference = REFERENCE.faults[number]
        assert places(fault.remedy) == places(reference.remedy), number
        for typed in (
            "second-skin ",
            "suit.toml",
            "systemctl ",
            "[wearer]",
            "[sync]",
            "[recording]",
            "gpioinfo",
        ):
            assert fault.remedy.count(typed) == reference.remedy.count(typed), (number, typed)
        assert fault.what != reference.what, number


def test_faults_of_one_stream_alone_name_it() -> None:
    for number, fault in REFERENCE.faults.items():
        assert number < 20 or not places(fault.remedy)


def test_the_page_has_every_led_pattern_and_every_buzzer_signal() -> None:
    patterns = {name for name in vars(lamp) if name.isupper() and isinstance(getattr(lamp, name), tuple)}
    assert len([name for name in patterns if not isinstance(getattr(lamp, name), lamp.Colour)]) + 1 == len(
        REFERENCE.led
    )
    tunes = [tune for name, tune in vars(buzzer).items() if name.isupper() and isinstance(tune, tuple)]
    assert sorted(page.SIGNALS.values()) == sorted(tunes)


def test_blinks_on_the_page_are_those_of_the_lamp() -> None:
    for fault in Fault:
        shown = [s for colour, s in lamp.number(fault, lamp.DARK) if colour == lamp.YELLOW]
        told = "".join(page.LONG if seconds > 0.5 else page.SHORT for seconds in shown)
        assert page.blinks(fault).replace(" ", "") == told


def test_the_printed_page_is_the_source_s(capsys: pytest.CaptureFixture[str]) -> None:
    """After a change: second-skin faults > docs/faults.md"""
    assert main(["faults"]) == 0
    assert capsys.readouterr().out == (DOCS / "faults.md").read_text(encoding="utf-8")


def test_a_status_is_told_in_the_language_asked_for_else_in_the_service_s() -> None:
    problem = Problem(Fault.PORT_BUSY, "/dev/ttyACM3: held by process 17 (minicom)", "imu_back")
    status = {"state": "degraded", "language": "de", "faults": [problem.told("de")]}
    german = texts("de").faults[Fault.PORT_BUSY]
    told = status_text(status, bold=False)
    remedy = german.remedy.format(stream="imu_back")
    assert f"fault 2  imu_back: {german.what} (/dev/ttyACM3: held by process 17 (minicom)); {remedy}" in told
    english = status_text(status, bold=False, language="en")
    assert f"fault 2  imu_back: {problem}" in english
    newer = {"number": 98, "stream": "", "text": "something new", "remedy": "look"}
    assert "fault 98  service: something new; look" in status_text({**status, "faults": [newer]}, bold=False)
