"""The last bundle of a path that loaded and passed its self-test: what runs when the bundle itself is damaged.

Kept in a folder of [model] cache, where that folder is there (the unit's CacheDirectory); a copy is whole or is none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import BundleError

_FOLDER = "last-good"
_DIGITS = 12


def load(path: Path, cache: Path) -> tuple[Bundle, str]:
    """The bundle at `path` and '', or its last good copy and what is wrong with it itself; BundleError: neither."""
    try:
        return bundles.load(path), ""
    except BundleError as damaged:
        for copy in _copies(path, cache):
            try:
                return bundles.load(copy), str(damaged)
            except BundleError:
                continue
        raise


def keep(bundle: Bundle, path: Path, cache: Path) -> None:
    """Makes `bundle` the last good one of `path`, unless it is that, or `cache` is not there.

    Raises OSError or BundleError where no whole copy can be had.
    """
    name = f"{_key(path)}-{bundle.manifest.sha256[:_DIGITS]}"
    folder = cache / _FOLDER
    if not cache.is_dir() or (folder / name).is_dir():
        return
    fresh = folder / f".{name}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for source in sorted(bundle.path.iterdir()):
        if source.is_file():
            durable.write(fresh / source.name, source.read_bytes())
    bundles.load(fresh)  # what was read may have been damaged since it was checked
    os.rename(fresh, folder / name)
    durable.sync_folder(folder)
    for older in _copies(path, cache):
        if older.name != name:
            shutil.rmtree(older, ignore_errors=True)


def _copies(path: Path, cache: Path) -> list[Path]:
    """The newest first."""
    found = [copy for copy in (cache / _FOLDER).glob(f"{_key(path)}-*") if copy.is_dir()]
    return sorted(found, key=lambda copy: copy.stat().st_mtime_ns, reverse=True)


def _key(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:_DIGITS]
