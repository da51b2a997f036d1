"""What the machine tells of itself: input rail, alarms, battery, temperatures, throttling, room on the disk.

Read from the kernel's files, below a root that a test can lay out: hwmon (Documentation/hwmon/sysfs-interface),
thermal (Documentation/driver-api/thermal/sysfs-api), power_supply (Documentation/power/power_supply_class).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SYS = Path("/sys")
# The Jetson's power monitor, and the channels that together are the whole module, by their labels: an Orin NX or Nano
# has one for its input; an AGX Orin has none (Linux, arch/arm64/boot/dts/nvidia/tegra234-p3701.dtsi), there three add
# up to it. Elsewhere the first channel is taken for the input.
_POWER_MONITOR = "ina3221"
_CHANNELS = (1, 2, 3)
_WHOLE = (("VDD_IN",), ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"))
# Where the kernel begins to slow the machine down, by the type of a zone's trip point.
_SLOWS_DOWN = ("passive", "hot", "critical")


class Gauge(NamedTuple):
    """A battery that measures itself; None where it does not tell."""

    percent: float | None
    minutes: float | None
    volts: float | None


class _Channel(NamedTuple):
    number: int
    label: str
    volts: float
    amperes: float


def read(root: Path = SYS, disk: Path = Path("/")) -> dict[str, Any]:
    """`power` (rail_v, current_a, watts; None without a monitor), `temperature` (deg C by zone), `disk` (MB)."""
    usage = shutil.disk_usage(disk)
    return {
        "power": _power(root),
        "temperature": {name: degrees for name, degrees, _ in _zones(root)},
        "disk": {"path": str(disk), "free_mb": usage.free // 1_000_000, "total_mb": usage.total // 1_000_000},
    }


def alarms(root: Path = SYS) -> list[str]:
    """The power monitor's alarms that are raised: its rail is below a limit, its current above one."""
    names = ("in*_lcrit_alarm", "in*_min_alarm", "curr*_crit_alarm", "curr*_max_alarm")
    return [
        path.name
        for monitor in _monitors(root)
        for name in names
        for path in sorted(monitor.glob(name))
        if _number(path) == 1.0
    ]


def gauge(root: Path = SYS) -> Gauge | None:
    """The first battery with a fuel gauge of its own; None where there is none."""
    for supply in sorted(root.glob("class/power_supply/*")):
        if _text(supply / "type") == "Battery" and _text(supply / "present") != "0":
            seconds = _number(supply / "time_to_empty_now") or _number(supply / "time_to_empty_avg")
            volts = _number(supply / "voltage_now")
            return Gauge(
                _number(supply / "capacity"),
                None if seconds is None else seconds / 60.0,
                None if volts is None else volts * 1e-6,
            )
    return None


def hot(limit_c: float, root: Path = SYS) -> dict[str, float]:
    """Zones at or above the temperature at which the kernel acts, or above `limit_c` where it names none."""
    return {
        name: degrees
        for name, degrees, zone in _zones(root)
        if degrees >= min(_trip_points(zone), default=limit_c)
    }


def throttled(root: Path = SYS) -> list[str]:
    """What the kernel slows down now to cool the machine; fans are not meant."""
    found = []
    for device in sorted(root.glob("class/thermal/cooling_device*")):
        name = _text(device / "type")
        if "fan" not in name and (_number(device / "cur_state") or 0.0) > 0.0:
            found.append(name or device.name)
    return found


def _power(root: Path) -> dict[str, float] | None:
    channels = [channel for monitor in _monitors(root) for channel in _channels(monitor)]
    by_label = {channel.label: channel for channel in channels}
    for labels in _WHOLE:
        if all(label in by_label for label in labels):
            return _together([by_label[label] for label in labels])
    return _together([channel for channel in channels if channel.number == _CHANNELS[0]][:1])


def _together(channels: list[_Channel]) -> dict[str, float] | None:
    """As one rail of the highest of their voltages, which is the input's."""
    if not channels:
        return None
    watts = sum(channel.volts * channel.amperes for channel in channels)
    volts = max(channel.volts for channel in channels)
    return {"rail_v": volts, "current_a": watts / volts if volts > 0.0 else 0.0, "watts": watts}


def _channels(monitor: Path) -> Iterator[_Channel]:
    """Those that are measured now."""
    for number in _CHANNELS:
        milli_volts = _number(monitor / f"in{number}_input")
        milli_amperes = _number(monitor / f"curr{number}_input")
        if milli_volts is not None and milli_amperes is not None:
            label = _text(monitor / f"in{number}_label")
            yield _Channel(number, label, milli_volts * 1e-3, milli_amperes * 1e-3)


def _monitors(root: Path) -> list[Path]:
    return [
        path for path in sorted(root.glob("class/hwmon/hwmon*")) if _text(path / "name") == _POWER_MONITOR
    ]


def _zones(root: Path) -> Iterator[tuple[str, float, Path]]:
    """Type, degrees and folder of each thermal zone that tells its temperature."""
    for zone in sorted(root.glob("class/thermal/thermal_zone*")):
        name, milli_degrees = _text(zone / "type"), _number(zone / "temp")
        if name and milli_degrees is not None:
            yield name, milli_degrees * 1e-3, zone


def _trip_points(zone: Path) -> Iterator[float]:
    for path in zone.glob("trip_point_*_type"):
        milli_degrees = _number(path.with_name(path.name.replace("_type", "_temp")))
        if _text(path) in _SLOWS_DOWN and milli_degrees is not None and milli_degrees > 0:
            yield milli_degrees * 1e-3


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
    except (OSError, UnicodeDecodeError):
        return ""
