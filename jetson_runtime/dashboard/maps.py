"""The insoles' pressure as the page draws it: one byte a place of the grid. Pure."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

UNIT_KPA = 2.0
# No cell there.
NOTHING = 255
_MOST = 254
# A map is drawn while it is at most so old.
FRESH_NS = 500_000_000


def feet(message: Mapping[str, Any] | None, now_ns: int) -> dict[str, Any]:
    """Of a `pressure` message, by side; None for an insole that is missing or whose map is old."""
    insoles = (message or {}).get("insoles") or {}
    return {side: _foot(insoles.get(side), 1 if side == "r" else -1, now_ns) for side in ("l", "r")}


def _foot(insole: Mapping[str, Any] | None, lateral: int, now_ns: int) -> dict[str, Any] | None:
    """map: base64 of rows x columns bytes from the toes, each UNIT_KPA. centre: row and column from 0, or None."""
    if insole is None or now_ns - insole["t_ns"] > FRESH_NS:
        return None
    rows, columns = insole["rows"], insole["columns"]
    picture = bytearray([NOTHING]) * (rows * columns)
    for place, kpa in zip(insole["cells"], insole["kpa"] or [0.0] * len(insole["cells"]), strict=True):
        picture[place] = min(_MOST, round(kpa / UNIT_KPA))
    return {
        "rows": rows,
        "columns": columns,
        "map": base64.b64encode(picture).decode(),
        "unit_kpa": UNIT_KPA,
        "most_kpa": round(max(insole["kpa"], default=0.0)),
        "force_n": round(insole["force_n"]),
        "centre": _centre(insole, lateral),
    }


def _centre(insole: Mapping[str, Any], lateral: int) -> tuple[float, float] | None:
    ahead, aside, pitch = insole["cop_ap_m"], insole["cop_ml_m"], insole["pitch_m"]
    if not insole["loaded"] or not (math.isfinite(ahead) and math.isfinite(aside)):
        return None
    row = (insole["rows"] - 1) / 2 - ahead / pitch
    return round(row, 2), round((insole["columns"] - 1) / 2 + lateral * aside / pitch, 2)
