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

# A tty hands out less than this at once. A read that brings MUCH may have left some; after a smaller one nothing waits.
_READ_BYTES = 4096
MUCH = 2048
_WRITE_TIMEOUT_S = 1.0
_ABSENT = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
_CC, _VMIN, _VTIME = 6, termios.VMIN, termios.VTIME
_COMMAND_CHARACTERS = 60
# Device numbers of Linux (admin-guide/devices.txt).
_PSEUDO_TERMINAL_MAJORS = range(136, 144)
_CDC_ACM_MAJOR = 166


class SerialPort:
    """An open serial port, or a pseudo-terminal that stands for one (there the baud rate means nothing).

    has_baud: whether bytes travel at the baud rate; false for pseudo-terminals and USB devices of class CDC-ACM.
    Raises PortMissing, PortBusy or PortError when it cannot be opened, PortLost from any use after it went away.
    """

    def __init__(self, path: str, baud: int = 115200, kept: int | None = None) -> None:
        """kept: a descriptor of the open port, from another process: what waits in the port stays there."""
        self.path = path
        self._serial = _open(path, baud) if kept is None else _open_again(path, baud, kept)
        self._fd: int = self._serial.fileno()
        device = os.fstat(self._fd).st_rdev
        self.has_baud = not is_pseudo_terminal(device) and os.major(device) != _CDC_ACM_MAJOR
        # A pseudo-terminal would keep the mark after a crash, and refuse the next start.
        self._is_marked = not is_pseudo_terminal(device)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        try:
            if self._is_marked:
                fcntl.ioctl(self._fd, termios.TIOCEXCL)
            self._wake_at_one_byte()
            if self.has_baud:
                self._ask_for_low_latency()
        except (OSError, termios.error) as error:
            self._serial.close()
            raise self._lost(error) from error

    @property
    def baud(self) -> int:
        return int(self._serial.baudrate)

    @property
    def is_open(self) -> bool:
        """Whether the descriptor is still the port's."""
        return bool(self._serial.is_open)

    def fileno(self) -> int:
        return self._fd

    def read(self) -> tuple[bytes, int]:
        """What is waiting (b"" when nothing) and CLOCK_MONOTONIC ns right after the read; never blocks.

        All of it, unless it is MUCH or more.
        """
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
            if self._is_marked:
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


def is_pseudo_terminal(device: int) -> bool:
    """Whether this device number (st_rdev) is a pseudo-terminal's: no line, no baud rate."""
    return os.major(device) in _PSEUDO_TERMINAL_MAJORS


def _open(path: str, baud: int) -> serial.Serial:
    try:
        reader = _opening_pid(path)
        if reader is not None:  # it takes some of the bytes, whether or not it has locked the port
            raise _busy(path, reader)
        return serial.Serial(path, baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True)
    except ValueError as error:
        raise PortError(f"{path}: {error}") from error
    except (OSError, termios.error) as error:
        raise _open_error(path, error) from error


class _Unflushed(serial.Serial):
    """A port that is set up and streams: pyserial would set it up anew, under whoever reads it, and throw away what
    waits in it."""

    def _reset_input_buffer(self) -> None:
        pass

    def _reconfigure_port(self, force_update: bool = False) -> None:
        if self.is_open:
            super()._reconfigure_port(force_update)  # type: ignore[misc]  # the stubs leave it out
        else:
            assert self.fd is not None
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _open_again(path: str, baud: int, kept: int) -> serial.Serial:
    try:
        # The marks of the process before belong to the descriptor that it opened.
        fcntl.flock(kept, fcntl.LOCK_UN)
        with contextlib.suppress(OSError):
            fcntl.ioctl(kept, termios.TIOCNXCL)
        name = f"/proc/self/fd/{kept}"
        return _Unflushed(name, baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True)
    except (OSError, termios.error) as error:
        raise _open_error(path, error) from error


def _open_error(path: str, error: BaseException) -> PortError:
    number = getattr(error, "errno", None)
    if number in _ABSENT:
        return PortMissing(
            f"{path}: no such port; check that the sensor is plugged in and the config's port name"
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        return _busy(path, _locking_pid(path) or _opening_pid(path))
    if number == errno.EACCES:
        return PortError(
            f"{path}: permission denied; add this user to the group that owns the port (dialout)"
        )
    return PortError(f"{path}: cannot be used as a serial port ({error})")


def _busy(path: str, pid: int | None) -> PortBusy:
    """`pid`: None where the kernel does not tell it, as of another user's process."""
    if pid is None:
        return PortBusy(
            f"{path}: held by another user's process, which `sudo fuser {path}` names; stop it and try again"
        )
    command = _command(pid)
    holder = f"process {pid} ({command})" if command else f"process {pid}"
    return PortBusy(f"{path}: held by {holder}; stop it and try again")


def _command(pid: int) -> str:
    """How the process was started, as far as that fits into a line, else its name; empty where neither is told."""
    for name in ("cmdline", "comm"):
        with contextlib.suppress(OSError):
            program, *words = Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace").split("\0")
            told = " ".join(" ".join([os.path.basename(program), *words]).split())
            if line := "".join(one if one.isprintable() else "?" for one in told):
                return line if len(line) <= _COMMAND_CHARACTERS else f"{line[:_COMMAND_CHARACTERS]}..."
    return ""


def _locking_pid(path: str) -> int | None:
    """The pid that /proc/locks names for a lock on this device file; a lock that was inherited outlives who took it."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if inode in words and "FLOCK" in words:
                pid = int(words[words.index("FLOCK") + 3])
                return pid if Path(f"/proc/{pid}").is_dir() else None
    return None


def _opening_pid(path: str) -> int | None:
    """Another process that has this device open; not the one behind a pseudo-terminal, which plays the device."""
    with contextlib.suppress(OSError):
        name, device = os.path.realpath(path), os.stat(path)
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            opens = any(_leads_to(link, name, device) for link in _descriptors(pid))
            if pid != os.getpid() and opens and not _plays(pid, device.st_rdev):
                return pid
    return None


def _descriptors(pid: int) -> list[str]:
    """None of a process that has ended meanwhile, or is another user's.

    No Paths: each of theirs would be kept among the interpreter's interned names for a while, a thousand a plug.
    """
    with contextlib.suppress(OSError):
        return [f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
    return []


def _leads_to(link: str, name: str, device: os.stat_result) -> bool:
    """By number too: in another container the same name is another device."""
    with contextlib.suppress(OSError):
        return os.readlink(link) == name and os.path.samestat(os.stat(link), device)
    return False


def _plays(pid: int, device: int) -> bool:
    """Whether the process has the master of this pseudo-terminal: its index is the slave's minor number.

    A kernel that does not tell the index (before 4.20) leaves every owner of masters free of suspicion.
    """
    if not is_pseudo_terminal(device):
        return False
    for link in _descriptors(pid):
        with contextlib.suppress(OSError):
            facts = Path(f"/proc/{pid}/fdinfo/{os.path.basename(link)}").read_text()
            index = facts.partition("tty-index:")[2].split()[:1]
            if os.readlink(link).endswith("/ptmx") and index in ([], [str(os.minor(device))]):
                return True
    return False
