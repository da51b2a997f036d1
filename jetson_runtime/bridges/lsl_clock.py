"""The service's CLOCK_MONOTONIC as LSL's clock counts: measured, and measured again as long as the bridge runs.

liblsl's clock is CLOCK_MONOTONIC on Linux; that is not taken for granted but seen. The clock of a service on another
machine is set beside this one's by pings of its control socket.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit.errors import CommandRefused, EndpointError

# Two clocks of two machines drift apart by less than this share.
DRIFT = 1e-4
_KEPT = 30
_LOOKS = 8
_PERIOD_S = 2.0
_PING_TIMEOUT_S = 1.0

_log = logging.getLogger("second-skin-lsl")


class Offset:
    """How far one clock is ahead of another, ns: the best of the newest measurements. For any thread.

    A measurement that brackets the other clock's reading in a shorter time is better; with `drift` it ages.
    """

    def __init__(self, drift: float) -> None:
        self._drift = drift
        self._seen: deque[tuple[int, int, int]] = deque(maxlen=_KEPT)

    def add(self, before_ns: int, other_ns: int, after_ns: int) -> None:
        """The other clock told `other_ns` between two readings of this one's."""
        self._seen.append((after_ns - before_ns, other_ns - (before_ns + after_ns) // 2, after_ns))

    def best_ns(self, now_ns: int) -> int | None:
        """None before the first."""
        seen = [
            (width / 2 + self._drift * (now_ns - at_ns), offset) for width, offset, at_ns in list(self._seen)
        ]
        return min(seen)[1] if seen else None

    def clear(self) -> None:
        """What was seen no longer counts."""
        self._seen.clear()


class LslClock:
    """Measures within its `with`; `seconds` from the thread that made it."""

    def __init__(
        self, local_clock_s: Callable[[], float], control: str | None = None, key_file: Path | None = None
    ) -> None:
        """local_clock_s: LSL's. control: of a service whose clock is another than this machine's."""
        self._local_clock_s = local_clock_s
        self._lsl = Offset(0.0)
        self._service = Offset(DRIFT)
        self._control, self._key_file = control, key_file
        self._ending = threading.Event()

    def __enter__(self) -> LslClock:
        """EndpointError, KeyFileError: as of ControlClient."""
        control = ControlClient(self._control, key_file=self._key_file) if self._control is not None else None
        self._look()
        self._thread = threading.Thread(target=self._run, args=(control,), name="clock", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(2 * _PING_TIMEOUT_S)

    def renew(self) -> None:
        """The service was started anew, its machine perhaps too."""
        self._service.clear()

    def seconds(self, t_ns: int) -> float | None:
        """LSL's time of the instant `t_ns` of the service's CLOCK_MONOTONIC; None while that cannot be told yet."""
        now_ns = time.monotonic_ns()
        ahead_ns = 0 if self._control is None else self._service.best_ns(now_ns)
        lsl_ns = self._lsl.best_ns(now_ns)
        return None if ahead_ns is None or lsl_ns is None else (t_ns - ahead_ns + lsl_ns) * 1e-9

    def _run(self, control: ControlClient | None) -> None:
        is_told = False
        with control or contextlib.nullcontext():
            while not self._ending.is_set():
                self._look()
                if control is not None:
                    # Without an answer what is known grows old, and is used until the service's next start.
                    try:
                        self._ping(control)
                    except (EndpointError, CommandRefused) as error:
                        if not is_told:
                            _log.warning("%s; it is asked on and on, no stream begins before", error)
                        is_told = True
                told = control is None or self._service.best_ns(0) is not None
                self._ending.wait(_PERIOD_S if told else _PERIOD_S / 10)

    def _look(self) -> None:
        for _ in range(_LOOKS):
            before_ns = time.monotonic_ns()
            other_s = self._local_clock_s()
            self._lsl.add(before_ns, round(other_s * 1e9), time.monotonic_ns())

    def _ping(self, control: ControlClient) -> None:
        for _ in range(_LOOKS):
            before_ns = time.monotonic_ns()
            pong = control.ask("ping", _PING_TIMEOUT_S, client_ns=before_ns)
            middle_ns = (pong["receive_ns"] + pong["reply_ns"]) // 2
            self._service.add(before_ns, middle_ns, time.monotonic_ns())
