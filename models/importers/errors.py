"""What is wrong with files to be imported: every defect at once, each with its file and its remedy."""

from __future__ import annotations

from pathlib import Path

from jetson_runtime.suit.errors import SuitError


class ImportSetError(SuitError):
    """Files that cannot be imported; `defects` holds one line for each thing to mend."""

    def __init__(self, defects: list[str]) -> None:
        self.defects = tuple(defects)
        count = f"{len(defects)} defects" if len(defects) > 1 else "1 defect"
        super().__init__(
            "\n".join([f"{count} in what is to be imported", *(f"  {line}" for line in defects)])
        )


def defect(path: Path, what: str, remedy: str) -> str:
    """One line: file, what is wrong with it, what to do."""
    return f"{path}: {what}; {remedy}"


def raise_all(defects: list[str]) -> None:
    """Raises ImportSetError if there is any."""
    if defects:
        raise ImportSetError(defects)
