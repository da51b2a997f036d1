"""`second-skin faults`: a page to print, of what the suit says without a screen; docs/faults.md is the English one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from jetson_runtime.panel import buzzer
from jetson_runtime.panel.buzzer import Tune
from jetson_runtime.suit.languages import DEFAULT_LANGUAGE, LANGUAGES, texts

# By their names in `suit/texts/`.
SIGNALS: dict[str, Tune] = {
    "valid": buzzer.VALID,
    "not_valid": buzzer.NOT_VALID,
    "silent": buzzer.SILENT,
    "tare_taken": buzzer.TARE_TAKEN,
    "tare_refused": buzzer.TARE_REFUSED,
    "low_power": buzzer.LOW_POWER,
}
LONG, SHORT = "—", "·"
_LONG_S = 0.4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments and handler of `faults`."""
    parser.add_argument(
        "--language", choices=LANGUAGES, default=DEFAULT_LANGUAGE, help=f"({DEFAULT_LANGUAGE})"
    )
    parser.set_defaults(handler=_print)


def page(language: str) -> str:
    """Markdown, in one of LANGUAGES."""
    return "\n".join(_lines(language)) + "\n"


def blinks(number: int) -> str:
    """As the LED shows it."""
    tens, ones = divmod(number, 10)
    return " ".join(filter(None, (LONG * tens, SHORT * ones)))


def _print(options: argparse.Namespace) -> int:
    sys.stdout.write(page(options.language))
    return 0


def _lines(language: str) -> Iterator[str]:
    words = texts(language)
    title = words.page
    yield f"# {title['title']}\n\n{title['intro']}\n\n## {title['led']}\n"
    yield f"| {title['shows']} | {title['means']} |\n|---|---|"
    for meaning in words.led.values():
        shows, _, means = meaning.partition(": ")
        yield f"| {shows} | {means} |"
    yield f"\n{title['how']}\n\n## {title['buzzer']}\n"
    yield f"| {title['sounds']} | {title['means']} |\n|---|---|"
    for name, tune in SIGNALS.items():
        yield f"| {_beeps(tune)} | {words.buzzer[name]} |"
    yield f"\n## {title['faults']}\n"
    yield f"| {title['number']} | {title['blinks']} | {title['what']} | {title['remedy']} |\n|---|---|---|---|"
    for number, fault in words.faults.items():
        remedy = fault.remedy.replace("{stream}", "NAME")
        yield f"| {number} | {blinks(number)} | {fault.what} | {remedy} |"


def _beeps(tune: Tune) -> str:
    return "".join(LONG if seconds > _LONG_S else SHORT for seconds in tune[::2])
