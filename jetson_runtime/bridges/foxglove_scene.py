"""What Foxglove draws in its 3D panel: the stick figure, and the insoles' maps at its feet.

Frame `suit`: x forward, y to the wearer's left, z up, metres; the origin on the ground below the pelvis.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from foxglove.messages import (
    Color,
    Duration,
    Grid,
    LinePrimitive,
    LinePrimitiveLineType,
    PackedElementField,
    PackedElementFieldNumericType,
    Point3,
    Pose,
    Quaternion,
    SceneEntity,
    SceneEntityDeletion,
    SceneEntityDeletionType,
    SceneUpdate,
    Timestamp,
    Vector2,
    Vector3,
)

from jetson_runtime.dashboard.figure import figure

FRAME_ID = "suit"
# The outcomes do not tell how tall the wearer is: a body of this height is drawn.
_HEIGHT_M = 1.75
# Half of the distance between the hips' centres.
_HIP_M = 0.09
_THICKNESS_M = 0.03
# A figure of an older instant than this is not shown: six of them come in that time.
LIFETIME_NS = 300_000_000
_BESIDE = {"leg_r": -_HIP_M, "leg_l": _HIP_M, "trunk": 0.0}
_COLOURS = {"leg_r": (0.90, 0.35, 0.10), "leg_l": (0.10, 0.45, 0.85), "trunk": (0.45, 0.45, 0.45)}
_FOOT_BESIDE_M = {"r": -_HIP_M, "l": _HIP_M}
# A cell of the grid: kPa, and 1 where the insole has a sensor.
_CELL = struct.Struct("<fB")
_FIELDS = (
    ("kpa", 0, PackedElementFieldNumericType.Float32),
    ("sensor", 4, PackedElementFieldNumericType.Uint8),
)


def timestamp(utc_ns: int) -> Timestamp:
    return Timestamp(utc_ns // 1_000_000_000, utc_ns % 1_000_000_000)


def scene(frame: Mapping[str, Any], utc_ns: int) -> SceneUpdate:
    """The lines of a `frame` as entities `leg_r`, `leg_l` and `trunk`; those whose angles are not known are deleted."""
    lines = figure(frame["angle"] if frame["valid"] else {})
    at = timestamp(utc_ns)
    return SceneUpdate(
        deletions=[
            SceneEntityDeletion(timestamp=at, type=SceneEntityDeletionType.MatchingId, id=name)
            for name in _BESIDE
            if name not in lines
        ],
        entities=[_entity(name, points, at) for name, points in lines.items()],
    )


def pressure_grid(foot: Mapping[str, Any], side: str, utc_ns: int) -> Grid:
    """One insole of `pressure`: x from the heel's edge to the toes, y from the right edge to the left."""
    rows, columns, pitch_m = foot["rows"], foot["columns"], foot["pitch_m"]
    cells = bytearray(rows * columns * _CELL.size)
    for place, kpa in zip(foot["cells"], foot["kpa"], strict=False):
        row, column = divmod(place, columns)
        at = (columns - 1 - column) * rows + (rows - 1 - row)
        _CELL.pack_into(cells, at * _CELL.size, kpa, 1)
    return Grid(
        timestamp=timestamp(utc_ns),
        frame_id=FRAME_ID,
        pose=Pose(
            position=Vector3(x=-rows * pitch_m / 2, y=_FOOT_BESIDE_M[side] - columns * pitch_m / 2, z=-0.01),
            orientation=Quaternion(w=1.0),
        ),
        column_count=rows,
        cell_size=Vector2(x=pitch_m, y=pitch_m),
        row_stride=rows * _CELL.size,
        cell_stride=_CELL.size,
        fields=[PackedElementField(name=name, offset=offset, type=kind) for name, offset, kind in _FIELDS],
        data=bytes(cells),
    )


def _entity(name: str, points: list[tuple[float, float]], at: Timestamp) -> SceneEntity:
    red, green, blue = _COLOURS[name]
    beside_m = _BESIDE[name]
    return SceneEntity(
        timestamp=at,
        frame_id=FRAME_ID,
        id=name,
        lifetime=Duration(0, LIFETIME_NS),
        lines=[
            LinePrimitive(
                type=LinePrimitiveLineType.LineStrip,
                pose=Pose(position=Vector3(), orientation=Quaternion(w=1.0)),
                thickness=_THICKNESS_M,
                points=[Point3(x=_HEIGHT_M * x, y=beside_m, z=_HEIGHT_M * z) for x, z in points],
                color=Color(r=red, g=green, b=blue, a=1.0),
            )
        ],
    )
