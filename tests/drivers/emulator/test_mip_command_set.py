from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from emulated import SECOND, START_NS, ask, packets_of, run

from drivers.emulator.clock import DeviceClock
from drivers.emulator.microstrain import EmulatedImu
from drivers.emulator.motion import at_rest
from drivers.emulator.transport import make_transport
from drivers.microstrain.codec import MipField, build_packet

BASE, SETTINGS, FILTER = 0x01, 0x0C, 0x0D
WRITE, READ, SAVE, LOAD, DEFAULT, WRITE_SILENTLY = (bytes([n]) for n in range(1, 7))
FORMAT_200_HZ = bytes.fromhex("04040005050005120005 0a0005".replace(" ", ""))


def ack(command: int, error: int = 0) -> MipField:
    return MipField(0xF1, bytes([command, error]))


@pytest.fixture
def imu() -> EmulatedImu:
    """A device that is idle."""
    device = EmulatedImu(at_rest, DeviceClock(START_NS - 100 * SECOND), make_transport("none", 0))
    assert ask(device, BASE, (0x02, b"")) == [ack(0x02)]
    return device


@pytest.mark.parametrize("command", [0x01, 0x02])
def test_plain_commands_are_acknowledged(imu: EmulatedImu, command: int) -> None:
    assert ask(imu, BASE, (command, b"")) == [ack(command)]


def test_device_info_has_five_texts_of_sixteen(imu: EmulatedImu) -> None:
    first, info = ask(imu, BASE, (0x03, b""))
    assert first == ack(0x03)
    assert info.descriptor == 0x81
    firmware, *texts = struct.unpack(">H16s16s16s16s16s", info.data)
    assert firmware == 1153
    assert [text.decode().strip() for text in texts] == [
        "3DM-GX5-25", "6253-4220", "6253.104956", "", "20g, 900d/s",
    ]  # fmt: skip


def test_every_listed_command_is_answered_and_nothing_else_is(imu: EmulatedImu) -> None:
    _, listing = ask(imu, BASE, (0x04, b""))
    listed = {tuple(listing.data[i : i + 2]) for i in range(0, len(listing.data), 2)}
    assert {
        (0x80, 0x04),
        (0x80, 0x05),
        (0x80, 0x0A),
        (0x80, 0x12),
        (SETTINGS, 0x08),
        (FILTER, 0x18),
    } <= listed
    for descriptor_set in (BASE, SETTINGS, FILTER):
        for command in set(range(1, 128)) - {0x7E}:
            (answer, *_) = ask(imu, descriptor_set, (command, b""), at_ns=START_NS + SECOND * command)
            known = (descriptor_set, command) in listed
            assert (answer.data[0], answer.data[1] == 1) == (command, not known)
            ask(imu, BASE, (0x02, b""), at_ns=START_NS + SECOND * command + SECOND // 2)


def test_base_rates(imu: EmulatedImu) -> None:
    assert ask(imu, SETTINGS, (0x06, b"")) == [ack(0x06), MipField(0x83, b"\x03\xe8")]
    assert ask(imu, SETTINGS, (0x0B, b"")) == [ack(0x0B), MipField(0x8A, b"\x01\xf4")]


def test_several_commands_in_one_packet_get_one_reply_with_their_fields_in_order(imu: EmulatedImu) -> None:
    fields = ask(imu, BASE, (0x01, b""), (0x05, b""), (0x33, b""))
    assert fields == [ack(0x01), ack(0x05), MipField(0x83, bytes(4)), ack(0x33, 1)]


SETTING_CASES = [
    (SETTINGS, 0x08, b"", FORMAT_200_HZ, 0x80),
    (SETTINGS, 0x0A, b"", bytes.fromhex("0211000510 0005".replace(" ", "")), 0x82),
    (SETTINGS, 0x11, b"\x01", b"\x00", 0x85),
    (SETTINGS, 0x11, b"\x03", b"\x01", 0x85),
    (SETTINGS, 0x40, b"", struct.pack(">I", 921_600), 0x87),
    (SETTINGS, 0x51, b"", struct.pack(">BBff", 1, 0, 10.0, 10.0), 0x97),
    (FILTER, 0x18, b"", b"\x00", 0x87),
    (FILTER, 0x19, b"", b"\x00", 0x88),
    (FILTER, 0x21, b"", b"\x07", 0xA1),
]


@pytest.mark.parametrize(("descriptor_set", "command", "key", "value", "reply"), SETTING_CASES)
def test_settings_are_written_read_saved_loaded_and_reset(
    imu: EmulatedImu, descriptor_set: int, command: int, key: bytes, value: bytes, reply: int
) -> None:
    def send(selector: bytes, rest: bytes = b"") -> list[MipField]:
        send.at_ns += SECOND
        fields = ask(imu, descriptor_set, (command, selector + key + rest), at_ns=send.at_ns)
        ask(imu, BASE, (0x02, b""), at_ns=send.at_ns + SECOND // 2)
        return fields

    send.at_ns = START_NS

    def read() -> bytes:
        first, second = send(READ)
        assert (first, second.descriptor) == (ack(command), reply)
        return second.data[len(key) :]

    ex_factory = read()
    assert send(WRITE, value) == [ack(command)]
    assert read() == value
    imu.restart(send.at_ns)
    send.at_ns += SECOND
    ask(imu, BASE, (0x02, b""), at_ns=send.at_ns)
    assert read() == ex_factory
    assert send(WRITE_SILENTLY, value) == []
    assert send(SAVE) == [ack(command)]
    assert send(DEFAULT) == [ack(command)]
    assert read() == ex_factory
    assert send(LOAD) == [ack(command)]
    assert read() == value


@pytest.mark.parametrize(
    ("descriptor_set", "command", "data"),
    [
        (SETTINGS, 0x08, b""),
        (SETTINGS, 0x08, b"\x09\x00"),
        (SETTINGS, 0x08, bytes.fromhex("0102040005")),
        (SETTINGS, 0x08, bytes.fromhex("0101040000")),
        (SETTINGS, 0x08, bytes.fromhex("01017f0005")),
        (SETTINGS, 0x11, b"\x01\x02\x01"),
        (SETTINGS, 0x11, b"\x01\x01\x02"),
        (SETTINGS, 0x30, b"\x01"),
        (SETTINGS, 0x39, b"\x00\x64"),
        (SETTINGS, 0x40, b"\x01\x00\x00\x25\x80"),
        (SETTINGS, 0x51, b"\x01\x01\x00\x00\x00\x00\x00\x41\x20\x00\x00"),
        (SETTINGS, 0x64, b"\x18\x6e\x01"),
        (FILTER, 0x18, b"\x01\x02"),
    ],
)
def test_bad_parameters_are_refused(imu: EmulatedImu, descriptor_set: int, command: int, data: bytes) -> None:
    assert ask(imu, descriptor_set, (command, data)) == [ack(command, 3)]


def test_start_up_settings_are_saved_all_at_once(imu: EmulatedImu) -> None:
    ask(imu, SETTINGS, (0x08, WRITE + FORMAT_200_HZ))
    ask(imu, FILTER, (0x18, WRITE + b"\x00"))
    assert ask(imu, SETTINGS, (0x30, SAVE)) == [ack(0x30)]
    imu.restart(START_NS)
    packets = packets_of(run(imu, START_NS, START_NS + SECOND))
    assert [field.descriptor for field in packets[0].fields] == [0x04, 0x05, 0x12, 0x0A]


def test_device_status_has_thirteen_bytes_and_the_time_since_power_up(imu: EmulatedImu) -> None:
    first, status = ask(imu, SETTINGS, (0x64, b"\x18\x6d\x01"))
    assert (first, status.descriptor, len(status.data)) == (ack(0x64), 0x90, 13)
    assert struct.unpack(">HBIHI", status.data) == (6253, 1, 0, 0, 100_000)


def test_the_gyro_bias_comes_when_its_sampling_is_over(imu: EmulatedImu) -> None:
    imu.feed(build_packet(SETTINGS, [(0x39, b"\x07\xd0")]), START_NS)
    ((at_ns, data),) = run(imu, START_NS, START_NS + 5 * SECOND)
    assert 2 * SECOND <= at_ns - START_NS < 2.1 * SECOND
    assert packets_of([(at_ns, data)])[0].fields == (ack(0x39), MipField(0x9B, bytes(12)))


def test_no_tare_without_attitude(imu: EmulatedImu) -> None:
    imu.commands.attitude_valid = False
    assert ask(imu, FILTER, (0x21, WRITE + b"\x07")) == [ack(0x21, 4)]


def test_corrupt_packets_are_overlooked(imu: EmulatedImu) -> None:
    packet = build_packet(BASE, [(0x01, b"")])
    imu.feed(packet[:-1] + b"\x00", START_NS)
    assert run(imu, START_NS, START_NS + SECOND) == []
    assert ask(imu, BASE, (0x01, b"")) == [ack(0x01)]


def test_after_a_new_baud_rate_the_device_is_deaf_for_a_quarter_of_a_second(imu: EmulatedImu) -> None:
    imu.feed(build_packet(SETTINGS, [(0x40, WRITE + struct.pack(">I", 230_400))]), START_NS)
    assert packets_of(run(imu, START_NS, START_NS + SECOND // 10))[0].fields == (ack(0x40),)
    assert ask(imu, BASE, (0x01, b""), at_ns=START_NS + SECOND // 10) == []
    assert ask(imu, BASE, (0x01, b""), at_ns=START_NS + SECOND) == [ack(0x01)]


def test_the_vendors_own_bytes_are_understood(imu: EmulatedImu, shared: Path) -> None:
    """What MSCL sent and the manuals print, as captured in the shared vectors."""
    foreign = (
        "adaptive_mag",
        "ext_desc",
        "gnss",
        "hard_iron",
        "accel_bias",
        "initial",
        "sensor2vehicle",
        "test",
    )
    vectors = json.loads((shared / "protocol" / "mip_vectors.json").read_text())
    asked = 0
    for vector in vectors:
        name = vector["name"]
        if not vector["valid"] or not name.startswith(("mscl_", "man_")) or "ack" in name or "reply" in name:
            continue
        if any(word in name for word in foreign):
            continue
        asked += 1
        at_ns = START_NS + 10 * SECOND * asked
        ask(imu, BASE, (0x02, b""), at_ns=at_ns)
        imu.feed(bytes.fromhex(vector["hex"]), at_ns + SECOND)
        replies = [
            p for p in packets_of(run(imu, at_ns + SECOND, at_ns + 5 * SECOND)) if p.descriptor_set < 0x80
        ]
        assert replies[0].fields[0].data[1] == (0 if "ext" not in name else 1), name
    assert asked >= 12
