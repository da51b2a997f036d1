"""Answers libzmq's question whether a CURVE client may come in (ZAP, RFC 27), by the keys in a folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import zmq
from zmq.auth import Authenticator
from zmq.utils import z85

from jetson_runtime.stream import curve

_log = logging.getLogger("second-skin")


class Gatekeeper:
    """`names`: of each client that may come in, by its public key in Z85. mistakes: why others may not. One thread at a
    time; both may be read from any.

    A client's key is its User-Id in the messages that are received from it.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        folder: Path,
        refused: Callable[[str, str], None],
    ) -> None:
        """`refused` is told address and reason."""
        self._folder = folder
        self._refused = refused
        self._seen: object = ()
        self.names: dict[str, str] = {}
        self.mistakes: list[str] = []
        self._authenticator = Authenticator(context)
        self._authenticator.start()
        self._loop = asyncio.new_event_loop()
        self.read_keys()

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """Readable when there is a question to `answer`."""
        return self._authenticator.zap_socket

    def answer(self) -> None:
        """Answers one question."""
        question = self.socket.recv_multipart()
        key = question[6] if len(question) == 7 else b""
        if len(key) != 32 or z85.encode(key).decode() not in self.names:
            self._refused(
                question[3].decode(errors="replace") if len(question) > 3 else "?",
                "its key is not authorised",
            )
        self._loop.run_until_complete(self._authenticator.handle_zap_message(question))

    def read_keys(self) -> bool:
        """Reads the clients' keys where a file has changed since the last call; whether one had."""
        seen = _look_of(self._folder / curve.CLIENTS)
        if seen == self._seen:
            return False
        self._seen = seen
        self.names, self.mistakes = curve.authorised(self._folder)
        self._authenticator.certs["*"] = {key.encode(): True for key in self.names}
        for mistake in self.mistakes:
            _log.warning("%s; it admits nobody", mistake)
        return True

    def close(self) -> None:
        """From here on nobody comes in."""
        self._authenticator.stop()
        self._loop.close()


def _look_of(folder: Path) -> object:
    """Differs when a file of `folder` was added, removed, written or given to another, and when it cannot be read."""
    try:
        return [_look_at(path) for path in sorted(folder.iterdir())]
    except OSError as error:
        return error.errno


def _look_at(path: Path) -> object:
    try:
        about = path.stat()
    except OSError as error:
        return path.name, error.errno
    return path.name, about.st_mtime_ns, about.st_ctime_ns, about.st_size
