"""CURVE keys as files (ZeroMQ's own format, RFC 26 and zmq.auth): read and checked. `key_files.py` makes them.

A service's folder of keys, `keys` in [security] of suit.toml:

    server.key, server.key_secret    the service's own pair
    clients/NAME.key                 the public key of each client that may connect

A client has one file, NAME.key_secret: its pair, and as `server-key` the public key of the service it belongs to.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import zmq
from zmq.auth import load_certificate

from jetson_runtime.suit.errors import KeyFileError
from jetson_runtime.suit.secret_file import reading

SERVER = "server"
CLIENTS = "clients"
PUBLIC, SECRET = ".key", ".key_secret"
# Z85 writes the 32 bytes of a key as 40 characters (RFC 32).
KEY_CHARACTERS = 40
_SERVER_KEY = re.compile(r'^\s*server-key\s*=\s*"([^"]{40})"\s*$', re.MULTILINE)


class Pair(NamedTuple):
    """Public and secret key in Z85."""

    public: bytes
    secret: bytes


class ClientKeys(NamedTuple):
    """What a client needs: its own pair, and the service's public key."""

    pair: Pair
    server: bytes


def load_server(folder: Path) -> Pair:
    """The service's own pair. KeyFileError: it is not there, is no pair, or others can read it."""
    return _load_pair(folder / f"{SERVER}{SECRET}", "make it with second-skin keys init")


def load_client(path: Path) -> ClientKeys:
    """One client's file. KeyFileError: it is not there, is no such file, or others can read it."""
    pair = _load_pair(path, "make it on the suit with second-skin keys add")
    found = _SERVER_KEY.search(path.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise KeyFileError(
            f"{path}: holds no server-key; make the file on the suit with second-skin keys add"
        )
    return ClientKeys(pair, found[1].encode())


def authorised(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Public key -> name of each client that may connect, and what is wrong with files that therefore admit nobody."""
    known: dict[str, str] = {}
    mistakes = []
    try:
        found = sorted(path for path in (folder / CLIENTS).iterdir() if path.name.endswith(PUBLIC))
    except OSError as error:  # glob() would find nothing and keep silent
        return {}, [f"{folder / CLIENTS}: cannot be read: {error.strerror}"]
    for path in found:
        try:
            known[load_public(path).decode()] = path.stem
        except KeyFileError as error:
            mistakes.append(str(error))
    return known, mistakes


def load_public(path: Path) -> bytes:
    """The public key in `path`; KeyFileError where there is none."""
    try:
        public, _ = load_certificate(path)
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: cannot be read as a public key: {error}") from error
    if len(public) != KEY_CHARACTERS:
        raise KeyFileError(f"{path}: its public key has {len(public)} characters instead of {KEY_CHARACTERS}")
    return public


def serve(socket: zmq.Socket[bytes], pair: Pair) -> None:
    """Addresses bound from now on take clients with an authorised key alone."""
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)
    # Without both libzmq lets every key in while nobody answers for the keys.
    socket.setsockopt_string(zmq.ZAP_DOMAIN, "*")
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


def present(socket: zmq.Socket[bytes], keys: ClientKeys) -> None:
    """Connections made from now on show `keys`, and are made to that service alone."""
    socket.setsockopt(zmq.CURVE_SERVERKEY, keys.server)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.pair.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.pair.secret)


def _load_pair(path: Path, remedy: str) -> Pair:
    with reading(path, secret="secret key", damaged="cannot be read as a key", remedy=remedy):
        public, secret = load_certificate(path)
    if secret is None or {len(public), len(secret)} != {KEY_CHARACTERS}:
        raise KeyFileError(f"{path}: holds no pair of CURVE keys; {remedy}")
    return Pair(public, secret)
