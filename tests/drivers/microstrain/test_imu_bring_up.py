"""Bring-up of an IMU against a scripted device: order of commands, refusals, losses, wrong devices."""

from __future__ import annotations

import itertools
import struct
import termios
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from scripted_imu import ScriptedImu

from drivers.errors import CommandRejected, PortLost, ReplyTimeout, UnsupportedDevice, WrongDevice
from drivers.microstrain.fields import ACCEL, GYRO, QUATERNION, TIME
from drivers.microstrain.imu import Imu, bring_up
from drivers.samples import ImuSample
from drivers.serial_port import SerialPort

if TYPE_CHECKING:
    from conftest import Pty


@pytest.fixture
def device(pty: Pty) -> Iterator[ScriptedImu]:
    with ScriptedImu(pty) as scripted:
        yield scripted


@pytest.fixture
def port(pty: Pty) -> Iterator[SerialPort]:
    opened = SerialPort(pty.name)
    yield opened
    opened.close()


def start(port: SerialPort, serial: str | None = None) -> Imu:
    return bring_up(port, serial=serial, log=lambda line: None)


def collect(imu: Imu, n: int) -> list[ImuSample]:
    samples: list[ImuSample] = []
    while len(samples) < n and imu.port.wait(2.0):
        samples += imu.feed(*imu.port.read())
    return samples


def test_commands_go_out_in_this_order(device: ScriptedImu, port: SerialPort) -> None:
    lines: list[str] = []
    imu = bring_up(port, serial="6253.12345", log=lines.append)
    channels = b"".join(struct.pack(">BH", channel, 5) for channel in (ACCEL, GYRO, QUATERNION, TIME))
    assert device.received == [
        (0x0102, b""),
        (0x0103, b""),
        (0x0104, b""),
        (0x0C06, b""),
        (0x0C0B, b""),
        (0x0D18, b"\x01\x00"),
        (0x0C51, struct.pack(">BBBff", 1, 1, 0, 10, 10)),
        (0x0D01, b""),
        (0x0C08, b"\x01\x04" + channels),
        (0x0C08, b"\x02\x00"),
        (0x0C11, b"\x01\x03\x00"),
        (0x0C11, b"\x01\x01\x01"),
    ]
    assert (imu.info.serial, imu.info.model_name, imu.info.firmware) == ("6253.12345", "3DM-GX5-25", 1153)
    assert (imu.base_rate_hz, imu.rate_hz) == (1000, 200.0)
    assert (imu.has_quaternion, imu.notes) == (True, ())
    assert len(lines) == 1
    assert port.path in lines[0]
    assert "base rate 1000 Hz, of the filter 500 Hz" in lines[0]


def test_samples_follow_in_si_and_only_from_after_the_start(device: ScriptedImu, port: SerialPort) -> None:
    imu = start(port)
    samples = collect(imu, 20)
    steps = {b.device_ns - a.device_ns for a, b in itertools.pairwise(samples)}
    assert steps <= {0, 5_000_000}  # 0: the packets that the device sends right before and behind its reply
    assert samples[0].accel == (0.5 * 9.80665, 0.25 * 9.80665, -9.80665)
    assert samples[0].gyro == (0.125, -2.0, 3.0)
    assert samples[0].quaternion == (1.0, 0.0, 0.0, 0.0)
    assert imu.counters()["discarded_bytes"] == 0


def test_a_device_left_streaming_comes_up_the_first_and_the_second_time(
    device: ScriptedImu, pty: Pty, port: SerialPort
) -> None:
    device.streaming = True
    assert len(collect(start(port), 5)) >= 5
    port.close()  # the program died: nobody told the device to stop
    again = SerialPort(pty.name)
    assert len(collect(start(again), 5)) >= 5
    again.close()


def test_two_idles_unheard_are_no_failure(device: ScriptedImu, port: SerialPort) -> None:
    device.streaming = True
    device.deaf_to[0x0102] = 2
    start(port)
    assert device.codes.count(0x0102) == 3


def test_a_lost_reply_is_asked_for_again(device: ScriptedImu, port: SerialPort) -> None:
    device.deaf_to[0x0C06] = 1
    device.deaf_to[0x0C08] = 1
    assert start(port).base_rate_hz == 1000
    assert device.codes.count(0x0C06) == 2


def test_a_silent_device_is_given_up_after_three_idles(device: ScriptedImu, port: SerialPort) -> None:
    device.deaf_to[0x0102] = -1
    with pytest.raises(ReplyTimeout, match=rf"{port.path}.*set to idle \(01,02\).*3 tries.*power"):
        start(port)
    assert device.codes == [0x0102] * 3


def test_a_refused_command_is_named_with_the_reason(device: ScriptedImu, port: SerialPort) -> None:
    device.nacks[0x0C08] = 3
    with pytest.raises(CommandRejected, match=r"write IMU message format \(0C,08\).*bad parameter"):
        start(port)
    assert device.codes.count(0x0C08) == 1


def test_a_command_damaged_on_its_way_is_sent_again(device: ScriptedImu, port: SerialPort) -> None:
    device.nacks[0x0103] = 2

    def heal(code: int) -> None:
        if device.codes.count(0x0103) == 2:
            device.nacks.clear()

    device.on_command = heal
    assert start(port).info.serial == "6253.12345"


def test_magnetometer_refusals_are_notes(device: ScriptedImu, port: SerialPort) -> None:
    device.nacks[0x0D18] = 4
    device.descriptors = [code for code in device.descriptors if code != 0x0C51]
    imu = start(port)
    assert 0x0C51 not in device.codes
    assert len(imu.notes) == 2
    assert "heading source (0D,18)" in imu.notes[0]
    assert "command failed" in imu.notes[0]
    assert imu.notes[1] == "no command 'complementary filter (0C,51)': the magnetometer may turn its yaw"


@pytest.mark.parametrize(("descriptor", "word"), [(0x8004, "accel"), (0x8005, "gyro"), (0x8012, "timestamp")])
def test_a_device_without_a_needed_field_is_refused(
    device: ScriptedImu, port: SerialPort, descriptor: int, word: str
) -> None:
    device.descriptors = [code for code in device.descriptors if code != descriptor]
    with pytest.raises(UnsupportedDevice, match=word):
        start(port)


def test_fields_of_the_extended_list_count(device: ScriptedImu, port: SerialPort) -> None:
    device.descriptors = [0x0107, *(code for code in device.descriptors if code != 0x8012)]
    assert start(port).rate_hz == 200


def test_a_device_without_quaternion_says_so(device: ScriptedImu, port: SerialPort) -> None:
    device.descriptors = [code for code in device.descriptors if code != 0x800A]
    imu = start(port)
    assert not imu.has_quaternion
    assert imu.notes == ("no quaternion: the device has none",)


def test_a_base_of_500_runs_at_250(device: ScriptedImu, port: SerialPort) -> None:
    device.base_rate_hz = 500
    imu = start(port)
    assert imu.rate_hz == 250
    assert "500 Hz" in imu.notes[0]
    assert dict(reversed(device.received))[0x0C08][:5] == b"\x01\x04\x04\x00\x02"


def test_another_serial_number_is_the_wrong_device(device: ScriptedImu, port: SerialPort) -> None:
    with pytest.raises(WrongDevice, match=r"6253\.12345.*6253\.99999"):
        start(port, serial="6253.99999")
    assert 0x0C11 not in device.codes


def test_another_model_is_noted(device: ScriptedImu, port: SerialPort) -> None:
    device.model_number = "6254-4220"
    assert start(port).notes[0].startswith("model 6254-4220")


def test_a_format_that_does_not_stick_is_refused(device: ScriptedImu, port: SerialPort) -> None:
    device.forgets_format = True
    with pytest.raises(UnsupportedDevice, match="did not keep the message format"):
        start(port)


def test_unplugged_in_the_middle(device: ScriptedImu, pty: Pty, port: SerialPort) -> None:
    device.on_command = lambda code: pty.hang_up() if code == 0x0C06 else None
    device.deaf_to[0x0C06] = -1
    with pytest.raises(PortLost):
        start(port)


def baud_of(pty: Pty) -> int:
    rates = {termios.B115200: 115200, termios.B230400: 230400}
    return rates[termios.tcgetattr(pty.master)[4]]


def test_a_slow_uart_goes_without_quaternion(device: ScriptedImu, port: SerialPort) -> None:
    port.has_baud = True
    imu = start(port)
    assert not imu.has_quaternion
    assert "115200" in imu.notes[0]


def test_a_uart_device_at_its_power_up_rate_is_raised_to_ours(device: ScriptedImu, pty: Pty) -> None:
    port = SerialPort(pty.name, 230400)
    port.has_baud = True
    speaks = [115200]
    device.hears = lambda: baud_of(pty) == speaks[0]

    def change(code: int) -> None:
        if code == 0x0C40:
            assert device.received[-1][1] == struct.pack(">BI", 1, 230400)
            speaks[0] = 230400

    device.on_command = change
    imu = start(port)
    assert port.baud == 230400
    assert imu.has_quaternion
    assert device.codes[:3] == [0x0102, 0x0C40, 0x0102]
    port.close()


def test_a_silent_uart_is_left_at_its_own_rate(device: ScriptedImu, pty: Pty) -> None:
    port = SerialPort(pty.name, 230400)
    port.has_baud = True
    device.deaf_to[0x0102] = -1
    with pytest.raises(ReplyTimeout):
        start(port)
    assert port.baud == 230400
    assert len(device.codes) == 6
    port.close()
