"""What a trial was worth: frames, recorder and service looked at while it runs, and one line for each thing wrong."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jetson_runtime.client import ReceivedFrame
from jetson_runtime.collect import counting
from jetson_runtime.collect.protocol import Way
from jetson_runtime.service.faults import Fault

# More than this share of a trial without one of the sensors is told by its name.
_MISSING_SHARE = 0.01
# A trial of so many seconds may end this much early: it is ended by a person.
_SHORT_SHARE = 0.9
# What does not come to this client may well be recorded; but of more than this share nobody knows what it was worth.
_LOST_SHARE = 0.25


class Watch:
    """`take` and `look` while the trial runs; `findings` at its end."""

    def __init__(self, way: Way, session: str | None) -> None:
        """session: of the service as the trial begins."""
        self._way = way
        self._session = session
        self._seqs: list[int] = []
        self._valid = 0
        self._missing: Counter[str] = Counter()
        self._values = array("d")
        self._other_session = False
        self._recorder: dict[str, None] = {}

    def take(self, frames: Iterable[ReceivedFrame]) -> None:
        """The frames that have come since."""
        for frame in frames:
            if frame.session != self._session:
                self._other_session = True
                continue
            self._seqs.append(frame.seq)
            self._valid += frame.valid
            self._missing.update(frame.missing)
            self._values.append(_value(frame, self._way))

    def look(self, status: Mapping[str, Any] | None) -> None:
        """The newest status: whether the recorder keeps what is said."""
        if status is not None and (what := recorder_trouble(status)):
            self._recorder[what] = None

    @property
    def counted(self) -> int | None:
        """Repetitions that the stream shows; None where it cannot show any."""
        values = np.frombuffer(self._values, dtype=np.float64) if self._values else np.empty(0)
        if self._way == "hips":
            return counting.excursions(values)
        return counting.strides(values) if self._way == "strides" else None

    def findings(self, seconds: float, wanted_s: float | None, valid_share: float) -> list[str]:
        """What makes the trial one to do again; nothing where it is usable. seconds: how long it took."""
        if self._other_session:
            return ["the service started anew in its middle", *self._recorder]
        count = len(self._seqs)
        if not count:
            return ["no frame came", *self._recorder]
        found = list(self._recorder)
        share = self._valid / count
        if share < valid_share:
            found.append(f"{100 * share:.0f} % of its frames are valid, {100 * valid_share:.0f} % are wanted")
        for name, times in self._missing.most_common(3):
            if times > _MISSING_SHARE * count:
                found.append(f"{name} was missing in {100 * times / count:.0f} % of its frames")
        lost = 1.0 - count / (self._seqs[-1] - self._seqs[0] + 1)
        if lost > _LOST_SHARE:
            found.append(f"{100 * lost:.0f} % of its frames never came")
        if wanted_s is not None and seconds < _SHORT_SHARE * wanted_s:
            found.append(f"it took {seconds:.0f} s, {wanted_s:.0f} s are wanted")
        return found


def recorder_trouble(status: Mapping[str, Any]) -> str:
    """Why nothing is recorded now; empty where it is."""
    told = status.get("recording")
    if told is None:
        return "no recorder runs"
    state = told.get("state")
    if state == "recording":
        silent = [one["text"] for one in status.get("faults", []) if one["number"] == Fault.RECORDER_SILENT]
        return silent[0] if silent else ""
    return f"the recorder is {state}" + (f": {told['why']}" if told.get("why") else "")


def _value(frame: ReceivedFrame, way: Way) -> float:
    """Of a frame, what repetitions show in; NaN where it is not known."""
    if way == "strides":
        return frame.ground["r"].vgrf
    if way == "none":
        return math.nan
    told = [_hip(frame, side) for side in "rl"]
    known = [value for value in told if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _hip(frame: ReceivedFrame, side: str) -> float:
    """By the IMUs since the tare; else by the network."""
    name = f"hip_flexion_{side}"
    value = frame.angle_imu.get(name, math.nan)
    return value if math.isfinite(value) else frame.angle.get(name, math.nan)
