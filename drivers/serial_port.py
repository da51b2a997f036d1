"""The only file that opens a tty: exclusively, raw, every read stamped with CLOCK_MONOTONIC."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import termios
import time
from pathlib import Path

import serial

from drivers.errors import PortBusy, PortError, PortLost, PortMissing

_READ_BYTES = 65536
_WRITE_TIMEOUT_S = 1.0
_ABSENT = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
_CC, _VMIN, _VTIME = 6, termios.VMIN, termios.VTIME


class SerialPort:
    """An open serial port, or a pseudo-terminal that stands for one (there the baud rate means nothing).

    has_baud: whether bytes travel at the baud rate; false for pseudo-terminals and USB devices of class CDC-ACM.
    Raises PortMissing, PortBusy or PortError when it cannot be opened, PortLost from any use after it went away.
    """

    def __init__(self, path: str, baud: int = 115200) -> None:
        self.path = path
        self.has_baud = not os.path.realpath(path).startswith(("/dev/pts/", "/dev/ttyACM"))
        self._serial = _open(path, baud)
        self._fd: int = self._serial.fileno()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        try:
            self._wake_at_one_byte()
            if (
                self.has_baud
            ):  # a pseudo-terminal would keep the mark after a crash, and refuse the next start
                fcntl.ioctl(self._fd, termios.TIOCEXCL)
                self._ask_for_low_latency()
        except (OSError, termios.error) as error:
            self._serial.close()
            raise self._lost(error) from error

    @property
    def baud(self) -> int:
        return int(self._serial.baudrate)

    def fileno(self) -> int:
        return self._fd

    def read(self) -> tuple[bytes, int]:
        """All that is waiting (b"" when nothing) and CLOCK_MONOTONIC ns right after the read; never blocks."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b"", time.monotonic_ns()
        except OSError as error:
            raise self._lost(error) from error
        receive_ns = time.monotonic_ns()
        if not data:
            raise self._lost(None)
        return data, receive_ns

    def wait(self, timeout_s: float) -> bool:
        """Whether `read` has something to say (bytes, or that the port is lost) within the time."""
        return bool(self._poll.poll(max(0.0, timeout_s) * 1000))

    def write(self, data: bytes) -> None:
        """Hands `data` to the kernel; PortLost if it takes none of it for a second."""
        try:
            self._serial.write(data)
        except (OSError, termios.error) as error:
            raise self._lost(error) from error

    def set_baud(self, baud: int) -> None:
        """Changes the baud rate of our end; PortError where the adapter does not know it."""
        try:
            self._serial.baudrate = baud
            self._wake_at_one_byte()
        except ValueError as error:
            raise PortError(f"{self.path}: this serial adapter does not support {baud} baud") from error
        except (OSError, termios.error) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Gives the port back; to close twice is no error."""
        if self._serial.is_open:
            self._poll.unregister(self._fd)
            if self.has_baud:
                with contextlib.suppress(OSError):
                    fcntl.ioctl(self._fd, termios.TIOCNXCL)
            with contextlib.suppress(OSError):
                self._serial.close()

    def _wake_at_one_byte(self) -> None:
        """VMIN 1: with pyserial's VMIN 0 an idle port and a vanished one both read as zero bytes."""
        attributes = termios.tcgetattr(self._fd)
        attributes[_CC][_VMIN], attributes[_CC][_VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, attributes)

    def _ask_for_low_latency(self) -> None:
        """FTDI adapters hold bytes back for 16 ms otherwise; other adapters do not know the request."""
        with contextlib.suppress(OSError, ValueError, NotImplementedError):
            self._serial.set_low_latency_mode(True)

    def _lost(self, error: BaseException | None) -> PortLost:
        reason = f" ({error})" if error else ""
        return PortLost(f"{self.path}: the port went away{reason}; check plug, cable and power of the sensor")


def _open(path: str, baud: int) -> serial.Serial:
    try:
        return serial.Serial(path, baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True)
    except ValueError as error:
        raise PortError(f"{path}: {error}") from error
    except (OSError, termios.error) as error:
        raise _open_error(path, error) from error


def _open_error(path: str, error: BaseException) -> PortError:
    number = getattr(error, "errno", None)
    if number in _ABSENT:
        return PortMissing(
            f"{path}: no such port; check that the sensor is plugged in and the config's port name"
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        return PortBusy(f"{path}: held by {_holder(path)}; stop it and try again")
    if number == errno.EACCES:
        return PortError(
            f"{path}: permission denied; add this user to the group that owns the port (dialout)"
        )
    return PortError(f"{path}: cannot be used as a serial port ({error})")


def _holder(path: str) -> str:
    """Who holds the port, in words; the kernel names its own user's processes only."""
    pid = _locking_pid(path) or _opening_pid(path)
    if pid is None:
        return "another process"
    name = ""
    with contextlib.suppress(OSError):
        name = f" ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    return f"process {pid}{name}"


def _locking_pid(path: str) -> int | None:
    """The pid that /proc/locks names for a lock on this device file."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if inode in words and "FLOCK" in words:
                return int(words[words.index("FLOCK") + 3])
    return None


def _opening_pid(path: str) -> int | None:
    """Another process that has this device file open."""
    device = os.path.realpath(path)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            pid = int(link.parts[2])
            if os.readlink(link) == device and pid != os.getpid():
                return pid
    return None
