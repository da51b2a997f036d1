"""docs/quick-start.md, typed command by command as a new user would."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typed_page import Block, Reader, blocks, reader

# A new suit is told to be unwell (nobody has checked its fit), and a busy machine may miss the rate.
UNWELL = {"second-skin status": (1,), "second-skin hz": (1,)}
NOT_HEARD = 2


def test_every_command_of_the_quick_start(tmp_path: Path) -> None:
    page = blocks("quick-start.md")
    assert [block.language for block in page].count("python") == 1
    typed: list[str] = []
    with reader(tmp_path) as user:
        for block in page:
            if block.language == "python":
                (tmp_path / "first.py").write_text(block.code)
            elif block.note != "not in the test":
                typed += _shell(user, block)
        assert (tmp_path / "shift.json").is_file()
    assert len(typed) >= 11


def _shell(user: Reader, block: Block) -> list[str]:
    if block.note.startswith("stop: "):
        user.stops(block.note.removeprefix("stop: "))
    for command in block.commands:
        if block.note == "goes on":
            _begin(user, command)
            continue
        if command.startswith("second-skin-lab") and importlib.util.find_spec("torch") is None:
            pytest.skip("needs the laboratory's packages for its last command")
        allowed = next((codes for begin, codes in UNWELL.items() if command.startswith(begin)), ())
        printed = user.types(command, *allowed)
        assert printed.strip(), command
        if command == "python first.py":
            assert "right knee" in printed
        if command.startswith("second-skin-lab dose"):
            assert "lumbar_extension_moment: " in printed
    return block.commands


def _begin(user: Reader, command: str) -> None:
    user.begins(command)
    if " simulate " in command:
        user.waits("test -e suit/simulation.json", 1)
    elif " run " in command:
        user.waits("second-skin echo --count 1 --json | grep -q '\"valid\": *true'", 1, NOT_HEARD)
    elif " record " in command:
        user.waits("test -n \"$(find recordings -name '*.mcap' -size +16k)\"", 1)
