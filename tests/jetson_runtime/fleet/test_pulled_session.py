"""Batches on a real server, and the Parquet file that `second-skin-lab fleet pull` makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from nats_process import NatsProcess

from jetson_runtime.fleet import batches
from jetson_runtime.fleet.server import Access
from jetson_runtime.suit.errors import FleetError

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq

from models.fleet import pull


def second(
    number: int,
    heel_strike_ns: int | None = None,
    frame: Mapping[str, Any] = MappingProxyType({}),
    **hello: Any,
) -> batches.Batch:
    """A batch of two frames. frame: what else they hold; hello: what the batch tells of it."""
    frames = [
        {
            "session": "s",
            "seq": seq,
            "t_ns": seq * 5_000_000,
            "publish_ns": seq * 5_000_000 + 1,
            "valid": True,
            "ground": {"r": {"vgrf": 0.5, "heel_strike_ns": heel_strike_ns}},
            **frame,
        }
        for seq in (2 * number, 2 * number + 1)
    ]
    (batch,) = batches.of_frames(frames)
    return {**batch, **hello}


def pulled(nats: NatsProcess, out: Path, sent: Sequence[batches.Batch]) -> pull.Pulled:
    """Of session `s`, once the server has `sent`."""
    nats.put("s1", [batches.pack(batch, "x", number) for number, batch in enumerate(sent, 1)])
    return asyncio.run(pull.pull(Access((nats.url,)), None, "s1", "s", out, print))


def test_a_session_begins_before_the_first_step_and_is_whole(nats: NatsProcess, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    done = pulled(nats, out, [second(0), second(1, 7), second(2, 12), second(3)])
    assert done.check.whole
    read = pq.read_table(out)["ground_r_heel_strike_ns"]
    assert read.type == pa.int64()
    assert read.to_pylist() == [None, None, 7, 7, 12, 12, None, None]


@pytest.mark.parametrize(("first", "then"), [(1, "running"), (True, "running"), (1.5, "running")])
def test_a_column_that_changes_its_type_is_told_and_leaves_no_file(
    nats: NatsProcess, tmp_path: Path, first: Any, then: Any
) -> None:
    sent = [second(0, frame={"state": first}), second(1, frame={"state": then})]
    with pytest.raises(FleetError, match=r"lab/s1: .*running"):
        pulled(nats, tmp_path / "x.parquet", sent)
    assert not list(tmp_path.glob("*x.parquet*"))


def test_a_file_tells_the_newest_words_and_the_offset_of_a_clock_that_was_set(
    nats: NatsProcess, tmp_path: Path
) -> None:
    """A suit that starts without a network knows neither the time nor, for a second, what hello says."""
    out = tmp_path / "x.parquet"
    sent = [
        second(0),
        second(1, utc_minus_monotonic_ns=1, clock_synchronised=False, body_mass_kg=70.0),
        second(2, utc_minus_monotonic_ns=2, clock_synchronised=True, model={"name": "a"}),
        second(3, utc_minus_monotonic_ns=3, clock_synchronised=True, body_mass_kg=71.5),
        second(4, utc_minus_monotonic_ns=4, clock_synchronised=False, model={"name": "b"}),
    ]
    assert pulled(nats, out, sent).check.whole
    metadata = pq.read_metadata(out).metadata
    keys = ("utc_minus_monotonic_ns", "clock_synchronised", "body_mass_kg", "model", "missing")
    assert {key: json.loads(metadata[key.encode()]) for key in keys} == {
        "utc_minus_monotonic_ns": 3,
        "clock_synchronised": True,
        "body_mass_kg": 71.5,
        "model": {"name": "b"},
        "missing": [],
    }
    assert (metadata[b"site"], metadata[b"suit"], metadata[b"session"]) == (b"lab", b"s1", b"s")
