"""Files and folders are there whole or not at all: written beside their place, which they then take."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "lock"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which replaces it once the block has ended without an error.

    Whoever sees `path` sees all of it, also after a power cut. An OSError of the writing names `path`.
    """
    fresh = _beside(path, "new")
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


@contextmanager
def whole_folder(path: Path, mark: str) -> Iterator[Path]:
    """As `whole`, of a folder of files that is known by its file `mark`; raises ValueError as `refuse_taken` does."""
    refuse_taken(path, mark)
    path = path.resolve()
    fresh = _beside(path, "new")
    fresh.mkdir(parents=True)
    try:
        yield fresh
        for file in fresh.iterdir():
            _flush(file)
        refuse_taken(path, mark)
        _take_place(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def refuse_taken(path: Path, mark: str) -> None:
    """Raises ValueError where `path` is neither absent nor an empty folder nor one that holds a file `mark`."""
    taken = any(path.iterdir()) and not (path / mark).is_file() if path.is_dir() else path.exists()
    if taken:
        raise ValueError(
            f"{path}: holds something else (no {mark}), which stays as it is; choose another --out"
        )


def refuse_foreign(folder: Path, mark: str) -> None:
    """Raises ValueError where work that keeps a file `mark` would begin among files of something else.

    What a command that was killed at its very beginning has left there is nothing else.
    """
    if not folder.is_dir() or (folder / mark).exists():
        return
    files = (one.name for one in folder.iterdir() if one.is_file())
    if others := sorted(name for name in files if name != _LOCK and not name.endswith(".new")):
        raise ValueError(f"{folder}: holds something else ({others[0]}, no {mark}); choose another --run")


@contextmanager
def alone(folder: Path, patience_s: float, taken: Exception) -> Iterator[None]:
    """Holds `folder` (made if absent) for this process and those it forks; others get `taken` raised after a while.

    A process that was killed has let go of it; what it had half written is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as lock:
        last = time.monotonic() + patience_s
        while not _locked(lock.fileno()):
            if time.monotonic() >= last:
                raise taken
            time.sleep(0.1)
        for half in folder.glob("*.new"):
            _remove(half)
        yield


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.{ending}")


def _take_place(fresh: Path, path: Path) -> None:
    """At no moment are both the old folder and the new one gone."""
    if not path.exists():
        fresh.replace(path)
        return
    old = _beside(path, "old")
    path.replace(old)
    try:
        fresh.replace(path)
    except BaseException:
        old.replace(path)
        raise
    shutil.rmtree(old)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: Path) -> None:
    """What is left of an error; a folder that takes no file holds none."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
