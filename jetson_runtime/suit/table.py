"""What every table of suit.toml is: strict, so that a misspelt key or a number in quotes is a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

# TOML knows no paths.
AsPath: TypeAlias = Annotated[
    Path, BeforeValidator(lambda value: Path(value) if isinstance(value, str) else value)
]


class Table(BaseModel):
    """Knows all of its keys, converts nothing, is never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
