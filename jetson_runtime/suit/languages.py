"""The texts that a person reads on the suit, by language: what faults mean and what to do, what LED and buzzer say.

A language is a file in `texts/`; `en.toml` is the reference, and tests hold every other to it, key by key.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FOLDER = Path(__file__).parent / "texts"
DEFAULT_LANGUAGE = "en"
LANGUAGES = tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


class FaultText(NamedTuple):
    """Of one number. remedy: {stream} stands for the stream's name."""

    what: str
    remedy: str


class Texts(NamedTuple):
    """page: of the printed page; led, buzzer: what each signal means, by its name; faults: by number."""

    page: dict[str, str]
    led: dict[str, str]
    buzzer: dict[str, str]
    faults: dict[int, FaultText]


@functools.cache
def texts(language: str = DEFAULT_LANGUAGE) -> Texts:
    """One of LANGUAGES (KeyError for another)."""
    if language not in LANGUAGES:
        raise KeyError(language)
    table: dict[str, Any] = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    faults = {int(number): FaultText(**told) for number, told in table["faults"].items()}
    return Texts(table["page"], table["led"], table["buzzer"], faults)
