"""ZeroMQ addresses of the service: checked, bound, and tidied up. Errors say what to do."""

from __future__ import annotations

import socket as unix
from pathlib import Path

import zmq

from jetson_runtime.suit.addresses import mistake
from jetson_runtime.suit.errors import EndpointError


def bind(socket: zmq.Socket[bytes], address: str) -> str:
    """Binds `socket`; returns the address as bound. Raises EndpointError, and takes no address from a live service."""
    check(address)
    if address.startswith("ipc://"):
        _clear_path(address)
    if "[" in address:
        socket.setsockopt(zmq.IPV6, 1)
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        raise EndpointError(f"{address}: {_explain(error)}") from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def check(address: str) -> None:
    """Raises EndpointError unless `address` is ipc with a path that fits, or tcp on the loopback."""
    if text := mistake(address):
        raise EndpointError(text)


def keep_alive(socket: zmq.Socket[bytes]) -> None:
    """The kernel lets go of a peer that vanished without a word, 3 s after it was last heard."""
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 2)


def remove_file(address: str) -> None:
    """Removes the file of an ipc address, which ZeroMQ leaves behind."""
    if address.startswith("ipc://"):
        Path(address.removeprefix("ipc://")).unlink(missing_ok=True)


def _clear_path(address: str) -> None:
    """ZeroMQ would take over a socket file that is in use, in silence: refuse that, and remove what is left over."""
    path = Path(address.removeprefix("ipc://"))
    if not path.parent.is_dir():
        raise EndpointError(
            f"{address}: {path.parent} is no directory; make it, or change [output] in the config"
        )
    if not path.is_socket():
        if path.exists():
            raise EndpointError(
                f"{address}: {path} is a file of another kind; remove it, or choose another path"
            )
        return
    with unix.socket(unix.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise EndpointError(f"{address}: cannot be used: {error.strerror}") from error
        else:
            raise EndpointError(
                f"{address}: another service is running on it; stop that one, or choose another path"
            )


def _explain(error: zmq.ZMQError) -> str:
    if error.errno == zmq.EADDRINUSE:
        return "another service is running on it; stop that one, or choose another port"
    return f"cannot be bound: {error.strerror}; choose another address in [output] of the config"
