"""A NATS server with JetStream: how it is reached, and the stream that holds all suits. Needs nats-py."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jetson_runtime.fleet.batches import PREFIX
from jetson_runtime.suit import secret_file
from jetson_runtime.suit.errors import EndpointError, KeyFileError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

DEFAULT_SERVER = "nats://127.0.0.1:4222"
# A link that says nothing is given up after two of these.
_PING_S = 10
_CONNECT_S = 10
_CLOSE_S = 2.0
# A server's disk may stall; a network that has gone is known by its silence no later.
ANSWER_S = 10.0
# What the stream is made with; on the server `nats stream edit` changes it.
MAX_AGE_S = 30 * 24 * 3600.0
DUPLICATES_S = 600.0


@dataclass(frozen=True)
class Access:
    """Addresses of one server, and what it is shown.

    plain: neither certificates nor encryption although others can reach the server. login: file with user and password
    on a line; creds: file of a user's JWT and its seed; tls_*: PEM files. A file with a secret that others than its
    owner can read is refused.
    """

    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    plain: bool = False
    login: Path | None = None
    creds: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def encrypted(self) -> bool:
        return any(urlsplit(one).scheme == "tls" for one in self.servers) or self.tls_ca is not None

    def check(self) -> None:
        """EndpointError, KeyFileError: what is wrong and what to do."""
        for server in self.servers:
            self._check_address(server)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise KeyFileError("tls_cert and tls_key belong together; name both, or neither")
        for path, secret in ((self.login, "password"), (self.creds, "seed"), (self.tls_key, "secret key")):
            if path is not None:
                with secret_file.reading(
                    path, secret=secret, damaged="cannot be read", remedy="put it there"
                ):
                    path.read_bytes()

    def options(self) -> dict[str, Any]:
        """Of `nats.connect`. KeyFileError as `check`, and where a file holds something else."""
        self.check()
        told: dict[str, Any] = {}
        if self.login is not None:
            words = self.login.read_text(encoding="utf-8").split()
            if len(words) != 2:
                raise KeyFileError(f"{self.login}: holds no user and password; write both on one line")
            told |= {"user": words[0], "password": words[1]}
        if self.creds is not None:
            told["user_credentials"] = str(self.creds)
        if self.encrypted:
            told["tls"] = self._tls()
        return told

    def _check_address(self, server: str) -> None:
        try:
            parts = urlsplit(server)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if host is None or parts.scheme not in ("nats", "tls"):
            raise EndpointError(f"{server}: is no address of a NATS server; write {DEFAULT_SERVER}")
        if parts.username or parts.password:
            raise EndpointError(
                "a server's address with a password is seen by everybody on this machine; write user and password "
                "into a file (chmod 600) and name it with login"
            )
        if not (self.plain or self.encrypted or _is_loopback(host)):
            raise EndpointError(
                f"{server}: others could read on the way what is somebody's; write tls://, name tls_ca, or say plain "
                "where the network is encrypted itself (WireGuard)"
            )

    def _tls(self) -> ssl.SSLContext:
        file = f"tls_ca {self.tls_ca}"
        try:
            context = ssl.create_default_context(cafile=str(self.tls_ca) if self.tls_ca else None)
            if self.tls_cert is not None and self.tls_key is not None:
                file = f"tls_cert {self.tls_cert} with tls_key {self.tls_key}"
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise KeyFileError(
                f"{file}: cannot be used: {error.strerror or error}; name PEM files"
            ) from error
        return context


@asynccontextmanager
async def connected(access: Access, name: str) -> AsyncIterator[tuple[Client, JetStreamContext]]:
    """One connection, which is not made anew by itself: what a lost one had not sent is never sent by it.

    Raises what `trouble()` names; SuitErrors of `Access.options`.
    """
    import nats

    async def quiet(_error: Exception) -> None:
        """Whatever it is, the next request fails of it."""

    connecting = nats.connect(
        list(access.servers),
        name=name,
        allow_reconnect=False,
        connect_timeout=_CONNECT_S,
        ping_interval=_PING_S,
        max_outstanding_pings=2,
        error_cb=quiet,
        **access.options(),
    )
    # Its own limit holds for the first steps alone.
    client = await asyncio.wait_for(connecting, 2.0 * _CONNECT_S)
    try:
        yield client, client.jetstream(timeout=ANSWER_S)
    finally:
        # Behind a network that has gone, it would wait for what is not sent yet.
        with contextlib.suppress(*trouble()):
            await asyncio.wait_for(client.close(), _CLOSE_S)


def trouble() -> tuple[type[Exception], ...]:
    """What a server that is away, refuses or is of another kind raises."""
    import nats.errors

    return (nats.errors.Error, OSError, asyncio.TimeoutError)


async def stream_of(jetstream: JetStreamContext, subject: str, create: str = "") -> str:
    """The stream that takes `subject`. create: the name to make one with where there is none; '': EndpointError."""
    from nats.js import api, errors

    try:
        found: str = await jetstream.find_stream_name_by_subject(subject)
        return found
    except errors.NotFoundError:
        if not create:
            raise EndpointError(
                f"the server has no stream for {subject}: has a suit's bridge ever reached it?"
            ) from None
    await jetstream.add_stream(
        api.StreamConfig(
            name=create,
            description="Second Skin: batches of all suits",
            subjects=[f"{PREFIX}.>"],
            retention=api.RetentionPolicy.LIMITS,
            discard=api.DiscardPolicy.OLD,
            storage=api.StorageType.FILE,
            max_age=MAX_AGE_S,
            duplicate_window=DUPLICATES_S,
        )
    )
    return create


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
