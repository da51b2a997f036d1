"""Engines that TensorRT built, on disk: found again only by the very machine, model and settings they were built for.

A file is one line that names it as ours, one line of JSON (the key and the hash of the rest), and TensorRT's plan. A
plan is code for the GPU, so a file that another user could have written is refused, not rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from jetson_runtime.suit.errors import BundleError

# Written by nvpmodel at every change of a Jetson's power mode: "pmode:0002".
NVPMODEL_STATUS = Path("/var/lib/nvpmodel/status")
_MAGIC = b"second-skin tensorrt engine 1\n"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_log = logging.getLogger("second-skin")


@dataclass(frozen=True)
class Key:
    """All that an engine depends on; another value of any of them is another engine."""

    graph_sha256: str
    weights_sha256: str
    tensorrt: str
    gpu: str
    precision: str
    power_mode: str
    batch: int

    @property
    def file(self) -> str:
        """The name of the engine's file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:20] + ".plan"


def power_mode() -> str:
    """The Jetson's power mode, which TensorRT's timings and so its choice of kernels depend on; "" elsewhere."""
    try:
        found = re.search(r"pmode:(\w+)", NVPMODEL_STATUS.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def prepare(folder: Path) -> None:
    """Makes `folder` where it is not; BundleError where this user cannot write to it or another one could."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except OSError as error:
        raise BundleError(f"{folder}: cannot be made ({error.strerror}); change [model] cache") from None
    _refuse_foreign(folder, about)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BundleError(f"{folder}: cannot be written by this user; change its owner or [model] cache")


def read(folder: Path, key: Key) -> bytes | None:
    """The plan built for `key`, None where there is none or it is damaged; BundleError: another user could write it."""
    path = folder / key.file
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); remove it") from None
    with os.fdopen(descriptor, "rb") as file:
        _refuse_foreign(path, os.fstat(descriptor))
        content = file.read()
    plan = _opened(content, key)
    if plan is None:
        _log.warning("%s: is damaged or not the engine it is named for; it is built again", path)
    return plan


def write(folder: Path, key: Key, plan: bytes) -> None:
    """Stores `plan`: after a power cut the old file is there, or the new one, never a part."""
    header = json.dumps({**asdict(key), "sha256": hashlib.sha256(plan).hexdigest()}, sort_keys=True).encode()
    descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + header + b"\n" + plan)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, folder / key.file)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _opened(content: bytes, key: Key) -> bytes | None:
    """The plan inside a file's content, None where anything about it is not as `write` left it."""
    header, _, plan = content.removeprefix(_MAGIC).partition(b"\n")
    if not content.startswith(_MAGIC):
        return None
    wanted = {**asdict(key), "sha256": hashlib.sha256(plan).hexdigest()}
    return plan if header == json.dumps(wanted, sort_keys=True).encode() else None


def _refuse_foreign(path: Path, about: os.stat_result) -> None:
    trusted = (0, os.geteuid())
    if about.st_uid not in trusted or about.st_mode & _OTHERS_WRITE:
        raise BundleError(
            f"{path}: another user could write there (owner {about.st_uid}, mode {stat.filemode(about.st_mode)}), and"
            " an engine is code that the GPU runs; remove it, or change its owner and mode, or change [model] cache"
        )
