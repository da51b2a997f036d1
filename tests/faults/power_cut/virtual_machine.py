"""A virtual machine with the recorder in it, whose power is cut by killing QEMU. It needs no hardware support (TCG).

It boots once: when its processes wait for a word, all of it is saved, and each cut begins from there.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from guest_disk import kernel, make_init, make_root, run
from written import Write, read

# How long a busy machine without hardware support may take before a test gives up.
PATIENCE_S = 400.0
_SAID_AGAIN_S = 0.3
_TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "busybox": "busybox-static",
    "cpio": "cpio",
}


def missing() -> str:
    """Why there can be no such machine here; '' where there can."""
    if platform.machine() != "x86_64":
        return "the virtual machine of this test is an x86_64"
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            return f"{tool} is not here (apt install {package})"
    return "" if kernel() else "there is no kernel in /boot (apt install linux-image-cloud-amd64)"


class VirtualMachine:
    """Waits, saved in `folder`, for `go`; one runs at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cuts = 0
        self._disk, self._saved = folder / "data.img", folder / "saved"
        make_root(folder / "root", folder / "root.img")
        make_init(folder / "init", folder / "init.gz")
        run("mke2fs", "-q", "-t", "ext4", str(self._disk), "128M")
        booted = _Power(folder, self._disk, "-qmp", f"unix:{folder}/qmp,server=on,wait=off")
        try:
            booted.wait(lambda: "ready" in booted.console)
            _save(folder / "qmp", self._saved)
        finally:
            booted.cut()

    def go(self, word: str) -> Running:
        """Wakes it and says the word to it, on a disk of its own."""
        self._cuts += 1
        disk = self.folder / f"data-{self._cuts}.img"
        shutil.copyfile(self._disk, disk)
        power = _Power(self.folder, disk, "-incoming", f"exec:cat {self._saved}")
        # What comes while its state is read is lost on it.
        while f"does {word}" not in power.console:
            power.say(word)
            time.sleep(_SAID_AGAIN_S)
        return Running(power, self._disk)


class Running:
    """A machine with power. disk: what it writes to; before: what that was like when it was woken."""

    def __init__(self, power: _Power, before: Path) -> None:
        self.before = before
        self.disk = power.disk
        self._power = power

    def told(self, pattern: str) -> list[tuple[int, ...]]:
        """The numbers of all whole lines of its console that match."""
        lines = re.finditer(rf"^{pattern}\r?$", self._power.console, re.MULTILINE)
        return [tuple(map(int, line.groups())) for line in lines]

    def until_told(self, pattern: str, more: int) -> None:
        """Until the first number of such a line is that much more than it was in the first of them."""
        self._power.wait(lambda: bool(told := self.told(pattern)) and told[-1][0] >= told[0][0] + more)

    def cut(self) -> list[Write]:
        """Takes the power away; what the disk was given before."""
        self._power.cut()
        return read(self._power.log)


class _Power:
    """A QEMU on that disk, until `cut`. Its options are the same each time, as what is saved asks for."""

    def __init__(self, folder: Path, disk: Path, *more: str) -> None:
        self.disk = disk
        self.log = disk.with_suffix(".log")
        self._console = disk.with_suffix(".console")
        self.log.write_bytes(b"")
        words = [
            *("qemu-system-x86_64", "-M", "pc", "-cpu", "max", "-m", "384"),
            *("-display", "none", "-monitor", "none", "-no-reboot", "-nodefaults", "-serial", "stdio"),
            *("-kernel", str(kernel()), "-initrd", str(folder / "init.gz")),
            # The processor of the emulation is believed to have a source of chance: nothing else in there has any.
            *("-append", "console=ttyS0 quiet panic=-1 rdinit=/init no_timer_check random.trust_cpu=on"),
            *("-blockdev", f"driver=file,node-name=root,filename={folder}/root.img,read-only=on"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-blockdev", f"driver=file,node-name=written,filename={self.log}"),
            *("-blockdev", f"driver=file,node-name=disk,filename={disk}"),
            *("-blockdev", "driver=blklogwrites,node-name=data,file=disk,log=written"),
            *("-device", "virtio-blk-pci,drive=data", *more),
        ]
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=console, stderr=subprocess.STDOUT
            )

    @property
    def console(self) -> str:
        """All that it said."""
        return self._console.read_text(errors="replace")

    def say(self, word: str) -> None:
        """A line to its console."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until the condition is true."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert self._process.poll() is None, self.console
            assert time.monotonic() < end_s, self.console[-2000:]
            time.sleep(0.02)

    def cut(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def _save(monitor: Path, saved: Path) -> None:
    """Lets QEMU write the whole machine to a file; it stands still afterwards."""
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as lines:
        connection.connect(str(monitor))
        lines.readline()

        def ask(execute: str, **arguments: object) -> dict[str, object]:
            lines.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
            lines.flush()
            while "event" in (answer := json.loads(lines.readline())):
                pass
            assert "error" not in answer, answer
            return dict(answer["return"])

        ask("qmp_capabilities")
        ask("migrate-set-parameters", **{"max-bandwidth": 1 << 33})
        ask("migrate", uri=f"exec:cat > {saved}")
        while (status := ask("query-migrate")["status"]) != "completed":
            assert status in ("setup", "active", "device"), status
            time.sleep(0.05)
