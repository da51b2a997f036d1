"""The serial port on pseudo-terminals whose other end the test holds."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import drivers
from drivers import serial_port
from drivers.errors import PortBusy, PortError, PortLost, PortMissing
from drivers.serial_port import SerialPort, is_pseudo_terminal

if TYPE_CHECKING:
    from conftest import Pty


def test_reads_all_that_waits_with_the_time_of_the_read(pty: Pty) -> None:
    port = SerialPort(pty.name)
    assert port.read()[0] == b""
    assert not port.wait(0)
    before = time.monotonic_ns()
    pty.write(bytes(range(256)))
    assert port.wait(1.0)
    data, receive_ns = port.read()
    assert data == bytes(range(256))
    assert before < receive_ns < time.monotonic_ns()
    assert port.read()[0] == b""
    port.close()


def test_bytes_written_arrive_unchanged(pty: Pty) -> None:
    port = SerialPort(pty.name, 230400)
    port.write(bytes(range(256)))
    assert pty.read(1.0) == bytes(range(256))
    port.set_baud(921600)
    assert port.baud == 921600
    assert port.read()[0] == b""
    port.close()


def test_a_pseudo_terminal_carries_bytes_at_no_baud_rate(pty: Pty, tmp_path: Path) -> None:
    link = tmp_path / "imu_back"
    link.symlink_to(pty.name)
    port = SerialPort(str(link))
    assert not port.has_baud
    assert port.path == str(link)
    port.close()


def test_hang_up_is_told_apart_from_silence(pty: Pty) -> None:
    port = SerialPort(pty.name)
    pty.write(b"last words")
    pty.hang_up()
    assert port.wait(1.0)
    with pytest.raises(PortLost, match=pty.name):
        for _ in range(3):
            port.read()
    with pytest.raises(PortLost):
        port.write(b"anyone?")
    port.close()
    port.close()


def test_missing_port(tmp_path: Path) -> None:
    with pytest.raises(PortMissing, match="imu_back"):
        SerialPort(str(tmp_path / "imu_back"))


def test_dangling_link_is_a_missing_port(tmp_path: Path) -> None:
    link = tmp_path / "imu_back"
    link.symlink_to("/dev/pts/999999")
    with pytest.raises(PortMissing, match="imu_back"):
        SerialPort(str(link))


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a tty")
    with pytest.raises(PortError, match=r"notes\.txt"):
        SerialPort(str(path))


def test_a_second_open_in_this_process_is_busy(pty: Pty) -> None:
    port = SerialPort(pty.name)
    with pytest.raises(PortBusy, match=f"process {os.getpid()} "):
        SerialPort(pty.name)
    port.close()
    SerialPort(pty.name).close()


ROOT = Path(drivers.__file__).parents[1]
HOLD = """
import sys
from drivers.serial_port import SerialPort
port = SerialPort(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_port_held_by_another_process_names_it_and_is_free_after_its_death(pty: Pty) -> None:
    command = [sys.executable, "-c", HOLD, pty.name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(PortBusy, match=f"process {other.pid} "):
            SerialPort(pty.name)
        other.kill()
        other.wait()
    port = SerialPort(pty.name)
    assert port.read()[0] == b""
    port.close()


HOLD_WITHOUT_LOCK = """
import os, sys
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
print("held", flush=True)
sys.stdin.read()
"""
# Takes the lock, hands it on to a child, and ends.
HOLD_THE_LOCK_OF_A_DEAD_ONE = """
import os, sys, time
from drivers.serial_port import SerialPort
port = SerialPort(sys.argv[1])
if (child := os.fork()):
    print(child, flush=True)
    os._exit(0)
time.sleep(120)
"""
OPEN_AS_NOBODY = """
import os, sys
from drivers.errors import PortError
from drivers.serial_port import SerialPort
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    SerialPort(sys.argv[1])
except PortError as error:
    print(type(error).__name__, error)
"""
EMULATE = """
import sys
from pathlib import Path
from drivers.emulator.pty_port import PtyPort
others, port = PtyPort(Path(sys.argv[1] + ".other")), PtyPort(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def process(program: str, path: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `program` on `path` from when it says that it holds the port."""
    command = [sys.executable, "-c", program, path]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other
        other.kill()


def test_a_port_that_another_process_reads_without_a_lock_is_busy_too(pty: Pty, tmp_path: Path) -> None:
    link = tmp_path / "imu_back"
    link.symlink_to(pty.name)
    with (
        process(HOLD_WITHOUT_LOCK, pty.name) as other,
        pytest.raises(PortBusy, match=rf"imu_back: held by process {other.pid} "),
    ):
        SerialPort(str(link))
    SerialPort(str(link)).close()


def test_the_holder_is_named_as_it_was_started_by_whoever_has_the_lock_now(pty: Pty, tmp_path: Path) -> None:
    """A lock that was handed on outlives who took it; processes that end during the search do not end the search."""
    program = tmp_path / "listen to the back.py"
    program.write_text(HOLD_THE_LOCK_OF_A_DEAD_ONE)
    command = [sys.executable, str(program), pty.name, "x" * 200]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        assert other.stdout is not None
        heir = int(other.stdout.readline())
        other.wait()
        passing = subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"])
        try:
            for _ in range(5):
                with pytest.raises(PortBusy) as busy:
                    SerialPort(pty.name)
                told = str(busy.value)
                assert f"held by process {heir} ({Path(sys.executable).name} {str(program)[:20]}" in told, (
                    told
                )
                assert told.count("x") < 100, told
        finally:
            passing.kill()
            passing.wait()
            os.kill(heir, signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_where_the_holder_may_not_be_looked_at_the_port_is_busy_all_the_same(pty: Pty) -> None:
    with process(HOLD, pty.name):
        os.chmod(pty.name, 0o666)
        asked = subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, pty.name],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert "PortBusy" in asked.stdout, asked.stdout + asked.stderr


def test_an_emulator_that_keeps_both_ends_open_does_not_hold_its_port(tmp_path: Path) -> None:
    path = str(tmp_path / "imu_back")
    with process(EMULATE, path):
        port = SerialPort(path)
        port.write(b"hello")
        port.close()
        with process(HOLD_WITHOUT_LOCK, path) as reader, pytest.raises(PortBusy, match=f" {reader.pid} "):
            SerialPort(path)


def test_kinds_of_port_are_told_apart_by_device_number() -> None:
    assert all(is_pseudo_terminal(os.makedev(*numbers)) for numbers in ((136, 0), (136, 1000), (143, 5)))
    assert not any(is_pseudo_terminal(os.makedev(major, 0)) for major in (4, 166, 188, 204))


def exclusive(pty: Pty) -> bool:
    """What the kernel says of the line (man 2 ioctl_tty: TIOCGEXCL)."""
    slave = os.open(pty.name, os.O_RDWR | os.O_NOCTTY)
    answer = fcntl.ioctl(slave, 0x80045440, bytes(4))
    os.close(slave)
    return any(answer)


def test_every_line_but_a_pseudo_terminal_s_is_marked_as_exclusive(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baud rate or not: a /dev/ttyACM has none. (The only line there is here must pass for another kind.)"""
    port = SerialPort(pty.name)
    assert not exclusive(pty)
    port.close()
    monkeypatch.setattr(serial_port, "is_pseudo_terminal", lambda device: False)
    monkeypatch.setattr(serial_port, "_CDC_ACM_MAJOR", os.major(os.stat(pty.name).st_rdev))
    port = SerialPort(pty.name)
    assert not port.has_baud
    assert exclusive(pty)
    port.close()
    assert not exclusive(pty)


def test_old_line_settings_do_not_eat_bytes(pty: Pty) -> None:
    slave = os.open(pty.name, os.O_RDWR | os.O_NOCTTY)
    attributes = termios.tcgetattr(slave)
    attributes[0] |= termios.ICRNL | termios.IXON
    attributes[3] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    os.close(slave)
    port = SerialPort(pty.name)
    pty.write(b"\r\n\x11\x13\x03\x04")
    assert port.wait(1.0)
    assert port.read()[0] == b"\r\n\x11\x13\x03\x04"
    port.close()
