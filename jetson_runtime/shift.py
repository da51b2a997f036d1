"""A dose (`dose.py`) over a shift, from a client's frames, in a file that outlives restarts. Standard library only.

The file is JSON, replaced as a whole (`suit/durable.py`): after a kill or a power cut it holds all up to the last
`save`, and the time since then counts as not heard.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetson_runtime.dose import Dose, Load, restored
from jetson_runtime.stream.received import ReceivedFrame
from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import ShiftError
from jetson_runtime.suit.signals import PERIOD_NS

_FORMAT = 1
# Two people who weigh the same within this are taken for one.
_SAME_MASS_KG = 0.5
# A file that was not written for so long is of another shift.
LONGEST_PAUSE_S = 12 * 3600.0


def moments_hold(frame: ReceivedFrame) -> bool:
    """Whether the frame's moments are to be believed: it is valid, and the feet carry the person."""
    return frame.valid and frame.moment_valid


class FrameDose:
    """Takes frames in their order and keeps the dose of `names` (moments by OpenSim name, of Nm/kg times the mass).

    A frame speaks for its own 5 ms. Between two frames of a session the service's clock tells what was not heard;
    before the first frame, since the newest and between two sessions, as the service's machine may have been restarted,
    this client's does. since_ns: when it began to listen, on the clock of receive_ns; None tells nothing of the time
    before the first frame.
    """

    def __init__(
        self, names: Sequence[str], dose: Dose | None = None, *, since_ns: int | None = None
    ) -> None:
        self.dose = dose or Dose(names)
        self._since_ns = since_ns
        self._before: ReceivedFrame | None = None

    def take(self, frame: ReceivedFrame, mass_kg: float | None) -> None:
        """mass_kg: the wearer's, from `hello`; None where it is not known: then the frame counts as not valid."""
        before, self._before = self._before, frame
        if before is None:
            if self._since_ns is not None:
                self.dose.unheard(frame.receive_ns - self._since_ns - PERIOD_NS)
        elif frame.session != before.session:
            self.dose.unheard(frame.receive_ns - before.receive_ns - PERIOD_NS)
        elif frame.t_ns <= before.t_ns:
            self._before = before
            return
        else:
            self.dose.unheard(frame.t_ns - before.t_ns - PERIOD_NS)
        if mass_kg is None or not moments_hold(frame):
            self.dose.tick(None)
            return
        self.dose.tick([frame.moment.get(name, math.nan) * mass_kg for name in self.dose.loads])

    def until(self, now_ns: int) -> Dose:
        """The dose with what was not heard up to `now_ns`: a copy, as the next frame tells how long that has been."""
        dose = copy.deepcopy(self.dose)
        heard_ns = self._since_ns if self._before is None else self._before.receive_ns + PERIOD_NS
        if heard_ns is not None:
            dose.unheard(now_ns - heard_ns)
        return dose


class Shift:
    """The dose of one shift of one wearer, kept in `path`: of those of `names` that the suit sends.

    A file that is there is gone on with: what passed since it was saved counts as not heard, by the wall clock. Where
    that clock stood before the time of saving (a machine without a battery for it), nobody knows how long the pause
    was: it is counted in `unknown_pauses` and adds no time. ShiftError: see there.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.begun_utc_s = time.time()
        self.restarts = 0
        self.unknown_pauses = 0
        self.mass_kg: float | None = None
        self._names = tuple(names)
        self._frames = FrameDose(names, since_ns=time.monotonic_ns())
        if path.exists():
            self._go_on()

    @property
    def dose(self) -> Dose:
        """Up to now, silence included; a copy."""
        return self._frames.until(time.monotonic_ns())

    def take(self, frame: ReceivedFrame, mass_kg: float | None) -> None:
        """One frame; ShiftError where the wearer is not the shift's, or the suit sends other moments than before."""
        if mass_kg is not None:
            if self.mass_kg is not None and abs(mass_kg - self.mass_kg) > _SAME_MASS_KG:
                raise ShiftError(
                    f"{self.path}: is the shift of a wearer of {self.mass_kg:g} kg, the suit is now worn by one of "
                    f"{mass_kg:g} kg; name another file"
                )
            self.mass_kg = mass_kg
        sent = tuple(name for name in self._names if name in frame.moment)
        if sent and sent != tuple(self._frames.dose.loads):
            self._measure(sent)
        self._frames.take(frame, mass_kg)

    def save(self) -> None:
        """Puts all on the disk; OSError where that cannot be, and then the file is as it was."""
        told = {
            "format": _FORMAT,
            "begun_utc_s": self.begun_utc_s,
            "saved_utc_s": time.time(),
            "restarts": self.restarts,
            "unknown_pauses": self.unknown_pauses,
            "mass_kg": self.mass_kg,
            "dose": self.dose.state(),
        }
        durable.write(self.path, json.dumps(told, indent=1).encode())

    def _measure(self, sent: tuple[str, ...]) -> None:
        """Of `sent` alone from here on, while nothing has been measured yet."""
        dose = self._frames.dose
        if dose.valid_ticks:
            raise ShiftError(
                f"{self.path}: is of {', '.join(dose.loads)}, the suit now sends {', '.join(sent)}; "
                "name another file"
            )
        dose.loads = {name: Load() for name in sent}

    def _go_on(self) -> None:
        told, dose = self._read()
        if not set(dose.loads) <= set(self._names):
            raise ShiftError(f"{self.path}: is of {', '.join(dose.loads)}; name another file")
        passed_s = time.time() - told["saved_utc_s"]
        if passed_s > LONGEST_PAUSE_S:
            raise ShiftError(
                f"{self.path}: was last written {passed_s / 3600:.0f} h ago, in another shift; name another file"
            )
        if passed_s < 0:
            self.unknown_pauses = told["unknown_pauses"] + 1
        else:
            self.unknown_pauses = told["unknown_pauses"]
            dose.unheard(round(passed_s * 1e9))
        self.begun_utc_s, self.mass_kg = told["begun_utc_s"], told["mass_kg"]
        self.restarts = told["restarts"] + 1
        self._frames = FrameDose(tuple(dose.loads), dose, since_ns=time.monotonic_ns())

    def _read(self) -> tuple[dict[str, Any], Dose]:
        try:
            told = json.loads(self.path.read_bytes())
            if told["format"] != _FORMAT:
                raise ValueError(f"format {told['format']}")
            numbers = (told["saved_utc_s"], told["begun_utc_s"], told["restarts"], told["unknown_pauses"])
            if not all(isinstance(number, int | float) for number in numbers):
                raise TypeError("a time or a count is no number")
            return told, restored(told["dose"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShiftError(
                f"{self.path}: is no shift that was saved here ({error}); keep it, and name another file"
            ) from error
