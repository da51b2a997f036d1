"""What a line of the pin header is, and what is asked of a chip's lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from drivers.errors import DriverError

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
