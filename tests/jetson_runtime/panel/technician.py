"""Who looks at the panel and listens to it: reads numbers out of blinks and counts beeps, as docs/faults.md says."""

from __future__ import annotations

import time
from pathlib import Path

from logged_process import SECOND_SKIN, LoggedProcess

from drivers.emulator.gpio_chip import EmulatedChip

RED, GREEN, BLUE, BUZZER, BUTTON = "PQ.05", "PQ.06", "PG.06", 43, 85
LINES = (RED, GREEN, BLUE, BUZZER, BUTTON)
# Half-way between the short and the long ones.
_LONG_S = 0.5
# Between two digits or numbers, but not between two blinks of one.
_PAUSE_S = 1.4


def config(chip: EmulatedChip, more: str = 'active_low = ["button"]') -> str:
    return (
        f'[panel]\nchip = "{chip.name}"\nred = "{RED}"\ngreen = "{GREEN}"\nblue = "{BLUE}"\n'
        f"buzzer = {BUZZER}\nbutton = {BUTTON}\n{more}\n"
    )


class PanelProcess(LoggedProcess):
    """`second-skin panel` on a config."""

    def __init__(self, path: Path, *words: str) -> None:
        super().__init__(path.parent, *SECOND_SKIN, "panel", "--config", str(path), *words)


def lit(chip: EmulatedChip) -> set[str]:
    """The colours that are on now."""
    named = {"red": RED, "green": GREEN, "blue": BLUE}
    return {name for name, line in named.items() if chip.level(line)}


def stays(chip: EmulatedChip, colours: set[str], seconds: float = 1.5) -> bool:
    """Whether the LED shows these and nothing else for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if lit(chip) != colours:
            return False
        time.sleep(0.005)
    return True


def spans(chip: EmulatedChip, line: str | int, since_ns: int = 0) -> list[tuple[float, float]]:
    """(begin, end) in seconds of each time that an output was on, finished ones alone."""
    found, begin_ns = [], None
    for at_ns, moved, high in list(chip.history):
        if moved != line or at_ns < since_ns:
            continue
        if high:
            begin_ns = at_ns
        elif begin_ns is not None:
            found.append((begin_ns * 1e-9, at_ns * 1e-9))
            begin_ns = None
    return found


def beeps(chip: EmulatedChip, since_ns: int) -> str:
    """`.` for a short one, `-` for a long one."""
    return "".join("-" if end - begin > _LONG_S else "." for begin, end in spans(chip, BUZZER, since_ns))


def numbers(chip: EmulatedChip, since_ns: int) -> list[int]:
    """Read from the red line, which is on with green for each blink: a number ends with a pause."""
    found, blinks = [], spans(chip, RED, since_ns)
    tens = ones = 0
    for k, (begin, end) in enumerate(blinks):
        if end - begin > _LONG_S:
            tens += 1
        else:
            ones += 1
        if k + 1 < len(blinks) and blinks[k + 1][0] - end > _PAUSE_S:
            found.append(10 * tens + ones)
            tens = ones = 0
    return found


def press(chip: EmulatedChip, seconds: float = 0.3, bounces: int = 4) -> None:
    """The button, to ground against a pull-up, its contacts bouncing."""
    for _ in range(bounces):
        chip.drive(BUTTON, False)
        chip.drive(BUTTON, True)
    chip.drive(BUTTON, False)
    time.sleep(seconds)
    for _ in range(bounces):
        chip.drive(BUTTON, True)
        chip.drive(BUTTON, False)
    chip.drive(BUTTON, True)
