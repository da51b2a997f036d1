"""Cumulative load (dose) of joint moments over a shift, for work on injury risk. Standard library only.

Of a moment M, in Nm, over the time that was measured:

    linear   = sum |M| dt      in Nms: the integrated lumbar moment of a shift, an independent risk factor for reported
                               low-back pain in Norman et al. 1998 (Clinical Biomechanics 13(8):561-573); a determinant
                               of low-back pain in Coenen et al. 2014 (Occup Environ Med 71(5):332-337,
                               doi:10.1136/oemed-2013-101862)
    squared  = sum M^2 dt      in (Nm)^2 s: the squared weighted load of Coenen et al. 2014, where it went with low-back
                               pain as well; an exponent of 2 also fits spine segments that fail in vitro under cyclic
                               compression (Coenen et al. 2012, Clinical Biomechanics 27), and squared weighting of the
                               disc's compression is that of the Mainz-Dortmund dose model (DGUV project FF-FB 0155A)
    peak     = max |M|         in Nm: of single ticks, so that noise is in it; Coenen et al. found no effect of the peak

The sources are about the whole moment of the low back; the suit tells its sagittal component. No source known to us
relates the sagittal moment of a knee summed up like this with injury. No limit of a dose is set or implied here.

Time that was not measured is told, never filled, and nothing is scaled up to a whole shift.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from jetson_runtime.suit.signals import PERIOD_NS

_TICK_S = PERIOD_NS * 1e-9


@dataclass
class Load:
    """What one moment has added up to."""

    linear_nms: float = 0.0
    squared_nm2s: float = 0.0
    peak_nm: float = 0.0


class Dose:
    """Of the moments `names`, tick by tick of 5 ms; each tick is measured, not valid, or not heard.

    valid_ticks: with a number for each moment; invalid_ticks: a frame came and its moments are not to be believed;
    unheard_ns: no frame speaks of that time.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.loads = {name: Load() for name in names}
        self.valid_ticks = 0
        self.invalid_ticks = 0
        self.unheard_ns = 0

    def tick(self, moments_nm: Sequence[float] | None) -> None:
        """One tick: a moment for each name in Nm, or None where they are not valid; one that is no number is not."""
        if moments_nm is None or not all(map(math.isfinite, moments_nm)):
            self.invalid_ticks += 1
            return
        self.valid_ticks += 1
        for load, moment in zip(self.loads.values(), moments_nm, strict=True):
            size = abs(moment)
            load.linear_nms += size * _TICK_S
            load.squared_nm2s += size * size * _TICK_S
            load.peak_nm = max(load.peak_nm, size)

    def unheard(self, duration_ns: int) -> None:
        """Time of which no frame speaks."""
        self.unheard_ns += max(0, duration_ns)

    @property
    def valid_s(self) -> float:
        return self.valid_ticks * _TICK_S

    def table(self) -> dict[str, Any]:
        """`valid_s`, `invalid_s`, `unheard_s`, and by name the sums with their `mean_nm` and `rms_nm` over `valid_s`.

        mean and rms are nil while nothing was valid.
        """
        valid_s = self.valid_s
        loads = {
            name: {
                **asdict(load),
                "mean_nm": load.linear_nms / valid_s if valid_s else None,
                "rms_nm": math.sqrt(load.squared_nm2s / valid_s) if valid_s else None,
            }
            for name, load in self.loads.items()
        }
        return {
            "valid_s": valid_s,
            "invalid_s": self.invalid_ticks * _TICK_S,
            "unheard_s": self.unheard_ns * 1e-9,
            "loads": loads,
        }

    def text(self) -> str:
        """`table` in words, a line each."""
        table = self.table()
        not_measured = table["invalid_s"] + table["unheard_s"]
        whole = table["valid_s"] + not_measured
        share = table["valid_s"] / whole if whole else 0.0
        lines = [
            f"measured {_hours(table['valid_s'])} of {_hours(whole)} ({share:.0%}); not valid "
            f"{_hours(table['invalid_s'])}, not heard {_hours(table['unheard_s'])}: neither is in the sums"
        ]
        for name, load in table["loads"].items():
            if load["mean_nm"] is None:
                lines.append(f"{name}: nothing measured")
                continue
            lines.append(
                f"{name}: {load['linear_nms']:.6g} Nms, {load['squared_nm2s']:.6g} (Nm)²s, "
                f"mean {load['mean_nm']:.1f} Nm, rms {load['rms_nm']:.1f} Nm, peak {load['peak_nm']:.1f} Nm"
            )
        return "\n".join(lines)

    def state(self) -> dict[str, Any]:
        """All of it, of plain types; `restored` gives it back."""
        return {
            "valid_ticks": self.valid_ticks,
            "invalid_ticks": self.invalid_ticks,
            "unheard_ns": self.unheard_ns,
            "loads": {name: asdict(load) for name, load in self.loads.items()},
        }


def restored(state: Mapping[str, Any]) -> Dose:
    """What `state` told. ValueError, KeyError, TypeError, AttributeError: it is none."""
    dose = Dose(tuple(state["loads"]))
    for key in ("valid_ticks", "invalid_ticks", "unheard_ns"):
        setattr(dose, key, _whole(state[key]))
    for name, told in state["loads"].items():
        numbers = {field.name: float(told[field.name]) for field in fields(Load)}
        if not all(math.isfinite(number) and number >= 0.0 for number in numbers.values()):
            raise ValueError(f"{name}: {told}")
        dose.loads[name] = Load(**numbers)
    return dose


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _hours(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
