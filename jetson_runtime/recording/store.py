"""Where a recording goes: parts of one session in a folder, and what is done when the disk is full or refuses.

What the disk does never reaches the receiving thread: a failure ends the part, and a new one is tried each second.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jetson_runtime.recording.mcap_file import SUFFIX, RecordingFile
from jetson_runtime.recording.trials import TARE, WEARER
from jetson_runtime.stream import messages
from jetson_runtime.suit.recording_table import RecordingTable

_MB = 1_000_000
_LASTING = (TARE, WEARER)
# In these states no message begins a file.
_IDLE = ("paused", "stopped")
# So much more must be free before a disk that was full is written to again: a share of it, but no more than this.
_BACK_SHARE, _BACK_MB = 0.1, 50.0


class Store:
    """Takes decoded messages in order. state: `waiting`, `recording`, `paused` or `stopped`; why: the reason of the
    last two.

    missed: messages with bytes and wake-ups that never came, or that no file holds. files: parts begun.
    """

    def __init__(
        self, settings: RecordingTable, ask_state: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        """ask_state: makes the service tell its state again, so that a replay can begin there."""
        self.state = "waiting"
        self.why = ""
        self.missed = 0
        self.files = 0
        self._settings = settings
        self._ask_state = ask_state
        self._log = log
        self._file: RecordingFile | None = None
        self._session = ""
        # What each part begins with: the newest `session` and `hello`, and the events that told what has held since.
        self._heads: dict[str, tuple[str, int, bytes]] = {}
        self._number: int | None = None
        self._turning = False
        self._labels: dict[str, str] = {}

    @property
    def path(self) -> Path | None:
        """The part that is being written."""
        return self._file.path if self._file is not None else None

    def add(self, message: Mapping[str, Any], payload: bytes) -> None:
        """One message of the stream."""
        topic, t_ns = message["topic"], message["publish_ns"]
        if message["session"] != self._session:
            self._begin_session(message["session"])
        if topic in (messages.SESSION, messages.HELLO):
            self._heads[topic] = (topic, t_ns, payload)
        elif topic == messages.EVENT and message["kind"] in _LASTING:
            self._heads[message["kind"]] = (topic, t_ns, payload)
        if topic == messages.RAW:
            self._watch_numbers(message)
        if self._file is None and self.state not in _IDLE:
            self._open()
        self._write(topic, t_ns, payload)
        if topic == messages.RAW and self._turning and _has_state(message):
            self._turn(t_ns, payload)

    def keep(self) -> None:
        """Once a second: what was written is on the disk afterwards; room is looked at, a pause tried to be ended."""
        if self._file is not None:
            self._guard(self._file.sync)
        if self._file is not None and not self._file.is_there():
            self._pause(f"{self._file.path}: is gone from its folder")
        if self._file is not None and self._free_mb() < self._settings.keep_free_mb:
            self._pause(f"less than {self._settings.keep_free_mb} MB are free", whole=True)
        elif self._file is not None and self._file.size > self._settings.part_mb * _MB and not self._turning:
            self._turning = True
            self._ask_state()
        elif self.state == "paused":
            self._try_again()

    def begin(self, labels: Mapping[str, str]) -> None:
        """Asked to record: the next message begins another file, which holds `labels` (subject, task, trial)."""
        self.close()
        self._labels = dict(labels)
        self._turning = False
        self.state, self.why = "waiting", ""
        if self._session:
            self._ask_state()

    def end(self, why: str) -> None:
        """Asked not to record: the file is whole, and no other is begun until `begin`."""
        if self._file is not None:
            self._log(f"{self._file.path} ends: {why}")
        self.close()
        self.state, self.why = "stopped", why

    def flush(self) -> None:
        """Ends the part, so that it is whole on the disk, and goes on with the next: power is about to fail."""
        self.close()
        self._ask_state()

    def close(self) -> None:
        """Ends the part."""
        if self._file is not None:
            self._guard(self._file.close)
            self._file = None

    def _begin_session(self, session: str) -> None:
        self.close()
        self._session = session
        self._heads.clear()
        self._number = None
        self._turning = False
        if self.state not in _IDLE:
            self.state = "waiting"

    def _watch_numbers(self, message: Mapping[str, Any]) -> None:
        """What is missing between two numbers is counted, and a replay must be able to go on after it."""
        number = message["number"]
        if self._number is not None and number != self._number + 1:
            self.missed += number - self._number - 1
            self._ask_state()
        self._number = number

    def _open(self) -> None:
        settings = self._settings
        try:
            settings.folder.mkdir(parents=True, exist_ok=True)
            if self._free_mb() < settings.keep_free_mb:
                self._pause(f"less than {settings.keep_free_mb} MB are free", whole=True)
                return
            self._file = self._new_part()
        except OSError as error:
            self._pause(_reason(error))
            return
        self.files += 1
        self.state, self.why, self._turning = "recording", "", False
        self._log(f"recording to {self._file.path}")
        for topic, t_ns, payload in list(self._heads.values()):
            self._write(topic, t_ns, payload)

    def _new_part(self) -> RecordingFile:
        now = datetime.datetime.now(datetime.timezone.utc)
        stem = f"{now:%Y%m%dT%H%M%SZ}_{self._session}"
        words = [
            path.stem.rpartition("_")[2]
            for path in self._settings.folder.glob(f"*_{self._session}_*{SUFFIX}")
        ]
        part = 1 + max((int(word) for word in words if word.isdigit()), default=-1)
        facts = {"session": self._session, "part": str(part), "utc_at_start": now.isoformat(), **self._labels}
        return RecordingFile(self._settings.folder / f"{stem}_{part:03d}{SUFFIX}", facts)

    def _turn(self, t_ns: int, payload: bytes) -> None:
        """The next part begins with the message that holds the state; it is the last of this one, too."""
        self.close()
        if self.state != "paused":
            self._open()
            self._write(messages.RAW, t_ns, payload)

    def _write(self, topic: str, t_ns: int, payload: bytes) -> None:
        file = self._file
        if file is not None:
            self._guard(lambda: file.add(topic, t_ns, payload))
        elif topic == messages.RAW and self.state != "stopped":
            self.missed += 1

    def _guard(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._pause(_reason(error))

    def _pause(self, why: str, *, whole: bool = False) -> None:
        """whole: the disk still takes what ends the file."""
        file, self._file = self._file, None
        if file is not None and whole:
            try:
                file.close()
            except OSError:
                file.abandon()
        elif file is not None:
            file.abandon()
        if self.why != why:
            self._log(
                f"not recording: {why}; {self._settings.folder} needs room and a disk that can be written to"
            )
        self.state, self.why = "paused", why

    def _try_again(self) -> None:
        """A folder that is not there is made: the disk that it is to be on may have been plugged in."""
        back_mb = min(_BACK_MB, _BACK_SHARE * self._disk_mb())
        if self._disk() is None or self._free_mb() > self._settings.keep_free_mb + back_mb:
            self._open()
            if self._file is not None:
                self._ask_state()

    @property
    def free_mb(self) -> int | None:
        """Of the folder's disk; None where it cannot be looked at."""
        return round(self._free_mb()) if self._disk() else None

    def _free_mb(self) -> float:
        told = self._disk()
        return told.f_bavail * told.f_frsize / _MB if told else 0.0

    def _disk_mb(self) -> float:
        told = self._disk()
        return told.f_blocks * told.f_frsize / _MB if told else 0.0

    def _disk(self) -> os.statvfs_result | None:
        """None where the folder cannot be looked at."""
        try:
            return os.statvfs(self._settings.folder)
        except OSError:
            return None


def _has_state(message: Mapping[str, Any]) -> bool:
    return any(event[0] == "state" for event in message["events"])


def _reason(error: OSError) -> str:
    return f"{error.filename or 'the disk'}: {error.strerror}"
