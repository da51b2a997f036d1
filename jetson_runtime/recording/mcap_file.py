"""One recording on a disk: an MCAP file of the service's own messages, in small chunks, readable wherever it was cut.

Topics are those of the stream, payloads the bytes that were sent; times are the service's CLOCK_MONOTONIC, which no
clock on a wall can turn back. `hello` messages say what that clock was worth.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Chunk, Metadata
from mcap.stream_reader import breakup_chunk
from mcap.writer import CompressionType, Writer

from jetson_runtime import __version__
from jetson_runtime.recording.mcap_walk import DAMAGED, walk
from jetson_runtime.stream import messages
from jetson_runtime.suit import durable

SUFFIX = ".mcap"
METADATA = "second-skin"
# With the message that fills it a chunk stays below 64 KiB: a tenth of a second.
_CHUNK_BYTES = 48 * 1024
# What the MCAP library and the decompressor raise on bytes that are not what they should be.
DAMAGE = (
    *(McapError, ValueError, struct.error, zstandard.ZstdError, KeyError, IndexError),
    *(OverflowError, MemoryError),  # a damaged length
)


class Message(NamedTuple):
    """One message of a recording."""

    topic: str
    t_ns: int
    payload: bytes


class RecordingFile:
    """Written by one thread. Raises OSError from any use where the disk refuses; then `abandon`."""

    def __init__(self, path: Path, facts: Mapping[str, str]) -> None:
        """Makes the file, which must not be there yet (FileExistsError)."""
        self.path = path
        self._out = _Out(path)
        self._writer = Writer(self._out, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)  # type: ignore[arg-type]
        self._channels: dict[str, int] = {}
        self._count = 0
        try:
            self._writer.start("second-skin", f"second-skin {__version__}")
            self._writer.add_metadata(METADATA, dict(facts))
            durable.sync_folder(path.parent)
        except OSError:
            self.abandon()
            raise

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._out.size

    def is_there(self) -> bool:
        """Whether the file still has its name: one that was deleted, or whose disk was taken away, takes bytes for
        nothing."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._out.fd))
        except OSError:
            return False

    def add(self, topic: str, t_ns: int, payload: bytes) -> None:
        """One message; it is on its way to the disk with its chunk."""
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = self._writer.register_channel(topic, "msgpack", 0)
        self._count += 1
        self._writer.add_message(channel, t_ns, payload, t_ns, self._count)

    def sync(self) -> None:
        """Returns once what was written is on the disk."""
        os.fdatasync(self._out.fd)

    def close(self) -> None:
        """Ends the file with its index."""
        self._writer.finish()  # type: ignore[no-untyped-call]
        os.fsync(self._out.fd)
        self._out.close()

    def abandon(self) -> None:
        """Leaves the file as it is, without what was only begun to be written; never raises."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._out.fd, self._out.size)
        with contextlib.suppress(OSError):
            os.fsync(self._out.fd)
        self._out.close()


class Reading:
    """The messages of a file, in order, as far as they can be read.

    After the last one: complete, whether its end was found; damaged, places in it that cannot be read, but for a last
    record that was cut. facts: what was told of it when it was begun; empty where even that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.complete = False
        self.damaged = 0
        self.facts: dict[str, str] = {}
        self._path = path

    def __iter__(self) -> Iterator[Message]:
        topics: dict[int, str] = {}
        with self._path.open("rb") as file:
            for opcode, body in walk(file):
                if opcode == Opcode.CHUNK:
                    yield from self._messages(body, topics)
                elif opcode == Opcode.METADATA:
                    self._note(body)
                elif opcode == Opcode.FOOTER:
                    self.complete = True
                elif opcode == DAMAGED:
                    self.damaged += 1

    def _messages(self, body: bytes, topics: dict[int, str]) -> Iterator[Message]:
        """topics: by channel; where the chunk that told them is damaged, the message itself says what it is."""
        try:
            records: list[Any] = breakup_chunk(Chunk.read(ReadDataStream(BytesIO(body))), validate_crc=True)
        except DAMAGE:
            self.damaged += 1
            return
        for record in records:
            if hasattr(record, "topic"):
                topics[record.id] = record.topic
            elif hasattr(record, "channel_id"):
                if record.channel_id not in topics:
                    topics[record.channel_id] = _topic(record.data)
                yield Message(topics[record.channel_id], record.log_time, record.data)

    def _note(self, body: bytes) -> None:
        try:
            told = Metadata.read(ReadDataStream(BytesIO(body)))
        except DAMAGE:
            self.damaged += 1
            return
        if told.name == METADATA:
            self.facts = told.metadata


def _topic(payload: bytes) -> str:
    """Empty where it is no message of the stream."""
    try:
        return str(messages.decode(payload)["topic"])
    except ValueError:
        return ""


def being_written(path: Path) -> bool:
    """Whether a recorder has the file, or a repair."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


class _Out:
    """A file descriptor as the MCAP library writes to it: each chunk goes to the kernel whole and at once."""

    def __init__(self, path: Path) -> None:
        """The file has its name once it has the lock by which other programs see that it is being written."""
        begun = path.with_name(f".{path.name}.{os.getpid()}")
        begun.unlink(missing_ok=True)  # of a process of this number that died here
        self.fd = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            durable.rename_to_new(begun, path)
        except OSError:
            begun.unlink(missing_ok=True)
            self.close()
            raise
        self.size = 0

    def write(self, data: bytes) -> int:
        """All of it; `size` counts only what was written whole."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.fd, left) :]
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        """Where the next byte goes."""
        return self.size

    def close(self) -> None:
        """To close twice is no error."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            with contextlib.suppress(OSError):
                os.close(fd)
