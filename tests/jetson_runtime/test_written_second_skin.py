"""Every `second-skin ...` that a reader is told to type is one that the program takes; every command is told of."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from jetson_runtime import cli
from jetson_runtime.suit import languages

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "tests").glob("*/README.md")),
    ROOT / "systemd" / "suit.toml",
)
_BLOCK = re.compile(r"^```\w*\n(.*?)^```|^((?:    .*\n)+)", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"^\s*(?:sudo +)?(?:\S*/bin/)?second-skin +(.+)$", re.MULTILINE)
# Commands in the remedies stand between words that are none.
_IN_WORDS = re.compile(r"second-skin ((?:[a-z-]+)(?: set)?)(?=$|[;,])|second-skin (status)")
# What a reader replaces, where the program takes numbers alone.
_NUMBERS = {"N": "1", "S": "1"}


def _lines(code: str) -> list[str]:
    """Commands without the program's name, continued lines joined, remarks and pipes cut off."""
    found = _COMMAND.findall(code.replace("\\\n", " "))
    return [re.split(r"\s+#|\s+[|>&]|\s{2,}\(", line.strip())[0] for line in found]


def _typed() -> list[tuple[str, str]]:
    """What stands as a line of its own, to be typed as it is: the page, and the command."""
    pages = [(page, page.read_text(encoding="utf-8")) for page in PAGES]
    return [
        (p.name, line)
        for p, text in pages
        for block in _BLOCK.findall(text)
        for line in _lines("".join(block))
    ]


def _named() -> list[tuple[str, str]]:
    """What is spoken of in a sentence, perhaps without its arguments."""
    pages = [(page.name, _BLOCK.sub("", page.read_text(encoding="utf-8"))) for page in PAGES]
    told = [(name, line) for name, text in pages for code in _NAMED.findall(text) for line in _lines(code)]
    remedies = [
        ("en.toml", "".join(found))
        for fault in languages.texts().faults.values()
        for found in _IN_WORDS.findall(fault.remedy)
    ]
    return told + remedies


TYPED, NAMED = _typed(), sorted(set(_named()))


def _parse(words: list[str]) -> argparse.Namespace:
    options = cli._parser(words[0]).parse_args([_NUMBERS.get(word, word) for word in words])
    if words[0] == "bench":
        module = importlib.import_module(f"jetson_runtime.bench.{options.name}")
        benchmark = argparse.ArgumentParser()
        module.add_arguments(benchmark)
        benchmark.parse_args(options.words)
    return options


def _complaint(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the program says against `words`; empty where it takes them."""
    try:
        options = _parse(words)
    except SystemExit as ended:
        said = capsys.readouterr().err
        return said if ended.code else ""
    assert callable(options.handler)
    return ""


@pytest.mark.parametrize(("page", "line"), TYPED, ids=[f"{page}: {line[:40]}" for page, line in TYPED])
def test_a_line_to_be_typed_is_taken_as_it_is(
    page: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    complaint = _complaint(shlex.split(line), capsys)
    assert not complaint, f"{page}: second-skin {line}\n{complaint}"


@pytest.mark.parametrize(("page", "line"), NAMED, ids=[f"{page}: {line[:40]}" for page, line in NAMED])
def test_a_command_that_is_spoken_of_is_one(page: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line)
    assert words[0] in cli._COMMANDS, f"{page}: second-skin {line}"
    complaint = _complaint(words, capsys)
    if complaint and not any(word.startswith("-") for word in words):
        complaint = _complaint([*words, "--help"], capsys)  # its name alone
    assert not complaint, f"{page}: second-skin {line}\n{complaint}"


def test_every_command_and_every_benchmark_is_told_to_a_reader() -> None:
    told = [line.split() for _, line in TYPED + NAMED]
    assert {words[0] for words in told} >= set(cli._COMMANDS)
    assert {words[1] for words in told if words[0] == "bench" and len(words) > 1} >= set(cli._BENCHMARKS)


def test_the_commands_that_take_a_key_are_those_that_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    sentence = re.search(r"of the terminal's commands (.+?) take `--key`", page)
    assert sentence is not None
    taking = set()
    below = {"wearer": ["set"], "recording": ["start", "stop"]}
    commands = [[name, action] for name, actions in below.items() for action in actions]
    for words in commands + [[name] for name in cli._COMMANDS if name not in below]:
        with pytest.raises(SystemExit):
            _parse([*words, "--help"])
        if "--key FILE" in capsys.readouterr().out:
            taking.add(" ".join(words))
    assert set(_NAMED.findall(sentence[1])) == taking
