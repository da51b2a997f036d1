"""What a server holds of a fleet, read: suits, their newest words, batches in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from jetson_runtime.fleet import batches, server
from jetson_runtime.fleet.server import Access
from jetson_runtime.suit.errors import EndpointError

if TYPE_CHECKING:
    from nats.js import JetStreamContext

_FETCHED = 50
# Of a reader that ended without a word, the server forgets its place after this.
_FORGOTTEN_S = 60.0


@dataclass(frozen=True)
class Message:
    """One batch as it lies on the server. stored_s: when, on the server's wall clock; payload: b'' where headers alone
    were asked for; waiting: how many batches the suit still had behind it."""

    seq: int
    subject: str
    stored_s: float
    headers: Mapping[str, str]
    payload: bytes

    @property
    def session(self) -> str:
        return self.headers.get(batches.SESSION, "")

    @property
    def waiting(self) -> int:
        told = self.headers.get(batches.WAITING, "")
        return int(told) if told.isdigit() else 0


class Fleet:
    """A connection to the server's stream of a fleet; made by `opened`."""

    def __init__(self, jetstream: JetStreamContext, stream: str) -> None:
        self._jetstream = jetstream
        self._stream = stream

    async def suits(self) -> list[tuple[str, str]]:
        """Site and name of each suit of which the server has anything."""
        info = await self._jetstream.stream_info(self._stream, subjects_filter=batches.subject("*", "*", "*"))
        words = [subject.split(".") for subject in info.state.subjects or ()]
        return sorted({(site, suit) for _, site, suit, _ in words})

    async def newest(self, site: str, suit: str, kind: str) -> Message | None:
        """The last batch of a kind."""
        from nats.js.errors import NotFoundError

        try:
            raw = await self._jetstream.get_last_msg(self._stream, batches.subject(site, suit, kind))
        except NotFoundError:
            return None
        return Message(
            raw.seq or 0, raw.subject or "", _seconds(raw.time), dict(raw.headers or {}), raw.data or b""
        )

    async def batches(
        self, site: str, suit: str, kind: str, *, first_seq: int = 1, headers_only: bool = False
    ) -> AsyncIterator[Message]:
        """Those that are there now, in the order of the stream, from its sequence number `first_seq` on.

        EndpointError: the server left one out.
        """
        from nats.js import api

        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=max(1, first_seq),
            ack_policy=api.AckPolicy.NONE,
            headers_only=headers_only or None,
            inactive_threshold=_FORGOTTEN_S,
        )
        subject = batches.subject(site, suit, kind)
        reader = await self._jetstream.pull_subscribe(subject, stream=self._stream, config=config)
        try:
            left = (await reader.consumer_info()).num_pending or 0
            expected = 1
            while left:
                for one in await reader.fetch(min(_FETCHED, left), timeout=server.ANSWER_S):
                    about = one.metadata
                    if about.sequence.consumer != expected:
                        raise EndpointError("the server left out a batch on the way; ask again")
                    expected += 1
                    left -= 1
                    payload = b"" if headers_only else one.data
                    yield Message(
                        about.sequence.stream,
                        one.subject,
                        _seconds(about.timestamp),
                        dict(one.headers or {}),
                        payload,
                    )
        finally:
            await reader.unsubscribe()


@asynccontextmanager
async def opened(access: Access, stream: str = "") -> AsyncIterator[Fleet]:
    """stream: its name; '': the one that takes the suits' subjects. EndpointError: no server, or no such stream."""
    try:
        async with server.connected(access, "second-skin-lab fleet") as (_, jetstream):
            name = stream or await server.stream_of(jetstream, batches.subject("any", "any", batches.FRAMES))
            yield Fleet(jetstream, name)
    except server.trouble() as error:
        told = str(error) or type(error).__name__
        raise EndpointError(f"{access.servers[0]}: {told}; is the server up, with JetStream?") from error


def _seconds(moment: Any) -> float:
    if not isinstance(moment, datetime):
        return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
