"""For tests: what Foxglove is shown, held against the stream's own messages."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from bridged_suit import same

TOPICS = {
    "/frame": ("protobuf", "second_skin.Frame"),
    "/status": ("json", "second_skin.Status"),
    "/event": ("protobuf", "foxglove.Log"),
    "/figure": ("protobuf", "foxglove.SceneUpdate"),
    "/pressure/r": ("protobuf", "foxglove.Grid"),
    "/pressure/l": ("protobuf", "foxglove.Grid"),
}


def assert_same_frame(shown, frame) -> None:
    """shown: a Protobuf message."""
    assert (shown.seq, shown.t_ns, shown.session) == (frame["seq"], frame["t_ns"], frame["session"])
    assert (shown.valid, shown.state, list(shown.missing)) == (
        frame["valid"],
        frame["state"],
        frame["missing"],
    )
    for group in frame.keys() & {"angle", "moment", "velocity", "angle_imu", "interval"}:
        told = getattr(shown, group)
        assert all(same(getattr(told, name), value) for name, value in frame[group].items())
    for side in ("r", "l"):
        foot = getattr(shown.ground, side)
        assert all(
            same(getattr(foot, key), frame["ground"][side][key]) for key in ("vgrf", "cop_ap", "contact")
        )
        for key in ("heel_strike_ns", "toe_off_ns"):
            assert (getattr(foot, key) if foot.HasField(key) else None) == frame["ground"][side][key]


def cells_of(grid) -> np.ndarray:
    """(rows of the grid, columns, 2): kPa, and 1 where there is a sensor."""
    fields = {field.name: field.offset for field in grid.fields}
    count = len(grid.data) // grid.cell_stride
    told = [
        (
            struct.unpack_from("<f", grid.data, i * grid.cell_stride + fields["kpa"])[0],
            grid.data[i * grid.cell_stride + fields["sensor"]],
        )
        for i in range(count)
    ]
    return np.array(told).reshape(-1, grid.column_count, 2)


def assert_same_map(grid, foot, side) -> None:
    cells = cells_of(grid)
    assert cells.shape == (foot["columns"], foot["rows"], 2)
    assert cells[..., 1].sum() == len(foot["cells"])
    assert cells[..., 0].sum() == pytest.approx(sum(foot["kpa"]), rel=1e-5)
    # Where the centre of the grid's pressure lies is where the insole says that its centre is.
    ahead = (np.arange(foot["rows"]) + 0.5) * grid.cell_size.x + grid.pose.position.x
    to_left = (np.arange(foot["columns"]) + 0.5) * grid.cell_size.y + grid.pose.position.y
    kpa = cells[..., 0] / cells[..., 0].sum()
    lateral = -1 if side == "r" else 1
    middle = -0.09 if side == "r" else 0.09
    assert (kpa.sum(axis=0) * ahead).sum() == pytest.approx(foot["cop_ap_m"], abs=1e-3)
    assert (kpa.sum(axis=1) * to_left).sum() == pytest.approx(middle + lateral * foot["cop_ml_m"], abs=1e-3)
