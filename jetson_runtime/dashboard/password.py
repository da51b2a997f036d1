"""The page's password: kept as a salted scrypt hash (RFC 7914) in a file that its owner alone may read."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import KeyFileError
from jetson_runtime.suit.secret_file import reading

# Anybody who has one try in a few seconds needs years for eight letters.
SHORTEST = 8
LONGEST = 200
# 16 MB and some 50 ms of one processor for each try.
_COST, _BLOCK, _PARALLEL = 1 << 14, 8, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_KIND = "scrypt"


class Password:
    """What a password is held against."""

    def __init__(self, salt: bytes, hashed: bytes) -> None:
        self._salt = salt
        self._hashed = hashed

    @classmethod
    def of_file(cls, path: Path) -> Password:
        """KeyFileError: it is not there, others can read it, or it holds no password."""
        remedy = "make it with second-skin dashboard --set-password"
        with reading(path, secret="password", damaged="holds no password of the dashboard", remedy=remedy):
            kind, *words = path.read_text(encoding="ascii").split()
            salt, hashed = map(bytes.fromhex, words)
            if kind != _KIND or len(hashed) != _HASH_BYTES:
                raise ValueError(kind)
        return cls(salt, hashed)

    def is_it(self, told: str) -> bool:
        """Whether `told` is the password; takes some 50 ms whatever it is."""
        return hmac.compare_digest(_hash(told, self._salt), self._hashed)


def write(path: Path, password: str) -> None:
    """Sets the password, in a file for this user alone; root gives it to the folder's owner.

    KeyFileError: the password is too short or too long, or the file cannot be written.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise KeyFileError(f"{path}: a password has {SHORTEST} to {LONGEST} characters; choose another")
    salt = secrets.token_bytes(_SALT_BYTES)
    line = f"{_KIND} {salt.hex()} {_hash(password, salt).hex()}\n"
    try:
        durable.write(path, line.encode(), mode=0o600)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=_HASH_BYTES, maxmem=64 * 2**20
    )
