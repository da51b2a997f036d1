"""An emulated insole on the open insole link: INFO, SAMPLEs with a pressure map, COMMANDs answered."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from drivers.emulator.clock import DeviceClock
from drivers.emulator.insole_stream import SampleEncoder
from drivers.emulator.motion import FootLoad, InsoleContent, Motion, Nanoseconds, SensorNoise
from drivers.emulator.outbox import Outbox
from drivers.emulator.pressure_map import COLUMNS, RIGHT, ROWS
from drivers.emulator.transport import Transport
from drivers.samples import FLAG_SIMULATED, FLAG_ZEROED
from drivers.xsensor import codec

BLOCK_S = 0.05
LOOK_AHEAD = 4
REPLY_NS = 3_000_000
BOOT_NS = 350_000_000
INFO_EVERY_NS = 1_000_000_000


@dataclass
class InsoleIdentity:
    """What the insole says about itself; texts at most 16 characters."""

    side: int = RIGHT
    model: str = "EMULATED-X4"
    serial: str = "X4-R-0001"
    pitch_um: int = 8609


class EmulatedInsole:
    """An insole that is powered up; streams from the first moment unless told otherwise.

    rate_hz: its sample rate and the highest it can be set to. stamp_us: the step of its time stamps (a real
    X4 has milliseconds). maps: whether samples carry pressures, or force and centre only. Not thread-safe.
    """

    def __init__(
        self,
        content: InsoleContent,
        clock: DeviceClock,
        transport: Transport,
        *,
        identity: InsoleIdentity | None = None,
        rate_hz: float = 80.0,
        stamp_us: int = 1,
        noise: SensorNoise | None = None,
        streaming: bool = True,
        maps: bool = True,
    ) -> None:
        self.clock = clock
        self.identity = identity or InsoleIdentity()
        self.rate_hz = rate_hz
        self.max_rate_hz = rate_hz
        self.streaming = streaming
        self.samples = SampleEncoder(self.identity.side, self.identity.pitch_um, maps=maps)
        self._streams_at_start = streaming
        self._content = content
        self._transport = transport
        self._stamp_us = stamp_us
        self._noise = noise
        self._zeroed = False
        self._sequence = 0
        self._next_sample: int | None = None
        self._parser = codec.InsoleParser()
        self._replies = Outbox()
        self._queue = Outbox()
        self._next_info_ns = 0
        self._boot_until_ns = 0
        self._held: FootLoad | None = None

    @property
    def serial(self) -> str:
        """As the device tells it."""
        return self.identity.serial

    @serial.setter
    def serial(self, text: str) -> None:
        self.identity.serial = text

    def feed(self, data: bytes, now_ns: int) -> None:
        """The host's bytes; corrupt frames are overlooked."""
        if now_ns < self._boot_until_ns:
            return
        for frame in self._parser.feed(data, now_ns):
            if frame.type == codec.COMMAND and frame.side == self.identity.side:
                self._obey(codec.decode_command(frame.body), now_ns)

    def next_ns(self) -> int:
        """When bytes leave the device next, if nothing is fed before."""
        soonest = min(max(self._next_info_ns, self._boot_until_ns), self._replies.next_ns)
        if self.streaming:
            soonest = min(soonest, self._queue.next_ns if len(self._queue) else self._boot_until_ns)
        return soonest

    def due(self, now_ns: int) -> list[bytes]:
        """What has left the device by `now_ns`, in order."""
        if now_ns < self._boot_until_ns:
            return []
        sent = []
        if now_ns >= self._next_info_ns:
            self._next_info_ns = now_ns + INFO_EVERY_NS
            sent.append(self._info(now_ns))
        sent += self._replies.take(now_ns)
        if self.streaming:
            if len(self._queue) < LOOK_AHEAD:
                self._fill(now_ns)
            sent += self._queue.take(now_ns)
        return sent

    def restart(self, now_ns: int) -> None:
        """Power off and on: clock and sequence count from zero, the rate is the default again."""
        self.clock = self.clock.restarted(now_ns)
        self.rate_hz = self.max_rate_hz
        self.streaming = self._streams_at_start
        self._zeroed = False
        self._restream()
        self._sequence = 0
        self._parser = codec.InsoleParser()
        self._replies.clear()
        self._next_info_ns = 0
        self._boot_until_ns = now_ns + BOOT_NS

    def feel(self, content: InsoleContent) -> None:
        """It feels `content` from now on."""
        self._content = content
        self._restream()

    def hold(self, now_ns: int) -> None:
        """Stuck: repeat one reading from now on."""
        self._held = self._feel(np.asarray([now_ns], np.int64))
        self._restream()

    def release(self) -> None:
        """No longer stuck."""
        self._held = None
        self._restream()

    def _restream(self) -> None:
        self._sequence -= len(self._queue)
        self._queue.clear()
        self._next_sample = None

    def _obey(self, command: codec.Command, now_ns: int) -> None:
        status = self._execute(command)
        body = codec.encode_reply(codec.Reply(command.op, command.tag, status))
        self._replies.put([(now_ns + REPLY_NS, self._frame(codec.REPLY, body, self._now_us(now_ns)))])
        if command.op == codec.OP_IDENTIFY and status == codec.STATUS_OK:
            self._replies.put([(now_ns + REPLY_NS, self._info(now_ns))])

    def _execute(self, command: codec.Command) -> int:
        if command.op in (codec.OP_IDENTIFY, codec.OP_ZERO, codec.OP_START, codec.OP_STOP):
            if command.arguments:
                return codec.STATUS_BAD_ARGUMENT
            self._zeroed |= command.op == codec.OP_ZERO
            if command.op in (codec.OP_START, codec.OP_STOP):
                self.streaming = command.op == codec.OP_START
                self._restream()
            return codec.STATUS_OK
        return self._set_rate(command.arguments) if command.op == codec.OP_SET_RATE else codec.STATUS_UNKNOWN

    def _set_rate(self, arguments: bytes) -> int:
        if len(arguments) != 2:
            return codec.STATUS_BAD_ARGUMENT
        rate_hz = struct.unpack("<H", arguments)[0] / codec.RATE_PER_HZ
        if not 1.0 <= rate_hz <= self.max_rate_hz:
            return codec.STATUS_BAD_ARGUMENT
        self.rate_hz = rate_hz
        self._restream()
        return codec.STATUS_OK

    def _fill(self, now_ns: int) -> None:
        """Compute the next block of samples, with the times at which they reach the host."""
        first = self._next_sample
        if first is None:
            first = math.ceil(self.clock.device_s(now_ns) * self.rate_hz)
        self._next_sample = first + max(1, round(BLOCK_S * self.rate_hz))
        device_s = np.arange(first, self._next_sample) / self.rate_hz
        host_ns = self.clock.host_ns(device_s)
        bodies = self.samples.encode(self._feel(host_ns))
        stamps = (np.floor(device_s * 1e6 / self._stamp_us) * self._stamp_us).astype(np.int64).tolist()
        frames = [
            self._frame(codec.SAMPLE, body, stamp, flags=flags, sequence=self._sequence + i)
            for i, ((flags, body), stamp) in enumerate(zip(bodies, stamps, strict=True))
        ]
        self._sequence += len(frames)
        arrivals = self._transport.arrivals(host_ns, max(map(len, frames)))
        self._queue.put(zip(arrivals.tolist(), frames, strict=True))

    def _feel(self, host_ns: Nanoseconds) -> FootLoad:
        if self._held is not None:
            return _repeat(self._held, len(host_ns))
        load = self._content(host_ns)
        if load.imu is None or self._noise is None:
            return load
        return load._replace(imu=self._noise.add(load.imu, self.rate_hz))

    def _info(self, now_ns: int) -> bytes:
        me = self.identity
        rate = round(self.rate_hz * codec.RATE_PER_HZ)
        info = codec.Info(me.model, me.serial, ROWS, COLUMNS, me.pitch_um, rate, self.samples.map.grid.mask)
        return self._frame(codec.INFO, codec.encode_info(info), self._now_us(now_ns))

    def _now_us(self, now_ns: int) -> int:
        return int(self.clock.device_s(now_ns) * 1e6)

    def _frame(self, kind: int, body: bytes, device_us: int, *, flags: int = 0, sequence: int = 0) -> bytes:
        flags |= FLAG_SIMULATED | (FLAG_ZEROED if self._zeroed else 0)
        return codec.build_frame(
            kind, self.identity.side, body, flags=flags, sequence=sequence & 0xFFFFFFFF, device_us=device_us
        )


def _repeat(load: FootLoad, n: int) -> FootLoad:
    imu = None if load.imu is None else Motion(*(np.repeat(values, n, axis=0) for values in load.imu))
    return FootLoad(
        np.repeat(load.force_n, n),
        np.repeat(load.cop_ap_m, n),
        np.repeat(load.cop_ml_m, n),
        np.repeat(load.cop_known, n),
        imu,
    )
