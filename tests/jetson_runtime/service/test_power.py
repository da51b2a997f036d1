"""The machine's own figures, from a tree of files as the kernel lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_runtime.service import power


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_rail_temperatures_and_disk(tmp_path: Path) -> None:
    _write(tmp_path, "class/hwmon/hwmon0/name", "nvme\n")
    _write(tmp_path, "class/hwmon/hwmon1/name", "ina3221\n")
    _write(tmp_path, "class/hwmon/hwmon1/in1_input", "5040\n")
    _write(tmp_path, "class/hwmon/hwmon1/curr1_input", "1500\n")
    _write(tmp_path, "class/thermal/thermal_zone0/type", "cpu-thermal\n")
    _write(tmp_path, "class/thermal/thermal_zone0/temp", "48500\n")
    _write(tmp_path, "class/thermal/thermal_zone1/type", "asleep\n")
    told = power.read(tmp_path, tmp_path)
    assert told["power"] == pytest.approx({"rail_v": 5.04, "current_a": 1.5, "watts": 7.56})
    assert told["temperature"] == {"cpu-thermal": 48.5}
    assert 0 < told["disk"]["free_mb"] <= told["disk"]["total_mb"]


def test_a_machine_without_sensors_says_so(tmp_path: Path) -> None:
    told = power.read(tmp_path, tmp_path)
    assert told["power"] is None
    assert told["temperature"] == {}
