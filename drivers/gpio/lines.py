"""What a line is, and who opens it: the kernel's GPIO chips, or a chip that is emulated behind a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from drivers.errors import DriverError

# A chip's name with this before it is the path of a socket, behind which somebody emulates one.
EMULATED = "emulated:"
# Edges that one `read` returns at the most, so that a line that swings all the time costs its reader little.
EDGES_AT_ONCE = 16
# Edges that wait for a reader; of more the oldest are lost, and their numbers missing.
EDGES_WAITING = 256

Use = Literal["output", "rising", "falling", "both"]


class LineError(DriverError):
    """A chip or a line that cannot be used; the message says which and why (`what`), and what to do."""

    @property
    def what(self) -> str:
        """Without what to do about it."""
        return str(self).partition("; ")[0]


class Line(NamedTuple):
    """at: offset on its chip, or name. use: `output`, or an input by the edges that are told.

    active_low: on is the low level; edges are told as on (`rising`) and off. pull: an input's to its off level.
    """

    at: int | str
    use: Use
    active_low: bool = False
    pull: bool = False


class Edge(NamedTuple):
    """at_ns: stamped by the kernel in its interrupt, CLOCK_MONOTONIC. number: +1 with each edge of its line, lost ones
    too, from 1 at the opening."""

    line: str
    rising: bool
    at_ns: int
    number: int


class Lines(Protocol):
    """Lines of one chip, held until `close`. LineError from any use after the chip has gone."""

    def fileno(self) -> int:
        """Readable while an edge waits, or the chip has gone."""
        ...

    def read(self) -> list[Edge]:
        """Edges that wait, the oldest first, EDGES_AT_ONCE at the most; never blocks."""
        ...

    def set(self, on: Mapping[str, bool]) -> None:
        """Outputs on and off."""
        ...

    def close(self) -> None:
        """Gives the lines back; to close twice is no error."""
        ...


def open_lines(chip: str, lines: Mapping[str, Line], user: str) -> Lines:
    """The `lines`, by what they are for, of `chip`: a path (/dev/gpiochip0), a label (tegra234-gpio), or emulated:PATH.

    Outputs are off from here on. user: told to whoever else asks for one of them. LineError where one cannot be had.
    """
    if chip.startswith(EMULATED):
        from drivers.gpio.emulated_lines import EmulatedLines

        return EmulatedLines(chip.removeprefix(EMULATED), lines, user)
    from drivers.gpio.kernel_lines import KernelLines

    return KernelLines(chip, lines, user)
