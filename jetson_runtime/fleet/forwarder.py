"""From the local store to the server: a second after the other, each acknowledged before the next is sent.

Every connection begins by asking the server what it has: that, not this side's memory, says where to go on. A batch
carries an id that the server takes once, and the number on the stream that the batch before it must have; so a copy
that a dying network delivers late comes in neither twice nor out of turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from typing import TYPE_CHECKING

from jetson_runtime.fleet import batches, server
from jetson_runtime.fleet.batches import KINDS, MESSAGE_ID, SESSION, WAITING
from jetson_runtime.fleet.settings import FleetSettings
from jetson_runtime.fleet.store import Record, Store
from jetson_runtime.suit.errors import SuitError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
# Between two tries to connect, each time longer, and never all suits at once.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_IDLE_S = 0.2
# So much may be sent at once before the rate holds it back.
_BURST_S = 2.0

_log = logging.getLogger("second-skin-fleet")


class Forwarder:
    """A thread: `start`, `poke` when the store has grown, `stop`. why: what is wrong now, '' while it is connected."""

    def __init__(self, settings: FleetSettings, store: Store) -> None:
        self.why = "not connected yet"
        self._settings = settings
        self._store = store
        self._ending_s = float("inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poked: asyncio.Event | None = None
        self._credit = 0.0
        self._credit_s = time.monotonic()
        # Of each kind: its last number on the server's stream, and that of the batch of ours.
        self._subject_seq = dict.fromkeys(KINDS, 0)
        self._there = dict.fromkeys(KINDS, 0)
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._main, name="forwarder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poke(self) -> None:
        """There is something new; from any thread."""
        loop, poked = self._loop, self._poked
        if loop is not None and poked is not None:
            with contextlib.suppress(RuntimeError):  # it ended just now
                loop.call_soon_threadsafe(poked.set)

    def stop(self, grace_s: float) -> None:
        """Ends it, after `grace_s` or as soon as nothing waits any more."""
        self._ending_s = time.monotonic() + grace_s
        self.poke()
        self._thread.join(grace_s)
        if self._thread.is_alive() and self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # it ended just now
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(2.0 * grace_s)

    def _main(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._run())

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        self._loop, self._poked = asyncio.get_running_loop(), asyncio.Event()
        wait_s = _FIRST_WAIT_S
        expected: tuple[type[Exception], ...] = (*server.trouble(), SuitError)
        name = f"second-skin {self._settings.site}.{self._settings.suit}"
        while time.monotonic() < self._ending_s:
            begun_s = time.monotonic()
            try:
                async with server.connected(self._settings.access, name) as (client, jetstream):
                    await self._forward(client, jetstream)
                return
            except expected as error:
                self._tell(str(error) or type(error).__name__)
            except Exception as error:  # whatever it is, a thread that has ended forwards nothing any more
                self._tell(f"{type(error).__name__}: {error}", error)
            if time.monotonic() - begun_s > _LONGEST_WAIT_S:
                wait_s = _FIRST_WAIT_S
            await self._pause(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2.0 * wait_s, _LONGEST_WAIT_S)

    async def _forward(self, client: Client, jetstream: JetStreamContext) -> None:
        """Until the end is asked for; raises what `server.trouble` names where the connection is lost."""
        settings = self._settings
        subject = batches.subject(settings.site, settings.suit, batches.FRAMES)
        stream = await server.stream_of(jetstream, subject, settings.stream)
        await self._go_on_from(jetstream, stream)
        self._tell("")
        while time.monotonic() < self._ending_s:
            group = self._next_group()
            if group:
                await self._pace(sum(len(record.payload) for record in group))
                await asyncio.gather(*(self._publish(jetstream, stream, record) for record in group))
                self._store.set_sent(group[-1].number)
            elif self._ending_s < float("inf"):
                return
            elif client.is_connected:
                await self._pause(_IDLE_S)
            else:
                raise ConnectionError("the connection was lost")

    def _next_group(self) -> list[Record]:
        """The next batches, one of each kind at most: so a second takes one answer's time, and no kind is ever in doubt
        about its order."""
        group: dict[str, Record] = {}
        record = self._store.after(self._store.sent)
        while record is not None and record.kind not in group:
            group[record.kind] = record
            record = self._store.after(record.number)
        return list(group.values())

    async def _go_on_from(self, jetstream: JetStreamContext, stream: str) -> None:
        """Asks the server for the newest batch of each kind, and sets the cursor by it."""
        from nats.js.errors import NotFoundError

        store, foreign = self._store, False
        self._subject_seq, self._there = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
        # nats-server 2.9.10 dies of a question for a message of a stream that is just being made.
        is_empty = (await jetstream.stream_info(stream)).state.messages == 0
        for kind in () if is_empty else KINDS:
            subject = batches.subject(self._settings.site, self._settings.suit, kind)
            with contextlib.suppress(NotFoundError):
                last = await jetstream.get_last_msg(stream, subject)
                message_id = (last.headers or {}).get(MESSAGE_ID, "")
                self._subject_seq[kind] = last.seq or 0
                self._there[kind] = 0 if store.holds(message_id) is False else store.number_of(message_id)
                foreign |= store.number_of(message_id) == 0
        newest = max(self._there.values())
        if newest > 0:
            if newest != store.sent:
                _log.info("the server has batches up to %d, not %d: goes on there", newest, store.sent)
            # Of the group that was last on its way some may have come and some not.
            store.set_sent(max(0, newest - len(KINDS)))
        elif foreign:
            _log.warning(
                "what the server has of %s/%s is of another store: a new folder, or another bridge of this name",
                self._settings.site,
                self._settings.suit,
            )

    async def _publish(self, jetstream: JetStreamContext, stream: str, record: Record) -> None:
        if record.number <= self._there[record.kind]:
            return
        settings = self._settings
        headers = {
            MESSAGE_ID: record.message_id,
            _EXPECTED: str(self._subject_seq[record.kind]),
            SESSION: batches.unpack(record.payload)["session"] or "none",
            WAITING: str(self._store.newest - record.number),
        }
        subject = batches.subject(settings.site, settings.suit, record.kind)
        acknowledged = await jetstream.publish(subject, record.payload, stream=stream, headers=headers)
        self._subject_seq[record.kind] = acknowledged.seq
        self._there[record.kind] = record.number

    async def _pace(self, size: int) -> None:
        """Waits until so many bytes may be sent."""
        rate = self._settings.kb_s * 1000.0
        now_s = time.monotonic()
        self._credit = min(rate * _BURST_S, self._credit + rate * (now_s - self._credit_s)) - size
        self._credit_s = now_s
        if self._credit < 0.0:
            await asyncio.sleep(-self._credit / rate)

    async def _pause(self, seconds: float) -> None:
        assert self._poked is not None
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._poked.wait(), seconds)
        self._poked.clear()

    def _tell(self, why: str, defect: Exception | None = None) -> None:
        """A line in the log for each change; of a defect where it came from, too."""
        if why != self.why:
            if why:
                words = (self._settings.server[0], why, self._store.waiting)
                _log.warning("%s: %s; %d batches wait", *words, exc_info=defect)
            else:
                _log.info("%s: connected; %d batches wait", self._settings.server[0], self._store.waiting)
        self.why = why
