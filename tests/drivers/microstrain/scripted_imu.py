"""A device that answers MIP commands from a table; written apart from the emulator, so that neither hides its slips."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from drivers.microstrain.codec import MipParser, build_packet

if TYPE_CHECKING:
    from conftest import Pty

COMMANDS = [0x0101, 0x0102, 0x0103, 0x0104, 0x0C06, 0x0C0B, 0x0C08, 0x0C0A, 0x0C11, 0x0C51, 0x0D01, 0x0D18]
DATA = [0x8004, 0x8005, 0x800A, 0x8012, 0x8203]
ACK = 0xF1


def identity(serial: str, model_number: str = "6253-4220") -> bytes:
    texts = ("3DM-GX5-25", model_number, serial, "", "8g, 300d/s")
    return struct.pack(">H", 1153) + b"".join(text.rjust(16).encode() for text in texts)


def data_packet(seconds: float, *, quaternion: bool = True) -> bytes:
    fields = [(0x04, struct.pack(">3f", 0.5, 0.25, -1.0)), (0x05, struct.pack(">3f", 0.125, -2.0, 3.0))]
    if quaternion:
        fields.append((0x0A, struct.pack(">4f", 1, 0, 0, 0)))
    return build_packet(0x80, [*fields, (0x12, struct.pack(">dHH", seconds, 0, 6))])


class ScriptedImu:
    """Runs in a thread on the device's end of a pty; `received`: every command field as (set << 8 | field, data)."""

    def __init__(self, pty: Pty) -> None:
        self.received: list[tuple[int, bytes]] = []
        self.base_rate_hz = 1000
        self.serial = "6253.12345"
        self.model_number = "6253-4220"
        self.descriptors = COMMANDS + DATA
        self.nacks: dict[int, int] = {}
        self.deaf_to: dict[int, int] = {}  # command -> how many times it goes unheard; -1: always
        self.forgets_format = False
        self.streaming = False
        self.hears: Callable[[], bool] = lambda: True
        self.on_command: Callable[[int], None] = lambda code: None
        self._format = b"\x00"
        self._seconds = 10.0
        self._pty = pty
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> ScriptedImu:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def codes(self) -> list[int]:
        return [code for code, _ in self.received]

    def _run(self) -> None:
        parser = MipParser()
        while not self._stop.is_set():
            data = self._pty.read(0.005)
            if self.streaming:
                self._seconds += 0.005
                self._pty.write(data_packet(self._seconds))
            if not data:
                time.sleep(0.0005)
            elif self.hears():
                for packet in parser.feed(data, 0):
                    for field in packet.fields:
                        self._obey(packet.descriptor_set, field.descriptor, field.data)

    def _obey(self, descriptor_set: int, descriptor: int, data: bytes) -> None:
        code = descriptor_set << 8 | descriptor
        self.received.append((code, data))
        self.on_command(code)
        if self.deaf_to.get(code, 0):
            self.deaf_to[code] -= 1
            return
        error = self.nacks.get(code, 0)
        reply = [] if error else self._answer(code, data)
        fields = [(ACK, bytes((descriptor, error))), *reply]
        # One write with data before and behind, as the driver's reads may bring them together.
        noise = data_packet(self._seconds) if self.streaming else b""
        self._pty.write(noise + build_packet(descriptor_set, fields) + noise)

    def _answer(self, code: int, data: bytes) -> list[tuple[int, bytes]]:
        if code == 0x0102:
            self.streaming = False
        elif code == 0x0103:
            return [(0x81, identity(self.serial, self.model_number))]
        elif code == 0x0104:
            return [(0x82, b"".join(struct.pack(">H", descriptor) for descriptor in self.descriptors))]
        elif code == 0x0107:
            return [(0x86, struct.pack(">H", 0x8012))]
        elif code == 0x0C06:
            return [(0x83, struct.pack(">H", self.base_rate_hz))]
        elif code == 0x0C0B:
            return [(0x8A, struct.pack(">H", 500))]
        elif code == 0x0C08 and data[0] == 1:
            self._format = b"\x00" if self.forgets_format else data[1:]
        elif code == 0x0C08 and data[0] == 2:
            return [(0x80, self._format)]
        elif code == 0x0C11 and data == b"\x01\x01\x01":
            self.streaming = True
        return []
