"""Commands byte for byte as the vendor's client sends them, and replies as devices send them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from drivers.microstrain import commands
from drivers.microstrain.codec import MipPacket, MipParser, build_packet
from drivers.microstrain.commands import Command, find_reply
from drivers.microstrain.fields import ACCEL, GYRO, QUATERNION, TIME


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, bytes]:
    vectors = json.loads((shared / "protocol" / "mip_vectors.json").read_text())
    return {vector["name"]: bytes.fromhex(vector["hex"]) for vector in vectors}


def packet(data: bytes) -> MipPacket:
    (found,) = MipParser().feed(data, 0)
    return found


SENT_BY_OTHERS = {
    "mscl_set_idle": commands.SET_TO_IDLE,
    "man_get_imu_base_rate": commands.GET_IMU_BASE_RATE,
    "mscl_get_filter_base_rate": commands.GET_FILTER_BASE_RATE,
    "man_get_ext_descriptors": commands.GET_EXTENDED_DESCRIPTORS,
    "mscl_write_imu_format_4_5_12_0a_dec5": commands.write_imu_format((ACCEL, GYRO, TIME, QUATERNION), 5),
    "mscl_heading_none": commands.heading_source(commands.NO_HEADING),
    "man_imu_stream_on": commands.enable_stream(commands.IMU_STREAM, True),
    "man_imu_stream_off": commands.enable_stream(commands.IMU_STREAM, False),
    "man_uart_115200": commands.uart_baud(115200),
    "mscl_uart_921600": commands.uart_baud(921600),
}


@pytest.mark.parametrize("name", list(SENT_BY_OTHERS))
def test_the_bytes_are_those_of_the_vendor_s_client_or_manual(golden: dict[str, bytes], name: str) -> None:
    command = SENT_BY_OTHERS[name]
    assert build_packet(command.descriptor_set, [(command.descriptor, command.data)]) == golden[name]


def test_the_complementary_filter_command_as_the_protocol_page_lays_it_out() -> None:
    command = commands.complementary_filter(up=True, north=False)
    assert (command.code, command.data) == (0x0C51, struct.pack(">BBBff", 1, 1, 0, 10.0, 10.0))


def test_replies_are_matched_with_their_data(golden: dict[str, bytes]) -> None:
    assert find_reply(commands.SET_TO_IDLE, packet(golden["ack_idle"])) == (0, b"")
    assert find_reply(commands.GET_IMU_BASE_RATE, packet(golden["reply_imu_base_rate_500"])) == (
        0,
        b"\x01\xf4",
    )
    assert find_reply(commands.GET_FILTER_BASE_RATE, packet(golden["reply_filter_base_rate_500"])) == (
        0,
        b"\x01\xf4",
    )
    code, info = find_reply(commands.GET_DEVICE_INFO, packet(golden["reply_device_info_gx5_25_style"])) or (
        9,
        b"",
    )
    assert (code, len(info)) == (0, 82)


def test_several_acknowledgements_in_one_packet(golden: dict[str, bytes]) -> None:
    both = packet(golden["reply_two_acks_in_one"])
    assert find_reply(commands.write_imu_format((ACCEL,), 5), both) == (0, b"")
    assert find_reply(commands.enable_stream(1, True), both) == (0, b"")
    assert find_reply(commands.GET_IMU_BASE_RATE, both) is None


def test_data_belongs_to_the_acknowledgement_before_it() -> None:
    reply = packet(
        build_packet(
            0x0C,
            [
                (0xF1, b"\x08\x00"),
                (0xF1, b"\x06\x00"),
                (0x83, b"\x03\xe8"),
                (0xF1, b"\x0b\x03"),
                (0x8A, b"\0\0"),
            ],
        )
    )
    assert find_reply(commands.GET_IMU_BASE_RATE, reply) == (0, b"\x03\xe8")
    assert find_reply(commands.GET_FILTER_BASE_RATE, reply) == (3, b"")
    assert find_reply(commands.write_imu_format((ACCEL,), 5), reply) == (0, b"")


@pytest.mark.parametrize(
    ("name", "command", "error"),
    [
        ("nack_bad_checksum", commands.READ_IMU_FORMAT, 2),
        ("nack_invalid_param", commands.READ_IMU_FORMAT, 3),
        ("nack_failed_tare_no_attitude", Command("tare", 0x0D, 0x21), 4),
        ("nack_timeout", Command("capture gyro bias", 0x0C, 0x39, reply=0x9B), 5),
    ],
)
def test_refusals_carry_their_code(golden: dict[str, bytes], name: str, command: Command, error: int) -> None:
    assert find_reply(command, packet(golden[name])) == (error, b"")


def test_what_is_no_reply_to_this_command() -> None:
    accel = (ACCEL, bytes(12))
    read = commands.READ_IMU_FORMAT
    for other in (
        build_packet(0x80, [accel]),
        build_packet(
            0x0D, [(0xF1, b"\x08\x00"), (0x80, b"\x00")]
        ),  # another set's command of the same number
        build_packet(0x0C, [(0xF1, b"\x06\x00"), (0x83, b"\x03\xe8")]),
        build_packet(0x0C, [(0xF1, b"\x08\x00")]),  # a late ACK of a write: the read's data is missing
        build_packet(0x0C, [(0xF1, b"\x08")]),
        build_packet(0x0C, []),
    ):
        assert find_reply(read, packet(other)) is None
