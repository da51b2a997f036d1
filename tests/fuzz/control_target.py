"""What must hold of the control socket for any request; raises AssertionError where it does not.

The first byte chooses: even, the rest is a payload as it is; odd, it is the keys and values of a map that names a known
operation, which no fuzzer finds soon by itself.
"""

from __future__ import annotations

import functools
from typing import Any

import msgpack
import zmq

from jetson_runtime.stream import control
from jetson_runtime.stream.control import Answer, ControlSocket, Refusal, Request
from jetson_runtime.stream.messages import CONTROL_REQUEST_LIMIT_BYTES, ControlCode

_OPERATIONS = sorted(control.REQUESTS)
_CODES = {code.value for code in ControlCode}


def request(data: bytes) -> None:
    """One reply that a client can read, or one sound request handed on; never an exception, never both."""
    taken: list[tuple[Request, Answer]] = []
    socket = _control_socket()
    socket._submit = lambda asked, answer: taken.append((asked, answer))
    socket._take_one([b"client", _payload(data)], 1)
    replies, socket._replies = list(socket._replies), type(socket._replies)()
    assert len(replies) + len(taken) == 1
    for asked, _ in taken:
        assert type(asked) in control.REQUESTS.values()
    for envelope, payload in replies:
        assert envelope == b"client"
        _check(msgpack.unpackb(payload))


def _check(reply: dict[str, Any]) -> None:
    if reply["ok"]:
        assert reply["op"] == "ping"
        assert reply["result"]["receive_ns"] == 1
        return
    error = reply["error"]
    assert error["code"] in _CODES
    assert error["text"] and error["remedy"]
    assert len(error["reasons"]) <= 16


def _payload(data: bytes) -> bytes:
    if not data or data[0] % 2 == 0:
        return data[1:CONTROL_REQUEST_LIMIT_BYTES]
    operation = msgpack.packb(_OPERATIONS[data[0] // 2 % len(_OPERATIONS)])
    pairs = data[1] % 8 if len(data) > 1 else 0
    return bytes([0x81 + pairs]) + b"\xa2op" + operation + data[2:CONTROL_REQUEST_LIMIT_BYTES]


@functools.cache
def _control_socket() -> ControlSocket:
    """On a socket of no address: requests are given to it, and its replies taken, by hand."""

    def never(*_: object) -> None:
        raise Refusal(ControlCode.BUSY, "nobody is there", "wait")

    return ControlSocket(zmq.Context().socket(zmq.ROUTER), never, lambda: None, lambda _: True)


def seeds() -> list[bytes]:
    """A sound request of each operation, as it is and as the keys and values behind its name."""
    arguments: dict[str, dict[str, Any]] = {
        "ping": {"client_ns": 1, "id": 7},
        "tare": {"seconds": 1.5, "id": "a"},
        "zero_insoles": {"sides": ["r"], "seconds": 2.0},
        "set_wearer": {"wearer": {"mass_kg": 70.0, "foot_length_m": 0.27, "foot_width_m": 0.1}},
        "mark": {"text": "x", "task": "L3", "subject": "S1", "trial": "2", "repetition": 1},
        "record": {"action": "start", "subject": "S1", "task": "L3", "trial": "2"},
        "tell_fit": {"found": ["insole_r"], "session": "00ff00ff"},
    }
    found = []
    for number, name in enumerate(_OPERATIONS):
        values = arguments.get(name, {})
        found.append(b"\x00" + msgpack.packb({"op": name, **values}))
        found.append(bytes([2 * number + 1, len(values)]) + msgpack.packb(values)[1:])
    return found
