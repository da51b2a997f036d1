"""What a server has of the suits of `bench fleet`: every batch once, in order, every frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetson_runtime.fleet import batches, reading, segment
from jetson_runtime.fleet.batches import FRAMES, MESSAGE_ID
from jetson_runtime.fleet.server import Access

SITE = "bench"


@dataclass
class Counted:
    """Of one suit. batches: on the server; lost: numbers that its store gave and the server has not; twice,
    disordered: batches. sent: frames of a light suit (None: a real one); frames: on the server; absent: frames that
    neither came nor were told as not heard; told: those that were."""

    suit: str
    batches: int = 0
    lost: int = 0
    twice: int = 0
    disordered: int = 0
    waited: int = 0
    sent: int | None = None
    frames: int = 0
    absent: int = 0
    told: int = 0

    @property
    def whole(self) -> bool:
        complete = self.sent is None or self.frames == self.sent
        return (
            self.batches > 0 and complete and not (self.lost or self.twice or self.disordered or self.absent)
        )


async def count(url: str, suits: dict[str, dict[str, Any] | None]) -> list[Counted]:
    found = []
    async with reading.opened(Access((url,))) as fleet:
        for name, sent in suits.items():
            counted = Counted(name, sent=int(sent["frames"]) if sent else None)
            await _count_one(fleet, counted)
            found.append(counted)
    return found


async def _count_one(fleet: reading.Fleet, counted: Counted) -> None:
    ids: set[str] = set()
    newest = dict.fromkeys(batches.KINDS, 0)
    next_seq: int | None = None
    async for message in fleet.batches(SITE, counted.suit, "*"):
        batch = batches.unpack(message.payload)
        counted.batches += 1
        counted.twice += message.headers[MESSAGE_ID] in ids
        counted.disordered += batch["number"] <= newest[batch["kind"]]
        counted.waited = max(counted.waited, message.waiting)
        ids.add(message.headers[MESSAGE_ID])
        newest[batch["kind"]] = max(newest[batch["kind"]], batch["number"])
        if batch["kind"] == FRAMES:
            told = {n for first, count in batch["missing"] for n in range(first, first + count)}
            for seq in map(int, batches.columns(batch)["seq"]):
                skipped = range(next_seq if next_seq is not None else seq, seq)
                counted.absent += sum(n not in told for n in skipped)
                next_seq = seq + 1
                counted.frames += 1
            counted.told += len(told)


def newest_number(store: Path) -> int:
    """The highest number that a bridge gave, by the files of its store."""
    newest = 0
    for path in segment.paths(store):
        one = segment.Segment(path)
        newest = max(newest, one.last or 0)
        one.close()
    return newest


async def still_missing(url: str, frames: dict[str, int]) -> dict[str, int]:
    left = {}
    async with reading.opened(Access((url,))) as fleet:
        for name, count in frames.items():
            newest = await fleet.newest(SITE, name, FRAMES)
            if newest is None or batches.unpack(newest.payload)["last"] < count - 1:
                left[name] = count
    return left
