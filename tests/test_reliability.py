"""docs/reliability.md accounts for every row of the fault matrix, by tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = re.findall(
    r"^\| (\d+) \| (.+?) \| (.+?) \|(.*?)\|$",
    (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
NAMED = sorted({name for row in ROWS for name in re.findall(r"`(tests/\S+?)`", row[2])})


def test_there_is_each_of_the_55_rows_once() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 56))


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_is_a_plain_function_of_its_file(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_a_test_that_names_a_row_is_in_that_row() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, row in re.findall(r"^def (test_row_(\d+)_\w+)", path.read_text(), re.MULTILINE):
            tests = next(tests for number, _, tests, _ in ROWS if int(number) == int(row))
            assert f"`{path.relative_to(ROOT)}::{name}`" in tests
