"""What the service tells systemd (sd_notify(3)): that it is ready, that frames still leave, how it is in one line.

Ready and alive speak of published frames. A timer of its own would go on while the reactor, the engine or the
publisher hangs, and the person on whose back that is would wear a dead suit.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from typing import Any

# How often to look whether frames leave, and how old the newest may be. WatchdogSec= of the unit must be above the sum.
BEAT_PERIOD_NS = 100_000_000
FRAME_AGE_LIMIT_NS = 500_000_000
_LONGEST_LINE = 400
_FAULTS_TOLD = 3

_log = logging.getLogger("second-skin")


class Notifier:
    """The manager's socket, as NOTIFY_SOCKET in `environment` names it; without one, nothing is sent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self._line = ""
        self._refusal = ""

    def send(self, assignment: str) -> bool:
        """One assignment, such as READY=1; whether it is with the manager, or nobody waits for it. Never blocks."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto(assignment.encode(), self._address)
        except BlockingIOError:
            return False
        except OSError as error:
            if (refusal := str(error)) != self._refusal:
                self._refusal = refusal
                _log.warning("systemd cannot be told %s: %s; it may restart the service", assignment, refusal)
            return False
        return True

    def status(self, line: str) -> None:
        """What `systemctl status` shows; sent where it has changed, lines joined to one."""
        line = " ".join(line.split())[:_LONGEST_LINE]
        if line != self._line and self.send(f"STATUS={line}"):
            self._line = line

    def extend_start(self, seconds: int) -> None:
        """Asks for more time to become ready than TimeoutStartSec= of the unit grants."""
        self.send(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}")

    def stopping(self) -> None:
        """The service is on its way down."""
        self.send("STOPPING=1")


class Heartbeat:
    """Passes on to systemd that frames leave; `beat` is called every BEAT_PERIOD_NS by the thread that watches.

    fed_ns: when it last found a young frame; None before the first.
    """

    def __init__(self, notifier: Notifier) -> None:
        self.fed_ns: int | None = None
        self._notifier = notifier
        self._ready = False

    def beat(self, now_ns: int, last_publish_ns: int | None) -> None:
        """READY=1 once after the first frame, WATCHDOG=1 while the newest is young; nothing where it is not."""
        if last_publish_ns is None:
            return
        if not self._ready:
            self._ready = self._notifier.send("READY=1")
        if now_ns - last_publish_ns < FRAME_AGE_LIMIT_NS:
            self._notifier.send("WATCHDOG=1")
            self.fed_ns = now_ns


def summary(status: Mapping[str, Any]) -> str:
    """The state and rate of a `status`, and its first faults."""
    faults = status["faults"]
    told = [f"{fault['stream']}: {fault['text']}".removeprefix(": ") for fault in faults[:_FAULTS_TOLD]]
    if len(faults) > _FAULTS_TOLD:
        told.append(f"and {len(faults) - _FAULTS_TOLD} more")
    return "; ".join([f"{status['state']}, {status['rate_hz']:.0f} frames/s", *told])


def _address(name: str) -> str:
    """As the kernel takes it: an abstract name begins with a zero byte where systemd writes @; '' for neither."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""
