"""A file with a secret in it, a CURVE key or a password, that its owner alone may read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jetson_runtime.suit.errors import KeyFileError


@contextmanager
def reading(path: Path, *, secret: str, damaged: str, remedy: str) -> Iterator[None]:
    """Around what reads `path`. secret: what it holds ("secret key"); damaged: what to say where it holds none.

    KeyFileError: it is not there, others can read it, this user cannot, or what reads it raised OSError or ValueError.
    """
    try:
        refuse_readable_by_others(path, secret)
        yield
    except FileNotFoundError as error:
        raise KeyFileError(f"{path}: is not there; {remedy}") from error
    except PermissionError as error:
        raise KeyFileError(
            f"{path}: may not be read by this user; chown it to the one who runs this"
        ) from error
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: {damaged}; {remedy}") from error


def refuse_readable_by_others(path: Path, secret: str) -> None:
    """KeyFileError where more than the owner may read or write the secret in `path`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"{path}: a {secret} that others can read (mode {mode:04o}); chmod 600 {path}, and make a new "
            "one if somebody may have read it"
        )
