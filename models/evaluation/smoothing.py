"""What a client's low-pass costs and gives: errors of a bundle's outcomes against the filter's cut-off and delay.

The estimates are those of the device, the filter the client's own numbers (`jetson_runtime.stream.smoothing`), run
forward alone and begun anew behind each gap, as there. The truth is as it is: delay counts as error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.signal import lfilter

from jetson_runtime.stream.smoothing import LowPass
from models.data.stretches import stretches
from models.evaluation.delay import delay_ms
from models.evaluation.markdown import digits_of, number, table
from models.evaluation.series import COLUMNS, Doubles, Series

CUTOFFS_HZ = (25.0, 20.0, 15.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0)
_NETWORK = "tcn"


def smoothed(values: Doubles, low_pass: LowPass) -> Doubles:
    """Columns (n, k), one row each 5 ms, as a client's `Series` would tell them; NaN stays NaN."""
    out = np.array(values, np.float64)
    b, a = np.array(low_pass.b), np.array(low_pass.a)
    for column in out.T:
        for first, last in stretches(np.isfinite(column)):
            part = column[first:last]
            begun = part[0] * np.array([1.0 - b[0], b[2] - a[2]])
            column[first:last] = lfilter(b, a, part, zi=begun)[0]
    return out


def curve(series: Sequence[Series], cutoffs_hz: Sequence[float] = CUTOFFS_HZ) -> list[dict[str, Any]]:
    """A row for the estimates as sent (`cutoff_hz` None) and one for each cut-off.

    delay_ms: the filter's, at 0 Hz. rmse: by outcome, each person's over both sides, averaged. late_ms: by outcome, the
    median over trials of how late it is against the truth, the network's own lateness in it. roughness: the estimates'
    second differences against those as sent, root mean square, averaged over outcomes.
    """
    bare = _rough(series, None)
    rows = []
    for low_pass in (None, *map(LowPass, cutoffs_hz)):
        rough = _rough(series, low_pass)
        rows.append(
            {
                "cutoff_hz": None if low_pass is None else low_pass.cutoff_hz,
                "delay_ms": 0.0 if low_pass is None else low_pass.delay_ms,
                "rmse": {name: _rmse(series, low_pass, columns) for name, columns in COLUMNS.items()},
                "late_ms": {name: _late(series, low_pass, columns) for name, columns in COLUMNS.items()},
                "roughness": float(np.mean([rough[name] / bare[name] for name in COLUMNS])),
            }
        )
    return rows


def markdown(rows: Sequence[dict[str, Any]], people: int, trials: int) -> str:
    """Errors by cut-off, then lateness."""
    names = list(COLUMNS)
    units = ["Nm/kg" if name.endswith("moment") else "deg" for name in names]
    head = ("cut-off Hz", "delay ms", "roughness", *(f"{n} {u}" for n, u in zip(names, units, strict=True)))
    errors = [
        (
            *_lead(row),
            number(row["roughness"], 2),
            *(number(row["rmse"][name], digits_of(name)) for name in names),
        )
        for row in rows
    ]
    late = [(*_lead(row), *(number(row["late_ms"][name], 0) for name in names)) for row in rows]
    return "\n\n".join(
        [
            f"RMSE, each person's averaged; {people} people, {trials} trials. Delay: the filter's, at 0 Hz.",
            table(head, errors),
            "How late against the truth, ms: median over trials and sides.",
            table(("cut-off Hz", "delay ms", *names), late),
        ]
    )


def _lead(row: dict[str, Any]) -> tuple[str, str]:
    cutoff = row["cutoff_hz"]
    return "as sent" if cutoff is None else f"{cutoff:g}", number(row["delay_ms"], 1)


def _estimate(one: Series, low_pass: LowPass | None, columns: Sequence[int]) -> Doubles:
    values = one.estimates[_NETWORK][:, list(columns)]
    return values if low_pass is None else smoothed(values, low_pass)


def _rmse(series: Sequence[Series], low_pass: LowPass | None, columns: Sequence[int]) -> float:
    sums: dict[str, tuple[float, int]] = {}
    for one in series:
        error = _estimate(one, low_pass, columns) - one.truth[:, list(columns)]
        known = np.isfinite(error)
        squares, points = sums.get(one.subject, (0.0, 0))
        sums[one.subject] = (squares + float(np.sum(error[known] ** 2)), points + int(known.sum()))
    told = [math.sqrt(squares / points) for squares, points in sums.values() if points]
    return float(np.mean(told)) if told else math.nan


def _late(series: Sequence[Series], low_pass: LowPass | None, columns: Sequence[int]) -> float:
    told = [
        delay_ms(estimate, truth)
        for one in series
        for estimate, truth in zip(
            _estimate(one, low_pass, columns).T, one.truth[:, list(columns)].T, strict=True
        )
    ]
    known = [value for value in told if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan


def _rough(series: Sequence[Series], low_pass: LowPass | None) -> dict[str, float]:
    rough = {}
    for name, columns in COLUMNS.items():
        bends = [np.diff(_estimate(one, low_pass, columns), 2, axis=0) for one in series]
        values = np.concatenate([bend[np.isfinite(bend)] for bend in bends])
        rough[name] = float(np.sqrt(np.mean(values**2))) if len(values) else math.nan
    return rough
