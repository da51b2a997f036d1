"""[recording] of suit.toml: where the recorder writes, how much, and from when on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field

from jetson_runtime.suit.table import AsPath, Table

DEFAULT_RECORDINGS = Path("/var/lib/second-skin/recordings")
Begin: TypeAlias = Literal["at_once", "when_asked"]


class RecordingTable(Table):
    """Where `second-skin record` writes, relative to the config file; after how many MB it begins another part; how
    many must stay free on the disk, below which it pauses.

    begin: whether it records from its start on or only when asked, until somebody has told it (`recording start`).
    """

    folder: AsPath = DEFAULT_RECORDINGS
    part_mb: int = Field(default=500, ge=1, le=100_000)
    keep_free_mb: int = Field(default=500, ge=0, le=1_000_000)
    begin: Begin = "at_once"
