"""A session of a suit from the server into one Parquet file, and what is missing of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jetson_runtime.fleet import batches, reading
from jetson_runtime.fleet.batches import FRAMES, STATUS
from jetson_runtime.fleet.server import Access
from jetson_runtime.suit.errors import FleetError
from jetson_runtime.suit.signals import RATE_HZ
from models.fleet.rows import Check, Rows

# Rows of a group in the file: a minute.
_GROUP_ROWS = 60 * RATE_HZ
# Of what each batch tells: of the clock, and of the suit.
_CLOCK = ("utc_minus_monotonic_ns", "clock_synchronised")
_SUIT = ("model", "body_mass_kg", "sides")


@dataclass(frozen=True)
class Session:
    """One start of a suit's service: the server's sequence numbers of its first batch of frames and of its last, when
    they came, and how many batches."""

    name: str
    first_seq: int
    last_seq: int
    first_s: float
    last_s: float
    batches: int


@dataclass(frozen=True)
class Pulled:
    """What was written. said_missed: ticks that the suit's last status says it had missed; None: no word."""

    path: Path
    session: str
    check: Check
    said_missed: int | None

    def as_json(self) -> dict[str, Any]:
        check = self.check
        return {
            "path": str(self.path),
            "session": self.session,
            "frames": check.frames,
            "first": check.first,
            "last": check.last,
            "absent": check.absent,
            "missing": check.missing,
            "repeated": check.repeated,
            "left_out": sorted(check.left_out),
            "said_missed": self.said_missed,
            "whole": check.whole,
        }


async def sessions(fleet: reading.Fleet, site: str, suit: str) -> list[Session]:
    """Those of which the server has frames, oldest first; it reads no payload."""
    found: dict[str, Session] = {}
    async for one in fleet.batches(site, suit, FRAMES, headers_only=True):
        before = found.get(one.session)
        found[one.session] = Session(
            one.session,
            before.first_seq if before else one.seq,
            one.seq,
            before.first_s if before else one.stored_s,
            one.stored_s,
            before.batches + 1 if before else 1,
        )
    return list(found.values())


async def pull(
    access: Access, site: str | None, suit: str, name: str, path: Path, say: Callable[[str], None]
) -> Pulled:
    """Writes `path`, whole or not at all. name: of the session; a beginning that only one has is enough.

    FleetError: there is no such suit or session; EndpointError: the server.
    """
    async with reading.opened(access) as fleet:
        site = site or await site_of(fleet, suit)
        session = _chosen(await sessions(fleet, site, suit), name, f"{site}/{suit}")
        say(f"{site}/{suit}: {session.batches} batches of session {session.name}")
        fresh = path.with_name(f".{path.name}.new")
        try:
            check = await _write(fleet, site, suit, session, fresh)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
        return Pulled(path, session.name, check, await _said_missed(fleet, site, suit, session))


async def site_of(fleet: reading.Fleet, suit: str) -> str:
    """FleetError: no suit of that name, or several at different sites."""
    sites = [place for place, name in await fleet.suits() if name == suit]
    if len(sites) == 1:
        return sites[0]
    if not sites:
        raise FleetError(f"the server has nothing of a suit {suit}; second-skin-lab fleet lists all")
    raise FleetError(f"suits named {suit} are at {', '.join(sites)}; choose one with --site")


def _chosen(found: list[Session], name: str, suit: str) -> Session:
    fitting = [one for one in found if one.name == name] or [
        one for one in found if one.name.startswith(name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    told = ", ".join(one.name for one in found) or "none"
    why = "several sessions begin with" if fitting else "the server has no session"
    raise FleetError(f"{suit}: {why} {name}; it has {told}")


async def _write(fleet: reading.Fleet, site: str, suit: str, session: Session, path: Path) -> Check:
    rows, told = Rows(), dict[str, str]()
    writer: pq.ParquetWriter | None = None
    held: list[pa.Table] = []
    try:
        async for message in fleet.batches(site, suit, FRAMES, first_seq=session.first_seq):
            if message.seq > session.last_seq:
                break
            if message.session != session.name:
                continue
            batch = batches.unpack(message.payload)
            _note(told, batch)
            held += rows.of(batches.columns(batch))
            if writer is None and rows.schema is not None:
                about = {"site": site, "suit": suit, "session": session.name, **_about(rows.schema)}
                writer = pq.ParquetWriter(path, rows.schema.with_metadata(about), compression="zstd")
            if sum(table.num_rows for table in held) >= _GROUP_ROWS:
                _put(writer, held)
        _put(writer, held)
        if writer is None or rows.schema is None:
            raise FleetError(f"{site}/{suit}: session {session.name} has no frames")
        writer.add_key_value_metadata({**told, "missing": json.dumps(rows.check.missing)})
    except (ValueError, pa.ArrowException) as error:
        raise FleetError(f"{site}/{suit}: {error}") from error
    finally:
        if writer is not None:
            writer.close()
    return rows.check


def _note(told: dict[str, str], batch: Mapping[str, Any]) -> None:
    """The newest word of each; of the clock's offset the newest by a clock that was set, where there is any."""
    was_set = told.get("clock_synchronised") == "true" and batch.get("clock_synchronised") is not True
    keys = _SUIT if was_set else _SUIT + _CLOCK
    told |= {key: json.dumps(batch[key]) for key in keys if batch.get(key) is not None}


def _put(writer: pq.ParquetWriter | None, held: list[pa.Table]) -> None:
    if writer is not None and held:
        writer.write_table(pa.concat_tables(held))
        held.clear()


def _about(schema: pa.Schema) -> dict[str, str]:
    units = {one.name: one.metadata[b"unit"].decode() for one in schema if one.metadata}
    return {
        "rate_hz": str(RATE_HZ),
        "units": json.dumps(units, ensure_ascii=False),
        "source": "second-skin-lab fleet pull",
    }


async def _said_missed(fleet: reading.Fleet, site: str, suit: str, session: Session) -> int | None:
    """By the last status of the session that came before the batches of the next one."""
    newest = None
    async for message in fleet.batches(site, suit, STATUS, first_seq=session.first_seq):
        if message.session == session.name:
            told = batches.unpack(message.payload)["messages"]
            newest = told[-1].get("missed_ticks") if told else newest
        elif message.seq > session.last_seq:
            break
    return newest
