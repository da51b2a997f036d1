"""Lines of a chip of the kernel's, through libgpiod 2."""

from __future__ import annotations

import errno
import select
from collections.abc import Mapping
from pathlib import Path

import gpiod
from gpiod.line import Bias, Clock, Direction, Value
from gpiod.line import Edge as Detection

from drivers.gpio.lines import EDGES_AT_ONCE, EDGES_WAITING, Edge, Line, LineError

_DEVICES = Path("/dev")
_WHY = {
    errno.EBUSY: "another program holds one of its lines; gpioinfo says which",
    errno.EACCES: "this user may not open it; add it to the group gpio",
    errno.EPERM: "this user may not open it; add it to the group gpio",
    errno.ENOENT: "is not there; gpiodetect lists the chips",
}
_DETECTION = {"rising": Detection.RISING, "falling": Detection.FALLING, "both": Detection.BOTH}


class KernelLines:
    """As `Lines` says."""

    def __init__(self, chip: str, lines: Mapping[str, Line], user: str) -> None:
        self._chip = chip
        path = _path(chip)
        try:
            with gpiod.Chip(path) as opened:
                offsets = {name: _offset(opened, chip, line.at) for name, line in lines.items()}
                if len(set(offsets.values())) < len(offsets):
                    raise LineError(f"{chip}: one line goes by two names; correct the lines in the config")
                self._request = opened.request_lines(
                    {offsets[name]: _settings(line) for name, line in lines.items()},
                    consumer=user,
                    event_buffer_size=EDGES_WAITING,
                )
        except OSError as error:
            raise _refused(chip, error) from error
        except ValueError as error:  # beyond the chip's last line
            raise LineError(f"{chip}: {error}; correct the lines in the config") from error
        self._offsets = offsets
        self._names = {offset: name for name, offset in offsets.items()}
        self._poll = select.poll()
        self._poll.register(self._request.fd, select.POLLIN)

    def fileno(self) -> int:
        return self._request.fd

    def read(self) -> list[Edge]:
        if not self._poll.poll(0):
            return []
        try:
            events = self._request.read_edge_events(EDGES_AT_ONCE)
        except OSError as error:
            raise _refused(self._chip, error) from error
        rising = gpiod.EdgeEvent.Type.RISING_EDGE
        return [
            Edge(
                self._names[event.line_offset],
                event.event_type is rising,
                event.timestamp_ns,
                event.line_seqno,
            )
            for event in events
        ]

    def set(self, on: Mapping[str, bool]) -> None:
        try:
            self._request.set_values(
                {self._offsets[name]: Value.ACTIVE if lit else Value.INACTIVE for name, lit in on.items()}
            )
        except OSError as error:
            raise _refused(self._chip, error) from error

    def close(self) -> None:
        self._request.release()


def _settings(line: Line) -> gpiod.LineSettings:
    if line.use == "output":
        return gpiod.LineSettings(direction=Direction.OUTPUT, active_low=line.active_low)
    off = Bias.PULL_UP if line.active_low else Bias.PULL_DOWN
    # No debouncing in the kernel: it would stamp an edge when it is over, not when it came.
    return gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=_DETECTION[line.use],
        bias=off if line.pull else Bias.AS_IS,
        active_low=line.active_low,
        event_clock=Clock.MONOTONIC,
    )


def _path(chip: str) -> str:
    """A chip's numbers may change from boot to boot, its label does not."""
    if "/" in chip:
        return chip
    for path in sorted(_DEVICES.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as found:
                info = found.get_info()
        except OSError:
            continue
        if chip in (info.label, info.name):
            return str(path)
    raise LineError(
        f"{chip}: no GPIO chip of this label can be opened; gpiodetect lists the chips and who may use them"
    )


def _offset(opened: gpiod.Chip, chip: str, at: int | str) -> int:
    try:
        return opened.line_offset_from_id(at)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        raise LineError(f"{chip}: has no line {at}; gpioinfo lists its lines") from error


def _refused(chip: str, error: OSError) -> LineError:
    why = _WHY.get(error.errno or 0, f"{error.strerror or error}; look at dmesg")
    return LineError(f"{chip}: {why}")
