"""CURVE keys made, listed and taken away as files; the folder's layout is told in `curve.py`."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zmq.auth import create_certificates

from jetson_runtime.stream import curve
from jetson_runtime.stream.curve import CLIENTS, PUBLIC, SECRET, SERVER
from jetson_runtime.suit.errors import KeyFileError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def init(folder: Path) -> Path:
    """Makes the service's own pair and the folder of its clients; returns the secret file. An old pair is kept."""
    with _writing(folder):
        (folder / CLIENTS).mkdir(mode=0o700, parents=True, exist_ok=True)
        _give_to_owner_of(folder, folder / CLIENTS)
        secret = folder / f"{SERVER}{SECRET}"
        if not secret.exists():
            _make_pair(folder, SERVER)
    return secret


def add(folder: Path, name: str, out: Path) -> Path:
    """Makes the pair of a new client, authorises it, and returns the file in `out` that the client is to be given."""
    known = _free(folder, name)
    target = out / f"{name}{SECRET}"
    if target.exists():
        raise KeyFileError(f"{target}: is there already; name another folder with --out, or remove it")
    server = curve.load_server(folder).public.decode()
    with _writing(out), tempfile.TemporaryDirectory(dir=out) as scratch:
        public, secret = _make_pair(Path(scratch), name, {"server-key": f'"{server}"'})
        os.replace(secret, target)
        with _writing(folder):
            shutil.copyfile(public, known)
    _give_to_owner_of(folder, known.parent, known)
    return target


def authorise(folder: Path, name: str, public: Path) -> None:
    """Lets a client in whose pair was made elsewhere, by the file of its public key."""
    known = _free(folder, name)
    curve.load_public(public)
    with _writing(folder):
        shutil.copyfile(public, known)
    _give_to_owner_of(folder, known.parent, known)


def revoke(folder: Path, name: str) -> None:
    """Takes a client's key away; a running service closes its connections within half a second."""
    known = folder / CLIENTS / f"{name}{PUBLIC}"
    try:
        known.unlink()
    except FileNotFoundError as error:
        names = ", ".join(sorted(curve.authorised(folder)[0].values())) or "none"
        raise KeyFileError(f"{known}: is not there; authorised are: {names}") from error
    except OSError as error:
        raise KeyFileError(f"{known}: cannot be removed: {error.strerror}") from error


def _free(folder: Path, name: str) -> Path:
    """Where the public key of a new client goes."""
    if not _NAME.fullmatch(name):
        raise KeyFileError(f"{name!r} is no name for a client; use letters, digits, dot, dash and underscore")
    clients = folder / CLIENTS
    if not clients.is_dir():
        raise KeyFileError(f"{clients}: is no directory; make it with second-skin keys init")
    known = clients / f"{name}{PUBLIC}"
    if known.exists():
        raise KeyFileError(
            f"{known}: there is a client of that name; revoke it first, or choose another name"
        )
    return known


def _make_pair(folder: Path, name: str, metadata: dict[str, str] | None = None) -> tuple[Path, Path]:
    """Files of the public and of the secret key; the latter for this user alone."""
    before = os.umask(0o077)  # zmq.auth would write a secret that everybody can read
    try:
        public, secret = map(Path, create_certificates(folder, name, metadata))
    finally:
        os.umask(before)
    _give_to_owner_of(folder, public, secret)
    return public, secret


def _give_to_owner_of(folder: Path, *paths: Path) -> None:
    """What root makes in a folder of the service must be readable for the service."""
    if os.geteuid() == 0:
        owner = folder.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyFileError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error
