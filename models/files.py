"""A file is written whole or not at all: into a new one beside it, which then takes its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which replaces it once the block has ended without an error.

    Whoever sees `path` sees all of it, also after a power cut. An OSError of the writing names `path`.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        yield fresh
        _flush(fresh)
        fresh.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, fresh, str(fresh), os.fsencode(fresh)):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        _remove(fresh)


def write_whole(path: Path, content: bytes) -> None:
    """As `whole`, of what is there already."""
    with whole(path) as fresh:
        fresh.write_bytes(content)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """What is left of an error; a folder that takes no file holds none."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
