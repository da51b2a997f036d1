"""ZeroMQ addresses of the service: checked, bound, and tidied up. Errors say what to do."""

from __future__ import annotations

import errno
import logging
import socket as sockets
from collections.abc import Iterable, Iterator
from pathlib import Path

import zmq

from jetson_runtime.stream import curve
from jetson_runtime.stream.curve import Pair
from jetson_runtime.suit.addresses import is_loopback, mistake, needs_keys
from jetson_runtime.suit.errors import EndpointError

# A connection that has not shaken hands in this time, or whose peer takes no byte for so long, is closed.
HANDSHAKE_MS = 3000
UNHEARD_MS = 3000
# ip(7): what Python has no name for; for IPv6 the same option holds.
_IP_FREEBIND = 15
_BACKLOG = 100

_log = logging.getLogger("second-skin")


def bind_all(socket: zmq.Socket[bytes], addresses: Iterable[str], keys: Pair | None = None) -> Iterator[str]:
    """Binds `socket` to each address, as `bind` does; yields each as bound."""
    # What is bound after the first that needs keys would ask for keys as well.
    for address in sorted(addresses, key=is_loopback, reverse=True):
        yield bind(socket, address, keys)


def bind(socket: zmq.Socket[bytes], address: str, keys: Pair | None = None) -> str:
    """Binds `socket`; returns the address as bound. Raises EndpointError, and takes no address from a live service.

    keys: the service's own; needed where others than this machine can connect. An address that no network interface has
    yet, as before the Wi-Fi is there, is bound all the same: clients come in once one has it (`is_up`).
    """
    check(address, keys)
    if keys is not None and not is_loopback(address):
        curve.serve(socket, keys)
    if address.startswith("ipc://"):
        _clear_path(address)
    if "[" in address:
        socket.setsockopt(zmq.IPV6, 1)
    try:
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            if error.errno != errno.EADDRNOTAVAIL or is_loopback(address):
                raise
            _bind_ahead(socket, address)
    except zmq.ZMQError as error:
        raise EndpointError(f"{address}: {_explain(error)}") from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def is_up(address: str) -> bool:
    """Whether an interface of this machine has the address, as bound, at this moment."""
    if is_loopback(address):
        return True
    host, _ = _host_and_port(address)
    try:
        *kind, _, place = sockets.getaddrinfo(
            host, 0, type=sockets.SOCK_STREAM, flags=sockets.AI_NUMERICHOST
        )[0]
        with sockets.socket(*kind) as probe:
            probe.bind(place)
    except OSError:
        return False
    return True


def check(address: str, keys: Pair | None = None) -> None:
    """Raises EndpointError unless `address` is ipc with a path that fits, or tcp: without keys on the loopback."""
    if text := mistake(address):
        raise EndpointError(text)
    if keys is None and not is_loopback(address):
        raise EndpointError(needs_keys(address))


def keep_alive(socket: zmq.Socket[bytes]) -> None:
    """The kernel lets go of a peer that vanished without a word, 3 s after it was last heard."""
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 2)
    # With bytes on their way the kernel probes nothing and would try to send them for a quarter of an hour.
    socket.setsockopt(zmq.TCP_MAXRT, UNHEARD_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)


def close(socket: zmq.Socket[bytes], context: zmq.Context[zmq.Socket[bytes]]) -> None:
    """Ends a client's only socket and its context, and waits for nothing."""
    socket.close(linger=0)
    context.term()


def remove_file(address: str) -> None:
    """Removes the file of an ipc address, which ZeroMQ leaves behind."""
    if address.startswith("ipc://"):
        Path(address.removeprefix("ipc://")).unlink(missing_ok=True)


def _bind_ahead(socket: zmq.Socket[bytes], address: str) -> None:
    """Through a socket of our own: libzmq never asks the kernel to bind what is not there yet."""
    host, port = _host_and_port(address)
    try:
        *kind, _, place = sockets.getaddrinfo(
            host, port, type=sockets.SOCK_STREAM, flags=sockets.AI_NUMERICHOST
        )[0]
        with sockets.socket(*kind) as listener:
            listener.setsockopt(sockets.IPPROTO_IP, _IP_FREEBIND, 1)
            listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            socket.setsockopt(zmq.USE_FD, listener.fileno())
            try:
                socket.bind(address)
                listener.detach()
            finally:
                socket.setsockopt(zmq.USE_FD, -1)
    except OSError as error:
        raise zmq.ZMQError(error.errno) from error
    _log.warning("%s: no network interface has this address yet; clients come in once one has", address)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else 0


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
    with sockets.socket(sockets.AF_UNIX) as probe:
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
