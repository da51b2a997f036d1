"""Every command that the pages name is one that the programs' own parsers take. Nothing is run."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex

import pytest
from typed_page import ROOT, Block, blocks

from jetson_runtime import cli
from models import cli as lab

_PAGES = ("../README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md")))
_PROGRAM = re.compile(r"^(?:sudo )?(?:\S*/)?(second-skin(?:-lab)?) (.*)$")
_IN_A_SENTENCE = re.compile(r"`((?:sudo )?second-skin(?:-lab)? [^`\n]+)`")
# Of a sentence, which may name a command by its first words alone, or write NAME for one of several.
_OPEN = re.compile(r"arguments are required|invalid choice: '[A-Z]+'")
# What ends a command in a shell.
_ENDS = {"|", "&&", ";", "&", ">"}


def commands(page: str) -> list[tuple[bool, str]]:
    """Whether it is to be typed as it stands, and what: the lines of shell blocks, and what sentences name."""
    shell = [block for block in blocks(page) if block.language == "sh"]
    lines = [line for block in shell for line in Block(*block[:2], block.code.replace("\\\n", " ")).commands]
    named = _IN_A_SENTENCE.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    return [(True, line) for line in lines] + [(False, text) for text in named]


def words_of(command: str) -> tuple[str, list[str]] | None:
    """The program and what it is given; None: another program's command."""
    if (found := _PROGRAM.match(command)) is None:
        return None
    words = shlex.split(found[2])
    return found[1], words[: next((at for at, word in enumerate(words) if word in _ENDS), len(words))]


def refusal(program: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Empty where the parser takes it, or shows its help."""
    try:
        parser = cli._parser(words[0]) if program == "second-skin" else lab.parser()
        taken = parser.parse_args(words)
        if words[0] == "bench":
            benchmark = argparse.ArgumentParser()
            importlib.import_module(f"jetson_runtime.bench.{taken.name}").add_arguments(benchmark)
            benchmark.parse_args(taken.words)
    except SystemExit as end:
        return capsys.readouterr().err if end.code else ""
    return ""


@pytest.mark.parametrize("page", _PAGES)
def test_every_command_is_taken(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused = []
    for whole, command in commands(page):
        if (typed := words_of(command)) is None:
            continue
        told = refusal(*typed, capsys)
        if told and (whole or not _OPEN.search(told)):
            refused.append(f"{command}: {told.splitlines()[-1]}")
    assert refused == []


def test_commands_are_found_on_the_pages_that_have_them() -> None:
    found = {page: [words_of(command) for _, command in commands(page)] for page in _PAGES}
    assert ("second-skin", ["mark", "doffed"]) in found["wear.md"]
    assert sum(typed is not None for listed in found.values() for typed in listed) > 150


def test_what_is_to_be_installed_is_in_the_checkout() -> None:
    """No registry has the package; under its name there may be anybody's."""
    texts = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *(ROOT / "examples").glob("*.py")]
    texts += [path for folder in ("jetson_runtime", "models") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in texts if re.search(r"pip install '?second-skin", path.read_text())] == []


def test_a_word_that_no_command_takes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--text" in refusal("second-skin", ["mark", "--text", "doffed"], capsys)
