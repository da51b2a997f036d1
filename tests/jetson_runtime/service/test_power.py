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


def _channel(root: Path, monitor: int, number: int, label: str, milli: tuple[int, int]) -> None:
    folder = f"class/hwmon/hwmon{monitor}"
    _write(root, f"{folder}/name", "ina3221\n")
    _write(root, f"{folder}/in{number}_label", f"{label}\n")
    _write(root, f"{folder}/in{number}_input", f"{milli[0]}\n")
    _write(root, f"{folder}/curr{number}_input", f"{milli[1]}\n")


def test_on_an_agx_orin_three_channels_are_the_whole(tmp_path: Path) -> None:
    """Channel 1 is GPU and SoC alone; the memory's monitor, whichever comes first, is behind one of the three."""
    _channel(tmp_path, 1, 2, "VDDQ_VDD2_1V8AO", (5000, 400))
    _channel(tmp_path, 2, 1, "VDD_GPU_SOC", (19000, 300))
    _channel(tmp_path, 2, 2, "VDD_CPU_CV", (19000, 200))
    _channel(tmp_path, 2, 3, "VIN_SYS_5V0", (5000, 900))
    told = power.read(tmp_path, tmp_path)["power"]
    assert told == pytest.approx({"rail_v": 19.0, "current_a": 14.0 / 19.0, "watts": 14.0})


def test_the_input_is_known_by_its_label_wherever_it_is(tmp_path: Path) -> None:
    _channel(tmp_path, 1, 1, "VDD_SOC", (4900, 500))
    _channel(tmp_path, 1, 2, "VDD_IN", (4952, 1500))
    told = power.read(tmp_path, tmp_path)["power"]
    assert told == pytest.approx({"rail_v": 4.952, "current_a": 1.5, "watts": 7.428})


def test_a_machine_without_sensors_says_so(tmp_path: Path) -> None:
    told = power.read(tmp_path, tmp_path)
    assert told["power"] is None
    assert told["temperature"] == {}
