"""Programs out of clients/cpp and tests/clients/cpp: built once each, and run as processes whose lines are read."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "cpp"
_OURS = Path(__file__).resolve().parent / "cpp"
_STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-pedantic")


class Builder:
    """`example(name)` builds one of clients/cpp by its Makefile, `driver(name)` one of tests/clients/cpp."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("g++")
        if compiler is None or shutil.which("make") is None:
            pytest.skip("needs g++ and make (apt install g++ make)")
        command = [compiler, "-E", "-x", "c++", "-"]
        found = subprocess.run(command, input="#include <zmq.h>", capture_output=True, text=True, check=False)
        if found.returncode != 0:
            pytest.skip("needs zmq.h (apt install libzmq3-dev)")
        self._compiler, self._folder = compiler, folder
        self.example, self.driver = cache(self._example), cache(self._driver)

    def _example(self, name: str) -> Path:
        program = self._folder / name
        self._run("make", "-C", str(CLIENT), f"BUILD={self._folder}", str(program))
        return program

    def _driver(self, name: str, *options: str) -> Path:
        program = self._folder / name
        source = str(_OURS / f"{name}.cpp")
        self._run(
            self._compiler,
            *_STRICT,
            *(options or ("-O2",)),
            f"-I{CLIENT}",
            source,
            "-o",
            str(program),
            "-lzmq",
        )
        return program

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class Told:
    """A program that runs, and the lines it has written; with errors=True also what it wrote to stderr."""

    def __init__(self, folder: Path, *command: object, errors: bool = False) -> None:
        self.path = folder / f"told-{time.monotonic_ns()}"
        self._errors = self.path.with_suffix(".errors")
        with self.path.open("w") as out, self._errors.open("w") as err:
            words = [str(word) for word in command]
            self.process = subprocess.Popen(words, stdout=out, stderr=err if errors else None)

    def errors(self) -> str:
        return self._errors.read_text()

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10.0)
        finally:
            self.process.kill()
            self.process.wait()

    def lines(self, newest_bytes: int | None = None) -> list[str]:
        """The whole ones; of only the end of them, where so many bytes are enough."""
        with self.path.open("rb") as told:
            size = told.seek(0, os.SEEK_END)
            skipped = 0 if newest_bytes is None else max(0, size - newest_bytes)
            told.seek(skipped)
            lines = told.read().decode().split("\n")
        return lines[1 if skipped else 0 : -1]

    def _whole_bytes(self) -> int:
        """Up to the end of the last whole line; a line has fewer than 8,192 bytes."""
        with self.path.open("rb") as told:
            size = told.seek(0, os.SEEK_END)
            told.seek(max(0, size - 8192))
            end = told.read(size)
            return told.tell() - len(end.rpartition(b"\n")[2])

    def said(self) -> list[dict[str, Any]]:
        """Of a driver that writes JSON."""
        return [json.loads(line) for line in self.lines()]

    def next(self, condition: Callable[[dict[str, Any]], object], timeout_s: float = 60.0) -> dict[str, Any]:
        """The first line from now on that fulfils `condition`."""
        end_s = time.monotonic() + timeout_s
        part = ""
        with self.path.open() as told:
            told.seek(self._whole_bytes())
            while time.monotonic() < end_s:
                *whole, part = (part + told.read()).split("\n")
                for line in whole:
                    one: dict[str, Any] = json.loads(line)
                    if condition(one):
                        return one
                time.sleep(0.02)
        pytest.fail(f"{self.process.args} said nothing such in {timeout_s:g} s, last: {self.lines()[-1:]}")
