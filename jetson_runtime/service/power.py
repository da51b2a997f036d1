"""What the machine tells of itself: input rail, temperatures, room on the disk. Read from the kernel once a second."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

SYS = Path("/sys")
# The Jetson's power monitor; its first channel is the whole board's input (VDD_IN).
_POWER_MONITOR = "ina3221"
_INPUT_CHANNEL = 1


def read(root: Path = SYS, disk: Path = Path("/")) -> dict[str, Any]:
    """`power` (rail_v, current_a, watts; None without a monitor), `temperature` (deg C by zone), `disk` (MB)."""
    usage = shutil.disk_usage(disk)
    return {
        "power": _power(root),
        "temperature": _temperatures(root),
        "disk": {"path": str(disk), "free_mb": usage.free // 1_000_000, "total_mb": usage.total // 1_000_000},
    }


def _power(root: Path) -> dict[str, float] | None:
    for monitor in sorted(root.glob("class/hwmon/hwmon*")):
        if _text(monitor / "name") != _POWER_MONITOR:
            continue
        volts = _number(monitor / f"in{_INPUT_CHANNEL}_input")
        amperes = _number(monitor / f"curr{_INPUT_CHANNEL}_input")
        if volts is not None and amperes is not None:
            return {"rail_v": volts * 1e-3, "current_a": amperes * 1e-3, "watts": volts * amperes * 1e-6}
    return None


def _temperatures(root: Path) -> dict[str, float]:
    zones = {}
    for zone in sorted(root.glob("class/thermal/thermal_zone*")):
        name, milli_degrees = _text(zone / "type"), _number(zone / "temp")
        if name and milli_degrees is not None:
            zones[name] = milli_degrees * 1e-3
    return zones


def _number(path: Path) -> float | None:
    text = _text(path)
    try:
        return float(text)
    except ValueError:
        return None


def _text(path: Path) -> str:
    """The file's line; empty where it is not there, or the sensor is asleep and refuses the read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
