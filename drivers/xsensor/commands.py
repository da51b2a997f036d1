"""Commands of the open insole link, and their replies found among streaming samples."""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.errors import CommandRejected, ReplyTimeout
from drivers.serial_port import SerialPort
from drivers.xsensor import codec
from drivers.xsensor.codec import Command, Info, InsoleParser, build_frame

REPLY_TIMEOUT_S = 0.25
TRIES = 3

_OPERATIONS = {
    codec.OP_IDENTIFY: "identify",
    codec.OP_START: "start",
    codec.OP_STOP: "stop",
    codec.OP_ZERO: "zero",
    codec.OP_SET_RATE: "set rate",
}
_REFUSALS = {
    codec.STATUS_UNKNOWN: "unknown command",
    codec.STATUS_BAD_ARGUMENT: "bad argument",
    codec.STATUS_BUSY: "busy",
    codec.STATUS_FAILED: "failed",
}


class CommandLink:
    """Sends one command at a time to the insole of one side (codec.LEFT or RIGHT)."""

    def __init__(self, port: SerialPort, side: int) -> None:
        self.port = port
        self.side = side
        self.parser = InsoleParser()
        self._tag = 0
        self._statuses: dict[tuple[int, int], int] = {}
        self._info: tuple[int, Info] | None = None

    def send(self, op: int, arguments: bytes = b"", tries: int = TRIES) -> None:
        """Sends until it is acknowledged; a busy device is asked again. ReplyTimeout, CommandRejected or PortLost."""
        status = None
        for _ in range(tries):
            self._tag = (self._tag + 1) & 0xFF
            key = (op, self._tag)
            body = codec.encode_command(Command(op, self._tag, arguments))
            self.port.write(build_frame(codec.COMMAND, self.side, body))
            self._listen_until(lambda key=key: key in self._statuses)  # type: ignore[misc]
            status = self._statuses.get(key)
            if status not in (None, codec.STATUS_BUSY):
                break
        name = f"{_OPERATIONS[op]} ({op})"
        if status is None:
            raise ReplyTimeout(
                f"{self.port.path}: no reply to '{name}' in {tries} tries; check that it is an insole's port and "
                "that the insole is switched on"
            )
        if status != codec.STATUS_OK:
            raise CommandRejected(
                f"{self.port.path}: the insole rejected '{name}': {_REFUSALS.get(status, f'status {status}')}"
            )

    def identify(self, tries: int = TRIES) -> tuple[int, Info]:
        """Side and INFO of the device that answers."""
        self._info = None
        self.send(codec.OP_IDENTIFY, tries=tries)
        self._listen_until(lambda: self._info is not None)
        if self._info is None:
            raise ReplyTimeout(f"{self.port.path}: the insole acknowledged 'identify' but sent no INFO")
        return self._info

    def _listen_until(self, done: Callable[[], bool]) -> None:
        """Files what arrives until `done` or the reply time is over."""
        end = time.monotonic() + REPLY_TIMEOUT_S
        while not done() and (left := end - time.monotonic()) > 0:
            if self.port.wait(left):
                self._file(*self.port.read())

    def _file(self, data: bytes, receive_ns: int) -> None:
        for frame in self.parser.feed(data, receive_ns):
            if frame.type == codec.REPLY:
                op, tag, status = codec.decode_reply(frame.body)
                self._statuses[op, tag] = status
            elif frame.type == codec.INFO:
                self._info = (frame.side, codec.decode_info(frame.body))
