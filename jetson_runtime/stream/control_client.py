"""The other end of the control socket: one request, its reply. Needs pyzmq and msgpack alone.

with ControlClient() as suit:
    suit.ask("mark", text="ladder, second try")
"""

from __future__ import annotations

import contextlib
import itertools
import time
import weakref
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships none
import zmq

from jetson_runtime.stream import curve, endpoints
from jetson_runtime.stream.clock import ServiceClock
from jetson_runtime.stream.messages import CONTROL_REQUEST_LIMIT_BYTES, ControlCode
from jetson_runtime.suit.addresses import DEFAULT_CONTROL
from jetson_runtime.suit.errors import CommandRefused, EndpointError

# Longer than a tare averages and a slow disk takes.
TIMEOUT_S = 15.0
# What CurveZMQ (RFC 26) adds to a message, which counts at the service's limit: command, nonce, flags and MAC.
_CURVE_BYTES = 33


class ControlClient:
    """A connection to one service's control socket; reconnects by itself. Not for several threads at once."""

    def __init__(self, endpoint: str = DEFAULT_CONTROL, *, key_file: Path | None = None) -> None:
        """Connects in the background. EndpointError: no such kind of address. key_file: as of FrameClient."""
        self.endpoint = endpoint
        self._keys = curve.load_client(key_file) if key_file else None
        self._numbers = itertools.count(1)
        self._connect()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._finalizer()

    def ask(self, op: str, timeout_s: float = TIMEOUT_S, **arguments: Any) -> dict[str, Any]:
        """What came of it. CommandRefused with the service's reasons; EndpointError where no reply comes in time."""
        number = next(self._numbers)
        request = self._packed(op, {"op": op, "id": number, **arguments})
        deadline_s = time.monotonic() + timeout_s
        self._socket.setsockopt(zmq.SNDTIMEO, int(timeout_s * 1000) + 1)
        # Whom the service turned away has nobody to send to, and would wait for ever.
        with contextlib.suppress(zmq.Again):
            self._socket.send(request)
        while (left_s := deadline_s - time.monotonic()) > 0:
            if self._socket.poll(int(left_s * 1000) + 1):
                reply = msgpack.unpackb(self._socket.recv_multipart()[-1])
                if reply.get("id") in (number, None):  # None: of a request whose number could not be read
                    return _result(reply)
        # What waits unsent goes with its socket: a request that nobody waits for any more must not be done later.
        self.close()
        self._connect()
        raise EndpointError(
            f"no reply to {op} from {self.endpoint} within {timeout_s:g} s: is the service running? "
            "name its control address with --control, and a key with --key where it is on another machine"
        )

    def clock_offset_ns(self, tries: int = 20) -> tuple[int, int]:
        """The service's CLOCK_MONOTONIC minus ours, and how far off that can be: half of the fastest round trip."""
        clock = ServiceClock()
        for _ in range(tries):
            pong = self.ask("ping", client_ns=time.monotonic_ns())
            clock.note_ping(pong["client_ns"], pong["receive_ns"], pong["reply_ns"], time.monotonic_ns())
        offset = clock.at(time.monotonic_ns())
        assert offset is not None
        return -offset.ns, offset.uncertainty_ns

    def _packed(self, op: str, request: dict[str, Any]) -> bytes:
        """CommandRefused for what cannot be packed, and for what the service would cut the connection at."""
        try:
            payload: bytes = msgpack.packb(request)
        except UnicodeEncodeError as error:
            raise _wrong(f"{op}: a text is no UTF-8", "write it anew") from error
        except OverflowError as error:
            raise _wrong(f"{op}: a number is beyond 64 bits", "write a smaller one") from error
        most = CONTROL_REQUEST_LIMIT_BYTES - (_CURVE_BYTES if self._keys else 0)
        if len(payload) > most:
            raise _wrong(
                f"{op}: the request has {len(payload)} bytes, {most} are the most", "say it in fewer words"
            )
        return payload

    def _connect(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = context.socket(zmq.DEALER)
        # As of FrameClient.
        self._finalizer = weakref.finalize(self, endpoints.close, self._socket, context)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        endpoints.keep_alive(self._socket)
        if self._keys:
            curve.present(self._socket, self._keys)
        try:
            self._socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise EndpointError(
                f"{self.endpoint}: {error.strerror}; write {DEFAULT_CONTROL} or ipc:///path"
            ) from error


def _wrong(text: str, remedy: str) -> CommandRefused:
    return CommandRefused(ControlCode.BAD_ARGUMENT.value, text, remedy)


def _result(reply: dict[str, Any]) -> dict[str, Any]:
    if reply["ok"]:
        result: dict[str, Any] = reply["result"]
        return result
    error = reply["error"]
    raise CommandRefused(error["code"], error["text"], error["remedy"], tuple(error["reasons"]))
