"""Many suits: how they are, and their sessions."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from models.commands import Commands

if TYPE_CHECKING:
    from jetson_runtime.fleet.server import Access
    from models.fleet.overview import SuitSeen

INCOMPLETE = 1
_WATCH_S = 2.0
_CLEAR = "\x1b[H\x1b[2J"


def add(commands: Commands) -> None:
    """`fleet`, and what it has below it."""
    fleet = commands.add_parser(
        "fleet", help="all suits of a NATS server: state, age, backlog, faults; pull sessions"
    )
    _add_access(fleet)
    fleet.add_argument(
        "--json", action="store_true", help="print a JSON list, an object for each, not a table"
    )
    fleet.add_argument("--watch", action="store_true", help=f"again every {_WATCH_S:.0f} s, until Ctrl-C")
    fleet.set_defaults(run=_list)
    below = fleet.add_subparsers(metavar="WHAT")
    listed = below.add_parser("sessions", help="the sessions that the server has of a suit")
    pulled = below.add_parser(
        "pull", help="a session into a Parquet file, checked; exit status 1 where frames are missing"
    )
    for one, told in ((listed, "one JSON object for each, on a line"), (pulled, "one JSON object")):
        _add_access(one, argparse.SUPPRESS)
        one.add_argument("--suit", required=True)
        one.add_argument("--site", help="where more than one site has a suit of that name")
        one.add_argument("--json", action="store_true", help=f"print {told}")
    pulled.add_argument("--session", required=True, help="its name, or how it begins (fleet sessions)")
    pulled.add_argument("out", type=Path, metavar="OUT.parquet")
    listed.set_defaults(run=_sessions)
    pulled.set_defaults(run=_pull)


def _add_access(command: argparse.ArgumentParser, default: object = None) -> None:
    """default: SUPPRESS below a command that has them, too: what was said there stays."""
    from jetson_runtime.fleet.command import add_access

    command.add_argument(
        "--server",
        action="append",
        default=default,
        metavar="URL",
        help="nats://HOST:4222 or tls://HOST:4222",
    )
    add_access(command, default)


def _access(options: argparse.Namespace) -> Access:
    from jetson_runtime.fleet.command import need_nats
    from jetson_runtime.fleet.server import DEFAULT_SERVER, Access

    need_nats()
    access = Access(
        tuple(options.server or (DEFAULT_SERVER,)),
        plain=bool(options.plain),
        login=options.login,
        creds=options.creds,
        tls_ca=options.tls_ca,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
    )
    access.check()
    return access


def _list(options: argparse.Namespace) -> int:
    from jetson_runtime.bench.report import table
    from jetson_runtime.suit.errors import EndpointError
    from models.fleet import overview

    access = _access(options)
    while True:
        try:
            suits = asyncio.run(_look(access))
            if options.json:
                print(json.dumps([one.as_json() for one in suits], ensure_ascii=False))
            else:
                clear = _CLEAR if options.watch and sys.stdout.isatty() else ""
                print(clear + table(*overview.table(suits)))
            sys.stdout.flush()
        except EndpointError as error:
            if not options.watch:
                raise
            print(f"second-skin-lab: {error}", file=sys.stderr)
        if not options.watch:
            return 0
        time.sleep(_WATCH_S)


async def _look(access: Access) -> list[SuitSeen]:
    from jetson_runtime.fleet import reading
    from models.fleet import overview

    async with reading.opened(access) as fleet:
        return await overview.look(fleet)


def _sessions(options: argparse.Namespace) -> int:
    from jetson_runtime.fleet import reading
    from models.fleet import pull

    async def found() -> list[pull.Session]:
        async with reading.opened(_access(options)) as fleet:
            site = options.site or await pull.site_of(fleet, options.suit)
            return await pull.sessions(fleet, site, options.suit)

    for one in asyncio.run(found()):
        if options.json:
            print(json.dumps(asdict(one)))
        else:
            begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.first_s))
            print(f"{one.name}  {begun}  {one.last_s - one.first_s:8.0f} s  {one.batches} batches")
    return 0


def _pull(options: argparse.Namespace) -> int:
    """INCOMPLETE where a number between the first and the last never came, or one came twice."""
    from models.fleet import pull

    access = _access(options)

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    done = asyncio.run(pull.pull(access, options.site, options.suit, options.session, options.out, say))
    check = done.check
    if options.json:
        print(json.dumps(done.as_json()))
    else:
        print(f"{done.path}: {check.frames} frames, {check.first} to {check.last}, {check.absent} missing")
        for first, count in check.missing:
            print(f"  {first} to {first + count - 1}: {count} never came")
        if check.missing and done.said_missed is not None:
            print(
                f"  the suit's own last status counts {done.said_missed} ticks that it missed since its start"
            )
        if check.repeated:
            print(f"  {check.repeated} came twice or behind a newer one, and are left out")
        for name in sorted(check.left_out):
            print(f"  {name}: not in the session's first batch, left out")
    return 0 if check.whole else INCOMPLETE
