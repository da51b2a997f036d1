"""Batches of frames as rows: every number once, gaps as nothing, units with their columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jetson_runtime.fleet import batches
from jetson_runtime.suit.signals import LABEL_NAMES
from models.fleet.rows import Rows, unit_of


def frame(seq: int, **more: Any) -> dict[str, Any]:
    return {
        "topic": "frame",
        "v": 1,
        "session": "s1",
        "seq": seq,
        "t": seq * 0.005,
        "t_ns": seq * 5_000_000,
        "publish_ns": seq * 5_000_000 + 1,
        "age_ms": 1.5,
        "valid": True,
        "state": "running",
        "missing": [],
        "angle": {"knee_angle_r": float(seq), "lumbar_extension": math.nan},
        "moment": {"knee_angle_r_moment": 0.5},
        "ground": {"r": {"vgrf": 0.5, "contact": True}},
        **more,
    }


def columns(*seqs: int, **more: Any) -> dict[str, Any]:
    (batch,) = batches.of_frames([frame(seq, **more) for seq in seqs])
    return batches.columns(batches.unpack(batches.pack(batch, "x", 1)))


def told(rows: Rows, *several: dict[str, Any]) -> pa.Table:
    return pa.concat_tables([table for one in several for table in rows.of(one)])


def test_values_come_back_to_the_last_bit() -> None:
    values = [0.1, 1e-300, math.pi, -0.0]
    several = [frame(seq, age_ms=value, seq_big=2**62 + seq) for seq, value in enumerate(values)]
    (batch,) = batches.of_frames(several)
    got = batches.columns(batch)
    assert [value.hex() for value in got["age_ms"]] == [value.hex() for value in values]
    assert list(got["seq_big"]) == [2**62 + seq for seq in range(4)]
    assert got["valid"] == [True] * 4
    assert got["missing"] == [[]] * 4


def test_frames_of_other_fields_are_batches_of_their_own() -> None:
    several = [frame(1), frame(2), frame(3, velocity={"knee_angle_r": 2.0}), frame(4)]
    made = batches.of_frames(several)
    assert [(one["first"], one["last"]) for one in made] == [(1, 2), (3, 3), (4, 4)]
    assert list(batches.columns(made[1])["velocity.knee_angle_r"]) == [2.0]


def test_a_gap_is_rows_of_nothing_on_the_grid() -> None:
    rows = Rows()
    table = told(rows, columns(10, 11), columns(14, 15))
    assert table["seq"].to_pylist() == list(range(10, 16))
    assert table["t_ns"].to_pylist() == [seq * 5_000_000 for seq in range(10, 16)]
    assert table["time"].to_pylist() == pytest.approx([0.005 * i for i in range(6)])
    assert (
        table["received"].to_pylist() == table["valid"].to_pylist() == [True, True, False, False, True, True]
    )
    knee = table["knee_angle_r"].to_pylist()
    assert (knee[:2], knee[4:]) == ([10.0, 11.0], [14.0, 15.0])
    assert all(math.isnan(value) for value in knee[2:4])
    assert table["state"].to_pylist()[1:4] == ["running", None, None]
    assert (rows.check.missing, rows.check.absent, rows.check.whole) == ([(12, 2)], 2, False)


def test_a_long_gap_is_whole_too() -> None:
    rows = Rows()
    table = told(rows, columns(1), columns(40_000))
    assert table["seq"].to_pylist() == list(range(1, 40_001))
    assert sum(table["received"].to_pylist()) == 2


def test_what_comes_twice_or_late_is_left_out_and_counted() -> None:
    rows = Rows()
    table = told(rows, columns(1, 2, 3), columns(2, 3, 4), columns(5))
    assert table["seq"].to_pylist() == [1, 2, 3, 4, 5]
    assert (rows.check.repeated, rows.check.frames, rows.check.whole) == (2, 5, False)


def test_columns_are_named_as_export_names_them_and_know_their_units() -> None:
    rows = Rows()
    names = told(rows, columns(1, 2)).column_names
    assert names[:8] == [
        "time", "t_ns", "seq", "received", "valid", "knee_angle_r", "lumbar_extension", "knee_angle_r_moment",
    ]  # fmt: skip
    assert {"knee_angle_r", "knee_angle_r_moment"} <= set(LABEL_NAMES)
    assert rows.schema is not None
    units = {one.name: (one.metadata or {}).get(b"unit", b"").decode() for one in rows.schema}
    assert (units["time"], units["t_ns"], units["age_ms"], units["valid"]) == ("s", "ns", "ms", "")
    assert (units["knee_angle_r"], units["knee_angle_r_moment"]) == ("deg", "Nm/kg")
    assert units["ground_r_vgrf"] == "bodyweights"
    assert [
        unit_of(path)
        for path in ("interval.knee_angle_r_moment", "angle_imu.x", "ground.l.cop_ap", "ground.l.toe_off_ns")
    ] == [
        "Nm/kg",
        "deg",
        "foot lengths",
        "ns",
    ]


def step(seq: int, heel_strike_ns: int | None) -> dict[str, Any]:
    return columns(seq, ground={"r": {"contact": True, "heel_strike_ns": heel_strike_ns}})


def test_an_instant_that_is_none_before_the_first_step_and_behind_a_pause_is_an_integer(
    tmp_path: Path,
) -> None:
    table = told(Rows(), step(1, None), step(2, 2**60 + 1), step(4, None))
    pq.write_table(table, tmp_path / "x.parquet")
    read = pq.read_table(tmp_path / "x.parquet")["ground_r_heel_strike_ns"]
    assert read.type == pa.int64()
    assert read.to_pylist() == [None, 2**60 + 1, None, None]


def test_a_column_of_nothing_takes_whatever_comes_later_as_text() -> None:
    several = [columns(seq, extra=extra) for seq, extra in enumerate((None, 3, 2.5, ["a", "b"], None))]
    assert told(Rows(), *several)["extra"].to_pylist() == [None, "3", "2.5", "a,b", None]


def test_bytes_that_are_no_batch_are_an_error() -> None:
    for payload in (b"", b"\x00", b"\xc1", batches.pack({"kind": "frames"}, "x", 1)):
        with pytest.raises(ValueError, match=r"batch|MessagePack"):
            batches.unpack(payload)
    (batch,) = batches.of_frames([frame(1)])
    for damaged in ({**batch, "columns": b"x"}, {**batch, "count": 2}, {**batch, "columns": None}):
        with pytest.raises(ValueError, match="columns"):
            batches.columns(damaged)
