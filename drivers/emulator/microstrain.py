"""An emulated 3DM-GX5-25: MIP commands in, replies and data packets out, on its own clock."""

from __future__ import annotations

import math

import numpy as np

from drivers.emulator.clock import DeviceClock
from drivers.emulator.mip_commands import (
    BAUD_CHANGE_S,
    FILTER_FORMAT,
    FILTER_STREAM,
    IMU_FORMAT,
    IMU_STREAM,
    STREAM_ENABLE,
    CommandSet,
    ImuIdentity,
    Setting,
    decode_format,
)
from drivers.emulator.mip_stream import FILTER_DATA, IMU_DATA, Readings, data_packets
from drivers.emulator.motion import ImuContent, Motion, Nanoseconds, SensorNoise
from drivers.emulator.outbox import Outbox
from drivers.emulator.transport import Transport
from drivers.microstrain.codec import MipField, MipPacket, MipParser, build_packet
from drivers.microstrain.imu import full_scale

Pairs = tuple[tuple[int, int], ...]  # of a message format: descriptor, decimation

BLOCK_S = 0.25
LOOK_AHEAD = 20  # packets; more than one answer of a slow USB bridge holds
REPLY_NS = 3_000_000
BOOT_NS = 350_000_000


class EmulatedImu:
    """A device that is powered up and streams with its saved format from the first moment.

    content: what it feels. idle_misses: how many set-to-idle commands it overlooks while it streams. Not
    thread-safe: all calls from one thread.
    """

    def __init__(
        self,
        content: ImuContent,
        clock: DeviceClock,
        transport: Transport,
        *,
        identity: ImuIdentity | None = None,
        base_rate_hz: int = 1000,
        filter_rate_hz: int = 500,
        noise: SensorNoise | None = None,
        idle_misses: int = 0,
    ) -> None:
        self.clock = clock
        self.commands = CommandSet(identity or ImuIdentity(), base_rate_hz, filter_rate_hz)
        self.idle_misses = idle_misses
        self._full_scale = full_scale(self.commands.identity.options)
        self._content = content
        self._noise = noise
        self._transport = transport
        self._parser = MipParser()
        self._replies = Outbox()
        self._streams = [
            _DataStream(IMU_DATA, IMU_STREAM, IMU_FORMAT, base_rate_hz),
            _DataStream(FILTER_DATA, FILTER_STREAM, FILTER_FORMAT, filter_rate_hz),
        ]
        self._idle = False
        self._deaf_until_ns = 0
        self._held: Motion | None = None
        self._active: list[_DataStream] = []
        self._restream()

    @property
    def serial(self) -> str:
        """As the device tells it."""
        return self.commands.identity.serial

    @serial.setter
    def serial(self, text: str) -> None:
        self.commands.identity.serial = text

    @property
    def streaming(self) -> bool:
        """Whether data packets leave the device."""
        return bool(self._active)

    def feed(self, data: bytes, now_ns: int) -> None:
        """The host's bytes; corrupt packets are overlooked, as a device does."""
        if now_ns < self._deaf_until_ns:
            return
        for packet in self._parser.feed(data, now_ns):
            self._obey(packet, now_ns)

    def next_ns(self) -> int:
        """When bytes leave the device next, if nothing is fed before."""
        soonest = self._replies.next_ns
        for stream in self._active:
            soonest = min(soonest, stream.queue.next_ns if len(stream.queue) else self._deaf_until_ns)
        return soonest

    def due(self, now_ns: int) -> list[bytes]:
        """What has left the device by `now_ns`, in order."""
        if now_ns < self._deaf_until_ns:
            return self._replies.take(now_ns)
        sent = self._replies.take(now_ns)
        for stream in self._active:
            if len(stream.queue) < LOOK_AHEAD:
                self._fill(stream, now_ns)
            sent += stream.queue.take(now_ns)
        return sent

    def restart(self, now_ns: int) -> None:
        """Power off and on: the clock counts from zero, unsaved settings are gone, the device boots and streams."""
        self.clock = self.clock.restarted(now_ns)
        self.commands.power_up()
        self._parser = MipParser()
        self._replies.clear()
        self._idle = False
        self._deaf_until_ns = now_ns + BOOT_NS
        self._restream()

    def feel(self, content: ImuContent) -> None:
        """It feels `content` from now on."""
        self._content = content
        self._restream()

    def hold(self, now_ns: int) -> None:
        """Stuck: repeat one reading from now on, to the last bit."""
        self._held = self._feel(np.asarray([now_ns], np.int64), 200.0)
        self._restream()

    def release(self) -> None:
        """No longer stuck."""
        self._held = None
        self._restream()

    def _obey(self, packet: MipPacket, now_ns: int) -> None:
        self.commands.uptime_ms = int(self.clock.device_s(now_ns) * 1000)
        reply: list[MipField] = []
        seconds = 0.0
        for field in packet.fields:
            if self._overlooks(packet.descriptor_set, field):
                continue
            answer = self.commands.answer(packet.descriptor_set, field)
            reply += answer.fields
            seconds += answer.seconds
            self._then(answer.then, now_ns)
        if reply:
            sent_ns = now_ns + REPLY_NS + round(seconds * 1e9)
            self._replies.put([(sent_ns, build_packet(packet.descriptor_set, reply))])

    def _overlooks(self, descriptor_set: int, field: MipField) -> bool:
        if (descriptor_set, field.descriptor) == (0x01, 0x02) and self.streaming and self.idle_misses > 0:
            self.idle_misses -= 1
            return True
        return False

    def _then(self, what: str, now_ns: int) -> None:
        if what == "idle":
            self._idle = True
        elif what == "resume":
            self._idle = False
        elif what == "mute":
            self._deaf_until_ns = now_ns + REPLY_NS + round(BAUD_CHANGE_S * 1e9)
        elif what == "restart":
            self.restart(now_ns)
        if what:
            self._restream()

    def _restream(self) -> None:
        """Samples that were computed ahead are void: what streams, the clock or the content has changed."""
        for stream in self._streams:
            stream.clear()
        self._active = [stream for stream in self._streams if not self._idle and self._streams_now(stream)]

    def _streams_now(self, stream: _DataStream) -> bool:
        enabled = self.commands.value(STREAM_ENABLE, bytes([stream.number])) == b"\x01"
        return enabled and len(decode_format(self.commands.value(stream.format))) > 0

    def _fill(self, stream: _DataStream, now_ns: int) -> None:
        """Compute the next block of packets, with the times at which they reach the host."""
        pairs = decode_format(self.commands.value(stream.format))
        ticks = stream.take_ticks(pairs, self.clock.device_s(now_ns))
        if not len(ticks):
            return
        device_s = ticks / stream.base_rate_hz
        host_ns = self.clock.host_ns(device_s)
        motion = self._feel(host_ns, stream.base_rate_hz / min(n for _, n in pairs))
        packets = _packets(stream.descriptor_set, pairs, ticks, Readings(motion, device_s))
        arrivals = self._transport.arrivals(host_ns, max(map(len, packets)))
        stream.queue.put(zip(arrivals.tolist(), packets, strict=True))

    def _feel(self, host_ns: Nanoseconds, rate_hz: float) -> Motion:
        if self._held is not None:
            return Motion(*(np.repeat(values, len(host_ns), axis=0) for values in self._held))
        motion = self._content(host_ns)
        if self._noise is not None:
            motion = self._noise.add(motion, rate_hz)
        accel, gyro = (np.clip(v, -end, end) for v, end in zip(motion, self._full_scale, strict=False))
        return motion._replace(accel=accel, gyro=gyro)


class _DataStream:
    """One data set's packets: when the next are due, and those computed ahead with their arrival times."""

    def __init__(self, descriptor_set: int, number: int, message_format: Setting, base_rate_hz: int) -> None:
        self.descriptor_set = descriptor_set
        self.number = number
        self.format = message_format
        self.base_rate_hz = base_rate_hz
        self.queue = Outbox()
        self._next_tick: int | None = None

    def clear(self) -> None:
        """Forget what was computed ahead, and start again at the device's present time."""
        self.queue.clear()
        self._next_tick = None

    def take_ticks(self, pairs: Pairs, device_s: float) -> Nanoseconds:
        """The next block of the base rate's ticks at which one of `pairs` is due."""
        first = self._next_tick
        if first is None:
            first = math.ceil(device_s * self.base_rate_hz)
        self._next_tick = first + max(round(BLOCK_S * self.base_rate_hz), *(n for _, n in pairs))
        ticks = np.arange(first, self._next_tick)
        return ticks[np.any([ticks % n == 0 for _, n in pairs], axis=0)]


def _packets(descriptor_set: int, pairs: Pairs, ticks: Nanoseconds, readings: Readings) -> list[bytes]:
    """One packet for each tick, with the fields whose decimation divides it."""
    if len({n for _, n in pairs}) == 1:
        return data_packets(descriptor_set, [descriptor for descriptor, _ in pairs], readings)
    return [
        data_packets(
            descriptor_set, [descriptor for descriptor, n in pairs if tick % n == 0], _one(readings, i)
        )[0]
        for i, tick in enumerate(ticks.tolist())
    ]


def _one(readings: Readings, i: int) -> Readings:
    row = slice(i, i + 1)
    return Readings(Motion(*(values[row] for values in readings.motion)), readings.device_s[row])
