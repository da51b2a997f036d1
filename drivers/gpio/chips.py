"""Who opens a chip's lines: the kernel, or a chip that is emulated behind a socket."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.gpio.emulated_lines import EmulatedLines
from drivers.gpio.kernel_lines import KernelLines
from drivers.gpio.lines import Line, Lines

# A chip's name with this before it is the path of a socket, behind which somebody emulates one.
EMULATED = "emulated:"


def open_lines(chip: str, lines: Mapping[str, Line], user: str) -> Lines:
    """The `lines`, by what they are for, of `chip`: a path (/dev/gpiochip0), a label (tegra234-gpio), or emulated:PATH.

    Outputs are off from here on. user: told to whoever else asks for one of them. LineError where one cannot be had.
    """
    if chip.startswith(EMULATED):
        return EmulatedLines(chip.removeprefix(EMULATED), lines, user)
    return KernelLines(chip, lines, user)
