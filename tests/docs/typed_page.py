"""A page's code blocks, and a reader who types them in a folder and on a network of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^(?:<!-- (.+?) -->\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_REMARK = re.compile(r"\s+#.*$")
_COMMANDS = {"second-skin": "jetson_runtime.cli", "second-skin-lab": "models.cli"}
_LONGEST_S = 600.0


class Block(NamedTuple):
    """note: what a comment before it says; empty: nothing."""

    note: str
    language: str
    code: str

    @property
    def commands(self) -> list[str]:
        """Lines of a shell block without their remarks."""
        lines = [_REMARK.sub("", line).strip() for line in self.code.splitlines()]
        return [line for line in lines if line]


def blocks(page: str) -> list[Block]:
    """Those of docs/`page`, in order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [Block(*found) for found in _BLOCK.findall(text)]


class Reader:
    """Types into terminals whose folder looks like a checkout; what goes on is stopped at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("jetson_runtime", "examples", "clients"):
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        shims = folder / "bin"
        shims.mkdir()
        for name, module in _COMMANDS.items():
            _program(shims / name, f'exec "{sys.executable}" -m {module} "$@"')
        _program(shims / "python", f'exec "{sys.executable}" "$@"')
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._environment = os.environ | {
            "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": paths,
        }
        self._going: list[tuple[str, subprocess.Popen[bytes], Path]] = []
        self._net, self._prefix = _own_network()

    def types(self, command: str, *allowed: int) -> str:
        """What it prints; AssertionError where its exit status is neither 0 nor among `allowed`."""
        done = subprocess.run(
            [*self._prefix, "sh", "-c", command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        assert done.returncode in (0, *allowed), f"{command}\n{done.stdout}{done.stderr}{self.told()}"
        return done.stdout

    def begins(self, command: str) -> None:
        """In a terminal of its own, where it goes on."""
        printed = self.folder / f"printed-{len(self._going)}"
        with printed.open("wb") as out:
            process = subprocess.Popen(
                [*self._prefix, "sh", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._going.append((command, process, printed))

    def stops(self, begin: str) -> None:
        """Ctrl-C in the terminal of the command that begins like this."""
        process = next(process for command, process, _ in self._going if command.startswith(begin))
        process.send_signal(signal.SIGINT)
        process.wait(60.0)

    def waits(self, command: str, *bad: int) -> None:
        """Until `command` ends with a status that is not among `bad`."""
        end_s = time.monotonic() + _LONGEST_S
        while time.monotonic() < end_s:
            done = subprocess.run(
                [*self._prefix, "sh", "-c", command],
                cwd=self.folder,
                env=self._environment,
                capture_output=True,
                check=False,
            )
            if done.returncode not in bad:
                return
            time.sleep(0.2)
        raise AssertionError(f"{command}: {done.stderr!r}{self.told()}")

    def told(self) -> str:
        """What those that go on have printed."""
        return "".join(f"\n{command}:\n{printed.read_text()}" for command, _, printed in self._going)

    def leaves(self) -> None:
        for _, process, _ in reversed(self._going):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._net is not None:
            self._net.kill()
            self._net.wait()


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    one = Reader(folder)
    try:
        yield one
    finally:
        one.leaves()


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _own_network() -> tuple[subprocess.Popen[bytes] | None, list[str]]:
    """Ports of its own, where that is permitted: the pages' are those of every service on this machine."""
    try:
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 7200"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return None, []
    assert holder.stdout is not None
    if holder.stdout.readline() != b"up\n":
        holder.wait()
        return None, []
    return holder, ["nsenter", "--target", str(holder.pid), "--net", "--"]
