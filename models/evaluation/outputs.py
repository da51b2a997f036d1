"""A folder of results: looked at before hours of work begin, written whole after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from models.files import whole_folder


@contextmanager
def results(out: Path, mark: str, names: Sequence[str]) -> Iterator[Path]:
    """A new folder that takes the place of `out` once the block has ended without an error.

    Raises ValueError at once where `out` holds a file that is none of `names` (patterns), which would be lost, or
    holds some and not `mark`; OSError where no folder can be made there.
    """
    strange = [path.name for path in out.iterdir() if not any(map(path.match, names))] if out.is_dir() else []
    if strange:
        raise ValueError(
            f"{out}: holds {', '.join(sorted(strange)[:3])}, which would be lost; choose another --out"
        )
    with whole_folder(out, mark) as fresh:
        yield fresh
