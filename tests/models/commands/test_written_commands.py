"""Every `second-skin-lab ...` line that a reader is told to type is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from models import cli

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_CODE = re.compile(r"^```\w*\n(.*?)^```|^((?:    .*\n)+)|`([^`\n]+)`", re.MULTILINE | re.DOTALL)


def _lines(page: Path) -> list[str]:
    """Commands with something after their name, continued lines joined, remarks and pipes cut off."""
    text = page.read_text(encoding="utf-8")
    code = "\n".join(next(filter(None, found)) for found in _CODE.findall(text))
    found = re.findall(r"^\s*second-skin-lab +(.+)$", code.replace("\\\n", " "), re.MULTILINE)
    cut = (re.split(r"\s+#|\s+[|>]|\s{2,}\(", line.strip())[0] for line in found)
    return [line for line in cut if " " in line]


LABORATORY = ROOT / "docs" / "laboratory.md"


def _tabled() -> list[str]:
    """The commands of the laboratory's tables, which stand there without the program's name."""
    cells = re.findall(r"^\| `([^`]+)` \|", LABORATORY.read_text(encoding="utf-8"), re.MULTILINE)
    return [cell.replace("...", "") for cell in cells]


TABLED = _tabled()
WRITTEN = [
    *((page, line) for page in PAGES for line in _lines(page)),
    *((LABORATORY, line) for line in TABLED),
]


def test_the_pages_tell_the_laboratory_from_end_to_end() -> None:
    told = {line.split()[0] for _, line in WRITTEN}
    assert {"virtual", "check", "train", "export", "report", "evaluate", "card"} <= told


def test_every_command_stands_in_a_table_of_the_laboratory_s_page() -> None:
    subcommands = next(action.choices for action in cli.parser()._actions if action.dest == "command")
    assert subcommands is not None
    assert {line.split()[0] for line in TABLED} == set(subcommands)


@pytest.mark.parametrize(("page", "line"), WRITTEN, ids=[f"{p.stem}: {line[:40]}" for p, line in WRITTEN])
def test_a_written_command_is_one(page: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        options = cli.parser().parse_args(shlex.split(line))
    except SystemExit:
        pytest.fail(f"{page.name}: second-skin-lab {line}\n{capsys.readouterr().err}")
    assert callable(options.run)
