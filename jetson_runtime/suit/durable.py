"""Files that survive a power cut: after a write there is the old content or the new, whole, and it is on the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Replaces `path` by `data`; returns when both are on the disk. Raises OSError, and then `path` is as it was."""
    fresh = _beside(path, "new")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def keep(path: Path, copy: Path) -> None:
    """Gives the content of `path` the name `copy` too, in one step; `write` then leaves it there."""
    fresh = _beside(copy, "link")
    fresh.unlink(missing_ok=True)
    os.link(path, fresh)
    os.replace(fresh, copy)


def rename_to_new(path: Path, name: Path) -> None:
    """Gives the file `path` the name `name` alone, which no file may have yet (FileExistsError)."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # FAT and exFAT know no second name
        if name.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name)) from None
        os.rename(path, name)
    else:
        path.unlink()


def replace_keeping(path: Path, fresh: Path, kept: Path) -> None:
    """`path` is what was `fresh`, `kept` what was `path`. At no instant does either content lack a name, nor, where the
    file system knows second names, does `path` lack a file."""
    try:
        keep(path, kept)
    except OSError:
        os.rename(path, kept)
    os.replace(fresh, path)


def sync_folder(folder: Path) -> None:
    """Puts the folder's names on the disk: a rename alone is lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{ending}")
