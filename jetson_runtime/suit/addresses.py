"""Where the stream goes by default, and which ZeroMQ addresses may be used. Imports nothing heavy: clients use it."""

from __future__ import annotations

import ipaddress
import os

DEFAULT_PUBLIC = "tcp://127.0.0.1:5555"
DEFAULT_LATEST = "tcp://127.0.0.1:5556"
DEFAULT_CONTROL = "tcp://127.0.0.1:5557"
# An AF_UNIX path has 108 bytes with its closing zero (man 7 unix).
IPC_PATH_LIMIT = 107


def mistake(address: str) -> str | None:
    """What is wrong with `address` and what to write instead; None for an ipc path that fits or a port.

    Whether it may be used without keys: `is_loopback`.
    """
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in ("ipc", "tcp") or not rest:
        return f"{address}: is no address; write ipc:///path or tcp://127.0.0.1:port"
    if scheme == "ipc":
        length = len(os.fsencode(rest))
        if length <= IPC_PATH_LIMIT:
            return None
        return (
            f"{address}: the path has {length} bytes; a socket's path may have {IPC_PATH_LIMIT}: shorten it"
        )
    port = rest.rpartition(":")[2]
    if port != "*" and not (port.isdigit() and 0 < int(port) < 65_536):
        return f"{address}: {port!r} is no port; write tcp://127.0.0.1:port with a port from 1 to 65535"
    return None


def needs_keys(address: str) -> str:
    """What to say where an address that others can reach is to be opened without keys."""
    return (
        f"{address}: an address that others can reach needs CURVE keys; make them (second-skin keys init) and name "
        "their folder as keys in [security], or use tcp://127.0.0.1:port"
    )


def is_loopback(address: str) -> bool:
    """True for an address that only this machine can reach."""
    if address.startswith("ipc://"):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def udp_mistake(address: str) -> str | None:
    """What is wrong with a receiver of packets, and what to write instead; None for an IP address and a port.

    No name: to look one up would take as long as it takes, and might tell another address each time.
    """
    try:
        host, port = udp_target(address)
        ip = ipaddress.ip_address(host)
    except ValueError:
        return f'{address}: is no receiver; write "127.0.0.1:9000", an IP address and a port'
    if not 0 < port < 65_536:
        return f"{address}: {port} is no port; write one from 1 to 65535"
    if ip.is_unspecified or ip.is_multicast or host == "255.255.255.255":
        return f"{address}: is not one receiver's address; name each by its own"
    return None


def udp_target(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[host]:port`; ValueError where it is neither."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def for_this_machine(addresses: tuple[str, ...]) -> str | None:
    """The one that this machine's programs use without a key, rather a file than a port; None: there is none."""
    usable = [address for address in addresses if is_loopback(address) and not address.endswith("*")]
    return min(usable, key=lambda address: not address.startswith("ipc://"), default=None)
