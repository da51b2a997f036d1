"""`second-skin record`: a process of its own that takes in all of a service's local address and keeps it.

One thread receives, whatever the disk does; the main one writes. Between them lies a queue bounded in bytes, far more
than a stalled disk needs; what finds it full is dropped, seen by its missing number and counted.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships none
import zmq

from jetson_runtime.recording.store import Store
from jetson_runtime.recording.wanted import Wanted
from jetson_runtime.stream import messages
from jetson_runtime.stream.local import REPORT
from jetson_runtime.suit import config_copy
from jetson_runtime.suit.errors import ConfigError
from jetson_runtime.suit.recording_table import Begin

# At 0.5 MB/s two minutes of a disk that does not move.
INBOX_BYTES = 64_000_000
# A power cut costs at most what came since the last of these, and the chunk that was not full yet.
SYNC_PERIOD_S = 0.5
_REPORT_PERIOD_S = 1.0
_POLL_MS = 100
# Messages between two looks at what is to be told.
_AT_ONCE = 1000
# At the end: of the 10 s that systemd grants.
_END_S = 2.0
_RECONNECT_MS = 50
_LINGER_MS = 200
_SUBSCRIBE = b"\x01"
# Messages that wait until the service has told what was wished: it tells it at once, to whoever subscribes.
_MOST_EARLY = 2000

_log = logging.getLogger("second-skin-record")


def run(
    config_path: Path, folder: Path | None = None, state: Path | None = None, begin: Begin | None = None
) -> int:
    """Records until SIGTERM or SIGINT and returns 0; raises ConfigError where there is no local address.

    folder, begin: instead of the config's; state: the service's, where the config's last good copy is (`config_copy`).
    """
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    config, copied = config_copy.load(config_path, state)
    if copied:
        _log.warning("%s", copied)
    if not config.output.local:
        raise ConfigError(
            f'{config_path}: names no local address to record from; add local = ["ipc:///run/second-skin/local"] '
            "under [output]"
        )
    settings = config.recording
    if folder is not None:
        settings = settings.model_copy(update={"folder": folder.resolve()})
    stop = threading.Event()

    def ended(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    ear = Ear(config.output.local[0])
    store = Store(settings, ear.ask_state, _log.info)
    try:
        Recorder(ear, store, Wanted(begin or settings.begin)).run(stop)
    finally:
        ear.close()
        store.close()
    return 0


class Ear:
    """The receiving thread. `inbox` holds payloads; `tell` and `ask_state` from any thread."""

    def __init__(self, address: str) -> None:
        self.inbox: SimpleQueue[bytes] = SimpleQueue()
        self.dropped = 0
        self._taken = 0
        self._received = 0
        self._ending = False
        self._outbox: SimpleQueue[bytes] = SimpleQueue()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XSUB)
        self._socket.setsockopt(zmq.LINGER, _LINGER_MS)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        self._socket.connect(address)
        for topic in messages.LOCAL_TOPICS:
            self._socket.send(_SUBSCRIBE + topic.encode())
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def taken(self, size: int) -> None:
        """So many bytes of the inbox are done with; by the thread that empties it."""
        self._taken += size

    def ask_state(self) -> None:
        """A second subscription to the same makes the service tell its state."""
        self._outbox.put(_SUBSCRIBE + messages.RAW.encode())

    def tell(self, report: dict[str, Any]) -> None:
        """To the service, for its status."""
        self._outbox.put(REPORT + msgpack.packb(report))

    def close(self) -> None:
        """Ends the thread; to close twice is no error."""
        if self._socket.closed:
            return
        self._ending = True
        self._thread.join()
        self._socket.close()
        self._context.term()

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._ending
            with contextlib.suppress(Empty):
                while True:
                    self._send(self._outbox.get_nowait())
            if self._socket.poll(0 if ending else _POLL_MS):
                with contextlib.suppress(zmq.Again):
                    for _ in range(_AT_ONCE):
                        self._take(self._socket.recv_multipart(zmq.NOBLOCK)[-1])

    def _take(self, payload: bytes) -> None:
        if self._received - self._taken > INBOX_BYTES:
            self.dropped += 1
            return
        self._received += len(payload)
        self.inbox.put(payload)

    def _send(self, message: bytes) -> None:
        with contextlib.suppress(zmq.Again):
            self._socket.send(message, zmq.NOBLOCK)


class Recorder:
    """Empties the inbox into the store, as far as a recording is wanted."""

    def __init__(self, ear: Ear, store: Store, wanted: Wanted) -> None:
        self._ear = ear
        self._store = store
        self._wanted = wanted
        self._malformed = 0
        # What came before it is known whether a recording is wanted.
        self._early: list[tuple[dict[str, Any], bytes]] = []
        if not wanted.on:
            store.end(wanted.why_not)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`, and then what is still in the inbox, as far as there is time for it."""
        every = _Every(SYNC_PERIOD_S, self._store.keep), _Every(_REPORT_PERIOD_S, self._report)
        while not stop.is_set():
            for look in every:
                look.do()
            self._empty(stop, min(look.due_s() for look in every))
        end_s = time.monotonic() + _END_S
        self._store.state = "ended"
        self._report()
        self._ear.close()
        with contextlib.suppress(Empty):
            while time.monotonic() < end_s:
                self._take(self._ear.inbox.get_nowait())
            _log.warning(
                "ended with %d messages not written: the machine is too busy", self._ear.inbox.qsize()
            )

    def _empty(self, stop: threading.Event, wait_s: float) -> None:
        """All that waits now, however late it is; then what comes within the time. Not beyond `stop`."""
        inbox, end_s = self._ear.inbox, time.monotonic() + wait_s
        for _ in range(inbox.qsize()):
            if stop.is_set():
                return
            self._take(inbox.get_nowait())
        with contextlib.suppress(Empty):
            while not stop.is_set() and (left_s := end_s - time.monotonic()) > 0:
                self._take(inbox.get(timeout=left_s))

    def _take(self, payload: bytes) -> None:
        self._ear.taken(len(payload))
        try:
            message = messages.decode(payload)
        except ValueError:
            self._malformed += 1
            return
        is_new = self._wanted.heed(message)
        if not self._wanted.is_known and len(self._early) < _MOST_EARLY:
            self._early.append((message, payload))
            return
        self._wanted.is_known = True
        if is_new and self._wanted.on:
            self._store.begin(self._wanted.labels)
        elif is_new and self._store.path is None:
            self._store.end(self._wanted.why_not)
        early, self._early = self._early, []
        for one in (*early, (message, payload)):
            self._keep(*one)
        if is_new:
            if not self._wanted.on:
                self._store.end(self._wanted.why_not)
            self._report()

    def _keep(self, message: dict[str, Any], payload: bytes) -> None:
        self._store.add(message, payload)
        if message["topic"] == messages.EVENT and message.get("kind") == messages.POWER_LOW:
            self._store.flush()

    def _report(self) -> None:
        store = self._store
        self._ear.tell(
            {
                "state": store.state,
                "file": str(store.path or ""),
                "why": store.why,
                "free_mb": store.free_mb,
                "missed": store.missed,
                "dropped": self._ear.dropped,
                "obeys": self._wanted.number,
            }
        )


class _Every:
    """Does something each `period_s`."""

    def __init__(self, period_s: float, action: Callable[[], None]) -> None:
        self._period_s = period_s
        self._action = action
        self._next_s = time.monotonic()

    def due_s(self) -> float:
        """Seconds until the next time."""
        return max(0.0, self._next_s - time.monotonic())

    def do(self) -> None:
        """Where it is due."""
        if self.due_s() == 0.0:
            self._action()
            self._next_s = time.monotonic() + self._period_s
