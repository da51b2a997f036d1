"""For tests of emulated devices: a device run on a clock of the test's own, its packets with their times."""

from __future__ import annotations

from drivers.emulator.bench import Device
from drivers.emulator.microstrain import EmulatedImu
from drivers.microstrain.codec import MipField, MipPacket, MipParser, build_packet

START_NS = 1_000_000_000_000
SECOND = 1_000_000_000


def run(device: Device, start_ns: int, end_ns: int) -> list[tuple[int, bytes]]:
    """Everything that leaves the device from `start_ns` to before `end_ns`, with the time at which it does."""
    sent = []
    now_ns = start_ns
    while now_ns < end_ns:
        sent += [(now_ns, data) for data in device.due(now_ns)]
        now_ns = max(now_ns + 1, device.next_ns())
    return sent


def ask(
    imu: EmulatedImu, descriptor_set: int, *fields: tuple[int, bytes], at_ns: int = START_NS
) -> list[MipField]:
    """The fields of the replies that come within half a second of one packet of commands."""
    imu.feed(build_packet(descriptor_set, fields), at_ns)
    packets = packets_of(run(imu, at_ns, at_ns + SECOND // 2))
    return [field for packet in packets if packet.descriptor_set == descriptor_set for field in packet.fields]


def packets_of(sent: list[tuple[int, bytes]]) -> list[MipPacket]:
    """MIP packets of the real parser, which must have found nothing wrong; receive_ns is the time of sending."""
    parser = MipParser()
    packets = [packet for at_ns, data in sent for packet in parser.feed(data, at_ns)]
    assert (parser.bad_checksums, parser.bad_lengths, parser.discarded_bytes) == (0, 0, 0)
    return packets
