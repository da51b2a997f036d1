"""A support archive: what a helper elsewhere needs to see, and no secret."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

from jetson_runtime.stream import text
from jetson_runtime.suit.errors import SuitError

_SECRET = re.compile(r"(?im)^.*\b(secret|password|passwd|token|private)[\w-]*\s*=.*$")
_COMMANDS = {
    "journal.txt": ("journalctl", "--unit=second-skin", "--no-pager", "--lines=5000", "--output=short-iso"),
    "unit.txt": ("systemctl", "show", "second-skin", "--no-pager"),
    "kernel.txt": ("dmesg", "--time-format=iso"),
    "devices.txt": ("ls", "-lR", "/dev/serial", "/dev/second-skin"),
}
_COMMAND_S = 10.0


def write(path: Path, report: list[dict[str, Any]], status: dict[str, Any] | None, config: Path) -> None:
    """Writes a .tar.gz: the doctor's report, the service's status, suit.toml, the journal, unit and kernel log.

    Keys are in none of these; lines that name a secret are left out all the same. SuitError: it cannot be written.
    """
    contents = {
        "doctor.json": json.dumps(report, indent=2, ensure_ascii=False),
        "status.json": text.to_json(status),
        "suit.toml": _read(config),
        **{name: _output(command) for name, command in _COMMANDS.items()},
    }
    try:
        with tarfile.open(path, "x:gz") as archive:
            for name, content in contents.items():
                _add(archive, f"second-skin/{name}", _SECRET.sub("(a line left out here)", content))
    except FileExistsError as error:
        raise SuitError(f"{path}: is there already; name another file") from error
    except OSError as error:
        raise SuitError(f"{path}: cannot be written: {error.strerror}; name another file") from error


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode(errors="replace")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), int(time.time())
    archive.addfile(entry, io.BytesIO(content))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"# cannot be read: {error}"


def _output(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMMAND_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    return done.stdout + done.stderr
