"""pytest imports test files by their bare names: two of one name, and it collects neither."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


def test_each_test_file_has_a_name_of_its_own() -> None:
    names = Counter(path.name for path in Path(__file__).parent.rglob("*.py"))
    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []
