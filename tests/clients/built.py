"""Programs out of clients/cpp and tests/clients/cpp: built once each, and run as processes whose lines are read."""

from __future__ import annotations

import json
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
        found = subprocess.run(
            [compiler, "-E", "-x", "c++", "-"], input="#include <zmq.h>", capture_output=True, text=True
        )
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
            self._compiler, *_STRICT, *(options or ("-O2",)), f"-I{CLIENT}", source, "-o", str(program), "-lzmq"
        )
        return program

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class Told:
    """A program that runs, and the lines it has written."""

    def __init__(self, folder: Path, *command: object) -> None:
        self.path = folder / f"told-{time.monotonic_ns()}"
        with self.path.open("w") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out)

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

    def lines(self) -> list[str]:
        """The whole ones."""
        return self.path.read_text().rpartition("\n")[0].splitlines()

    def said(self) -> list[dict[str, Any]]:
        """Of a driver that writes JSON."""
        return [json.loads(line) for line in self.lines()]

    def next(self, condition: Callable[[dict[str, Any]], object], timeout_s: float = 60.0) -> dict[str, Any]:
        """The first line from now on that fulfils `condition`."""
        seen, end_s = len(self.lines()), time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            lines = self.lines()
            for line in lines[seen:]:
                told: dict[str, Any] = json.loads(line)
                if condition(told):
                    return told
            seen = len(lines)
            time.sleep(0.02)
        pytest.fail(f"{self.process.args} said nothing such in {timeout_s:g} s, last: {self.lines()[-1:]}")
