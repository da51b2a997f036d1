"""The control socket: typed requests in, typed replies and errors out. ROUTER, owned by the publisher's thread.

A request is one part (behind an empty one from a REQ socket): a MessagePack map with `op`, optionally `id`, which the
reply repeats, and the arguments of `REQUESTS[op]`. `ping` is answered at once, so that the time in it is worth
something; all else is submitted to whoever does it, who answers later through an `Answer`, from any thread.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgpack  # type: ignore[import-untyped]  # ships none
import zmq
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from jetson_runtime.stream import endpoints
from jetson_runtime.stream.messages import (
    CONTROL_REQUEST_LIMIT_BYTES,
    ControlCode,
    encode_refusal,
    encode_reply,
)
from jetson_runtime.suit.config import Wearer

# Requests taken between two looks at the frames, so that a flood of them delays none.
REQUESTS_AT_ONCE = 8
# Replies that may wait for one slow client.
_QUEUE_REPLIES = 20
# A REQ socket sends an identity, an empty part and the payload; a DEALER leaves the empty one out.
_MOST_PARTS = 3


def _readable(text: str) -> str:
    """ValueError for what does something to a terminal instead of being read there, and for blanks alone."""
    if not text.isprintable() or text.isspace():
        raise ValueError("may hold no control characters, and not blanks alone")
    return text


Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)]
_Finding = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_readable)]


class Request(BaseModel):
    """Arguments of one operation, each a subclass's; no others are taken."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Ping(Request):
    """client_ns comes back, beside the service's receive_ns and reply_ns of CLOCK_MONOTONIC and its utc_ns."""

    client_ns: int | None = None


class TakeTare(Request):
    """Neutral stance, averaged over `seconds` from now on."""

    seconds: float = Field(default=1.5, ge=0.5, le=10.0)


class ZeroInsoles(Request):
    """What the insoles of `sides`, with nobody on them, read over `seconds` from now on is their zero."""

    sides: tuple[Annotated[str, Field(pattern="^[rl]$")], ...] = Field(default=("r", "l"), min_length=1)
    seconds: float = Field(default=1.5, ge=0.5, le=10.0)


class SetWearer(Request):
    """As [wearer] of suit.toml."""

    wearer: Wearer


class Mark(Request):
    """A line for the recording; what is not given is left out of it.

    phase, of the trial that task, subject and trial name: it begins, it ends, it is kept, or it is void (superseded,
    broken off). repetition: how many were done; counted: how many the stream showed. findings: what was wrong with it.
    sync: whether the laboratory's pulse came.
    """

    text: Text | None = None
    task: Text | None = None
    subject: Text | None = None
    trial: Text | None = None
    repetition: int | None = Field(default=None, ge=0)
    phase: Literal["begin", "end", "kept", "void"] | None = None
    counted: int | None = Field(default=None, ge=0)
    findings: tuple[Text, ...] | None = Field(default=None, max_length=8)
    sync: Literal["pulse", "no pulse", "no input"] | None = None


class Record(Request):
    """What the recorder is to do: `start` begins another file with these labels, `stop` ends the one it writes."""

    action: Literal["start", "stop"]
    subject: Text | None = None
    task: Text | None = None
    trial: Text | None = None


class TellFit(Request):
    """The verdict of a fit check: what it refused, nothing where it passed. session: of the frames it was made from;
    begin_ns: when the first of them was, on CLOCK_MONOTONIC."""

    found: tuple[_Finding, ...] = Field(max_length=16)
    session: Text
    begin_ns: int | None = None


REQUESTS: dict[str, type[Request]] = {
    "ping": Ping,
    "tare": TakeTare,
    "zero_insoles": ZeroInsoles,
    "set_wearer": SetWearer,
    "mark": Mark,
    "record": Record,
    "tell_fit": TellFit,
}


class Refusal(Exception):
    """A request that is not done: one of ControlCode, what is wrong, what to do. reasons: each cause by itself."""

    def __init__(self, code: ControlCode, text: str, remedy: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(f"{text}; {remedy}")
        self.code, self.text, self.remedy, self.reasons = code, text, remedy, reasons


class Answer:
    """The one reply to one request that came at receive_ns; any thread may give it, the first one counts."""

    def __init__(
        self, op: str, number: int | str | None, send: Callable[[bytes], None], receive_ns: int
    ) -> None:
        self.receive_ns = receive_ns
        self._op = op
        self._number = number
        self._send: Callable[[bytes], None] | None = send

    def result(self, content: Mapping[str, Any]) -> None:
        """It is done."""
        self._give(encode_reply(self._op, self._number, content))

    def refuse(self, refusal: Refusal) -> None:
        """It is not done."""
        self._give(
            encode_refusal(
                self._op, self._number, refusal.code, refusal.text, refusal.remedy, refusal.reasons
            )
        )

    def _give(self, payload: bytes) -> None:
        send, self._send = self._send, None
        if send is not None:
            send(payload)


Submit = Callable[[Request, Answer], None]


class ControlSocket:
    """Takes requests and sends replies in the thread that owns it. `requests` and `refused` count."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        submit: Submit,
        wake: Callable[[], None],
        admits: Callable[[zmq.Frame], bool],
    ) -> None:
        """submit: is given each sound request, and must not block; Refusal where it takes none. wake: makes the owner
        call `flush`. admits: whether to heed the client of a message."""
        self.socket = socket
        self.requests = self.refused = 0
        self._submit = submit
        self._wake = wake
        self._admits = admits
        self._replies: deque[list[bytes]] = deque()
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, _QUEUE_REPLIES)
        socket.setsockopt(zmq.RCVHWM, _QUEUE_REPLIES)
        socket.setsockopt(zmq.MAXMSGSIZE, CONTROL_REQUEST_LIMIT_BYTES)
        endpoints.keep_alive(socket)

    def take(self) -> None:
        """Requests that wait, a few at a time."""
        with contextlib.suppress(zmq.Again):
            for _ in range(REQUESTS_AT_ONCE):
                parts = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
                if self._admits(parts[-1]):
                    self._take_one([part.bytes for part in parts], time.monotonic_ns())

    def flush(self) -> None:
        """Sends the replies that are there; one whose client has gone is dropped."""
        while self._replies:
            with contextlib.suppress(zmq.Again):
                self.socket.send_multipart(self._replies.popleft(), zmq.NOBLOCK)

    def _take_one(self, parts: list[bytes], receive_ns: int) -> None:
        self.requests += 1
        if len(parts) > _MOST_PARTS:
            parts = [parts[0], b""]  # refused as what it is: no request
        envelope = parts[:-1]

        def send(payload: bytes) -> None:
            self._replies.append([*envelope, payload])
            self._wake()

        try:
            message = decode(parts[-1])
            answer = Answer(_told_op(message), _told_number(message), send, receive_ns)
            try:
                request = parse(message)
                if isinstance(request, Ping):
                    answer.result(_pong(request, receive_ns))
                else:
                    self._submit(request, answer)
            except Refusal as refusal:
                self.refused += 1
                answer.refuse(refusal)
        except Refusal as refusal:
            self.refused += 1
            Answer("", None, send, receive_ns).refuse(refusal)


def decode(payload: bytes) -> dict[str, Any]:
    """The map in `payload`; Refusal (malformed) for anything else."""
    try:
        message = msgpack.unpackb(payload)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise _malformed(str(error) or type(error).__name__) from error
    if not isinstance(message, dict):
        raise _malformed(f"a {type(message).__name__}")
    return message


def parse(message: Mapping[str, Any]) -> Request:
    """The request that `message` makes; Refusal (unknown_op, bad_argument) with every mistake by its key."""
    op = message.get("op")
    if not isinstance(op, str) or op not in REQUESTS:
        raise Refusal(
            ControlCode.UNKNOWN_OP,
            f"op {_told_op(message)!r} is not known",
            f"use one of {', '.join(REQUESTS)}",
        )
    arguments = {key: _tuples(value) for key, value in message.items() if key not in ("op", "id", "v")}
    try:
        return REQUESTS[op].model_validate(arguments)
    except ValidationError as error:
        wrong = tuple(
            f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()[:16]
        )
        raise Refusal(
            ControlCode.BAD_ARGUMENT, f"{op}: {'; '.join(wrong)}", "correct the arguments", wrong
        ) from error


def _pong(request: Ping, receive_ns: int) -> dict[str, Any]:
    return {
        "client_ns": request.client_ns,
        "receive_ns": receive_ns,
        "utc_ns": time.time_ns(),
        "reply_ns": time.monotonic_ns(),
    }


def _malformed(what: str) -> Refusal:
    return Refusal(
        ControlCode.MALFORMED, f"not a MessagePack map: {what[:200]}", 'send one, such as {"op": "ping"}'
    )


def _told_op(message: Mapping[str, Any]) -> str:
    """Of another kind, lists within lists a thousand deep for one, it is not even printed."""
    op = message.get("op", "")
    return op[:40] if isinstance(op, str) else f"({type(op).__name__})"


def _told_number(message: Mapping[str, Any]) -> int | str | None:
    """What tells a request from others comes back where it is a whole number or a short text."""
    number = message.get("id")
    if isinstance(number, str):
        return number[:80]
    return number if isinstance(number, int) else None


def _tuples(value: Any) -> Any:
    """MessagePack has lists alone; strict fields are tuples."""
    return tuple(value) if isinstance(value, list) else value
