"""One service for one suit: the second is refused before it touches a device or a socket of the first."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from jetson_runtime.suit.errors import EndpointError

_NAME = "service.lock"
_IPC = "ipc://"


class Lock:
    """Held until `close`, or until the process ends, however it ends; in the folder of the first ipc address (under
    systemd the unit's RuntimeDirectory). Without such an address the kernel's own refusal of a second bind stands.

    Raises EndpointError while another process holds it.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self._descriptor = -1
        folders = [Path(a.removeprefix(_IPC)).parent for a in addresses if a.startswith(_IPC)]
        if not folders or not folders[0].is_dir():
            return
        path = folders[0] / _NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise EndpointError(
                f"{path}: {error.strerror}; give this user the folder, or change [output] in the config"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            self.close()
            raise EndpointError(
                f"{path}: another service is running on this suit (process {holder}); stop that one, or give this one"
                " other addresses in [output] of the config"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Gives it back; the file stays, as a name that is removed could be locked by two."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1
