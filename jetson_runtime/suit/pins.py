"""[panel] and [sync] of suit.toml: what hangs on the computer's GPIO pins."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from jetson_runtime.suit.table import Table

# A path (/dev/gpiochip0), a chip's label (tegra234-gpio), or `emulated:PATH`.
Chip = Annotated[str, Field(min_length=1, max_length=120)]
# Offset on the chip, or name.
At = Annotated[int, Field(ge=0, le=1023)] | Annotated[str, Field(min_length=1, max_length=60)]


class PanelTable(Table):
    """LED, buzzer and tare button, any of them; active_low: those that are on with a low level, the button pressed."""

    chip: Chip
    red: At | None = None
    green: At | None = None
    blue: At | None = None
    buzzer: At | None = None
    button: At | None = None
    active_low: tuple[Literal["red", "green", "blue", "buzzer", "button"], ...] = ()

    @field_validator("active_low", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _agrees(self) -> PanelTable:
        lines = self.lines()
        if not lines:
            raise ValueError("names no line; give red, green, blue, buzzer or button, or remove the table")
        if len(set(lines.values())) < len(lines):
            raise ValueError("names a line twice; give each its own")
        unnamed = [name for name in self.active_low if name not in lines]
        if unnamed:
            raise ValueError(f"active_low: {', '.join(unnamed)} has no line; name it, or leave it out")
        return self

    def lines(self) -> dict[str, int | str]:
        """What is there -> its line."""
        named = {name: getattr(self, name) for name in ("red", "green", "blue", "buzzer", "button")}
        return {name: at for name, at in named.items() if at is not None}


class SyncTable(Table):
    """The laboratory's pulse. edge: which are told; `rising` is where the pulse begins, with active_low its fall."""

    chip: Chip
    line: At
    edge: Literal["rising", "falling", "both"] = "rising"
    active_low: bool = False
