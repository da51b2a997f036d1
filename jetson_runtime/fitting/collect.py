"""The rows of a fit check, from the service's local address while the wearer moves as told."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
import numpy.typing as npt
import zmq

from jetson_runtime.fitting.protocol import PHASES, SECONDS, Phase
from jetson_runtime.stream import messages
from jetson_runtime.suit.errors import EndpointError
from jetson_runtime.suit.signals import CHANNELS, PERIOD_NS, RATE_HZ

Doubles = npt.NDArray[np.float64]

# What was sensed at the end may still be on its way; without any row for so long there is no service.
_LATE_NS = 500_000_000
_SILENCE_NS = 3_000_000_000


class Collector:
    """A listener to `features`. session: of the service that was heard, empty before."""

    def __init__(self, address: str) -> None:
        self.session = ""
        self._address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.subscribe(messages.FEATURES)
        self._socket.connect(address)

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close(linger=0)
        self._context.term()

    def rows(self, begin_ns: int, say: Callable[[Phase], None]) -> Doubles:
        """(n, 54) of the check that begins at `begin_ns` of CLOCK_MONOTONIC, NaN where no row came.

        say: is told each phase as it begins. EndpointError where the service is silent or is another before the end.
        """
        table = np.full((round(SECONDS * RATE_HZ), len(CHANNELS)), np.nan)
        phases = iter(PHASES)
        coming: Phase | None = next(phases)
        heard_ns = time.monotonic_ns()
        end_ns = begin_ns + round(SECONDS * 1e9) + _LATE_NS
        while (now_ns := time.monotonic_ns()) < end_ns:
            if coming is not None and now_ns >= begin_ns + round(coming.begin_s * 1e9):
                say(coming)
                coming = next(phases, None)
            if self._socket.poll(20):
                heard_ns = now_ns
                self._take(table, begin_ns)
            elif now_ns - heard_ns > _SILENCE_NS:
                raise EndpointError(
                    f"{self._address}: nothing heard for {_SILENCE_NS // 10**9} s; is the service running?"
                )
        return table

    def _take(self, table: Doubles, begin_ns: int) -> None:
        message = messages.decode(self._socket.recv_multipart()[-1])
        if self.session not in ("", message["session"]):
            raise EndpointError(f"{self._address}: the service was restarted meanwhile; check again")
        self.session = message["session"]
        row = (message["t_ns"] - begin_ns) // PERIOD_NS
        if 0 <= row < len(table):
            table[row] = message["row"]
