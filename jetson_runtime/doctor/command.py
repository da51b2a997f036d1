"""The command itself: all checks in their order. Exit status 0 all is well or nearly, 1 something failed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jetson_runtime.doctor import archive, machine, running, suit
from jetson_runtime.doctor.check import FAILED, OK, WARNING, Check, guarded, of_error, ok
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.addresses import is_loopback
from jetson_runtime.suit.config import PowerTable, Realtime, SuitConfig
from jetson_runtime.suit.errors import ConfigError, SuitError

DEFAULT_CONFIG = Path("/etc/second-skin/suit.toml")
DEFAULT_STATE = Path("/var/lib/second-skin")
_MARKS = {OK: "  ok    ", WARNING: "  WARN  ", FAILED: "  FAIL  "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `doctor`."""
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"({DEFAULT_CONFIG})"
    )
    parser.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, metavar="FOLDER", help=f"({DEFAULT_STATE})"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE", help="write a support archive (.tar.gz) without secrets"
    )


def run(options: argparse.Namespace) -> int:
    """Prints each check as it is done; what failed is in the exit status."""
    status: list[dict[str, Any] | None] = []
    done: list[Check] = []
    for check in examine(options.config, options.state, status):
        done.append(check)
        sys.stdout.write(
            (json.dumps(check._asdict(), ensure_ascii=False) if options.json else _line(check)) + "\n"
        )
        sys.stdout.flush()
    if options.bundle is not None:
        report = [check._asdict() for check in done]
        archive.write(options.bundle, report, status[0] if status else None, options.config)
    return int(any(check.state == FAILED for check in done))


def examine(path: Path, state: Path, heard: list[dict[str, Any] | None]) -> Iterator[Check]:
    """Every check; the service's status is put into `heard`."""
    yield from guarded("version", machine.versions)
    try:
        config = configs.load(path)
    except SuitError as error:
        yield from _mistakes(path, error)
        yield from guarded("real time", lambda: machine.real_time(Realtime()))
        yield from guarded("temperature", lambda: machine.heat(PowerTable()))
        return
    yield ok("config", f"{path}: {len(config.streams)} streams")
    endpoint = _endpoint(config)
    heard.append(running.listen(endpoint))
    status = heard[0]
    yield from guarded("service", lambda: running.service(status, endpoint))
    if status is None:
        yield from guarded("ports", lambda: suit.ports(config))
        yield from guarded("model", lambda: suit.model(config))
    yield from guarded("wearer", lambda: suit.wearer(config, status is not None))
    yield from guarded("keys", lambda: suit.keys(config, state))
    yield from guarded("room", lambda: suit.room(config, state))
    yield from guarded("latency", lambda: machine.latency_timers(config.power.sys))
    yield from guarded("real time", lambda: machine.real_time(config.realtime))
    yield from guarded("clock", machine.clock)
    yield from guarded("temperature", lambda: machine.heat(config.power))


def _mistakes(path: Path, error: SuitError) -> Iterator[Check]:
    """One line for each mistake in the config."""
    lines = str(error).split("\n")
    if not isinstance(error, ConfigError) or len(lines) == 1:
        yield of_error("config", error)
        return
    for line in lines[1:]:
        yield Check("config", FAILED, line.strip(), f"correct {path}")


def _endpoint(config: SuitConfig) -> str:
    """An address of this machine that needs no key; the first where there is none."""
    return next(
        (address for address in config.output.public if is_loopback(address)), config.output.public[0]
    )


def _line(check: Check) -> str:
    remedy = f"; {check.remedy}" if check.remedy else ""
    return f"{_MARKS[check.state]}{check.name}: {check.text}{remedy}"
