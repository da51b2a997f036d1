"""The panel's own process beside the real service: states by LED, changes by buzzer, a tare by button."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from technician import (
    BUTTON,
    BUZZER,
    GREEN,
    LINES,
    RED,
    PanelProcess,
    beeps,
    config,
    lit,
    numbers,
    press,
    spans,
    stays,
)
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from drivers.emulator.gpio_chip import EmulatedChip
from jetson_runtime.suit.signals import STREAM_NAMES

PATIENCE_S = 120.0


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[EmulatedChip]:
    chip = EmulatedChip(tmp_path / "chip", LINES)
    yield chip
    chip.close()


class Scene:
    """A suit of `streams`, the service and the panel on it."""

    def __init__(
        self,
        folder: Path,
        bench: Bench,
        chip: EmulatedChip,
        streams: tuple[str, ...],
        more: str = "",
        told: dict[str, str] | None = None,
        **write: Any,
    ) -> None:
        self.chip = chip
        self.suit = WornSuit(folder, bench, streams)
        self.path = self.suit.write_config(extra=config(chip) + more, streams=told, **write)
        self.panel = PanelProcess(self.path)
        self.service: ServiceProcess | None = None
        assert until(lambda: lit(chip) == {"red"}, PATIENCE_S), self.panel.log

    def start(self) -> ServiceProcess:
        self.service = ServiceProcess(self.path, self.suit.endpoint)
        return self.service

    def faults(self) -> set[int]:
        assert self.service is not None
        return {fault["number"] for fault in self.service.status.get("faults", ())}

    def close(self) -> None:
        self.panel.stop()
        if self.service is not None:
            self.service.stop()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def test_red_without_a_service_then_the_numbers_of_what_is_wrong_then_red_and_a_long_beep(
    tmp_path: Path, bench: Bench, chip: EmulatedChip
) -> None:
    scene = Scene(tmp_path, bench, chip, (), wearer="", told={"imu_back": ""})
    try:
        assert stays(chip, {"red"})
        service = scene.start()
        assert until(lambda: not chip.level(RED), PATIENCE_S)
        since = time.monotonic_ns()
        assert until(lambda: len(numbers(chip, since)) >= len(scene.faults()) + 2, PATIENCE_S)
        # The first may have been read from its middle on.
        assert set(numbers(chip, since)[1:]) == scene.faults() >= {1, 10, 20}
        session = service.client.session
        scene.panel.process.kill()  # the service does not notice
        scene.panel.process.wait()
        assert until(lambda: not chip.held(RED), PATIENCE_S)
        sent = service.status["publisher"]["sent"]
        assert until(lambda: service.status["publisher"]["sent"] > sent + 400, PATIENCE_S)
        assert service.client.session == session
        since = time.monotonic_ns()
        scene.panel = PanelProcess(scene.path)
        # It has heard the service once it blinks again: red, then a number.
        assert until(lambda: len(spans(chip, RED, since)) > 1, PATIENCE_S)
        since = time.monotonic_ns()
        service.stop()
        scene.service = None
        assert until(lambda: lit(chip) == {"red"} and stays(chip, {"red"}), PATIENCE_S)
        assert until(lambda: beeps(chip, since).endswith("-"), PATIENCE_S)
    finally:
        scene.close()
    assert lit(chip) == set() and not chip.level(BUZZER)


def test_green_when_valid_and_the_button_takes_a_tare(
    tmp_path: Path, bench: Bench, chip: EmulatedChip
) -> None:
    scene = Scene(tmp_path, bench, chip, STREAM_NAMES)
    try:
        since = time.monotonic_ns()
        service = scene.start()
        assert until(lambda: service.client.valid, PATIENCE_S)
        # Where this machine permits less than a suit's, its fault is blinked, with green between.
        assert until(lambda: lit(chip) == {"green"}, PATIENCE_S)
        assert until(lambda: beeps(chip, since) == ".", PATIENCE_S)
        assert spans(chip, GREEN, since)  # it blinked before
        tare = (service.client.hello or {}).get("tare_id")
        since = time.monotonic_ns()
        press(chip)
        assert until(lambda: "blue" in lit(chip), PATIENCE_S)
        assert until(lambda: beeps(chip, since) == "...", PATIENCE_S), scene.panel.log
        assert until(
            lambda: (service.client.recv_all(0), service.client.hello)[1]["tare_id"] != tare, PATIENCE_S
        )
        assert "taken: 8 sensors" in scene.panel.log
        since = time.monotonic_ns()
        scene.suit.unplug("imu_back")
        assert until(lambda: beeps(chip, since) == "..", PATIENCE_S)
        since = time.monotonic_ns()
        press(chip)
        assert until(lambda: beeps(chip, since) == "--", PATIENCE_S), scene.panel.log
        assert "tare: " in scene.panel.log
    finally:
        scene.close()


def test_a_low_supply_beeps_again_and_again(tmp_path: Path, bench: Bench, chip: EmulatedChip) -> None:
    monitor = tmp_path / "sys" / "class" / "hwmon" / "hwmon3"
    monitor.mkdir(parents=True)
    for name, text in {"name": "ina3221", "in1_input": "16000", "curr1_input": "900"}.items():
        (monitor / name).write_text(text + "\n")
    scene = Scene(tmp_path, bench, chip, (), f'[power]\nlow_v = 17.5\nsys = "{tmp_path}/sys"\n')
    try:
        scene.start()
        since = time.monotonic_ns()
        assert until(lambda: beeps(chip, since) == "." * 10, PATIENCE_S), beeps(chip, since)
        begins = [begin for begin, _ in spans(chip, BUZZER, since)]
        assert begins[5] - begins[4] > 4 * (begins[4] - begins[0])
    finally:
        scene.close()


def test_a_line_that_is_held_a_chip_that_is_not_there_and_no_panel_at_all(
    tmp_path: Path, bench: Bench, chip: EmulatedChip
) -> None:
    scene = Scene(tmp_path, bench, chip, ())
    try:
        second = PanelProcess(scene.path)
        assert second.process.wait(60.0) == 2
        assert "second-skin panel holds line" in second.log
        chip.close()
        assert scene.panel.process.wait(60.0) == 2
        assert "[panel]: emulated:" in scene.panel.log
        off = PanelProcess(scene.suit.write_config())
        assert off.process.wait(60.0) == 0
        assert "has no [panel]" in off.log
    finally:
        scene.close()


def test_each_output_is_tried_one_after_another(tmp_path: Path, bench: Bench, chip: EmulatedChip) -> None:
    suit = WornSuit(tmp_path, bench, ())
    panel = PanelProcess(suit.write_config(extra=config(chip)), "--test")
    assert panel.process.wait(60.0) == 0, panel.log
    moved = [(line, high) for _, line, high in chip.history]
    outputs = [line for line in LINES if line != BUTTON]
    assert moved == [(line, high) for line in outputs for high in (True, False)]


def test_row_24_the_panel_goes_on_with_the_copy_of_a_damaged_config_and_says_so(
    tmp_path: Path, bench: Bench, chip: EmulatedChip
) -> None:
    path = WornSuit(tmp_path, bench, ()).write_config(extra=config(chip))
    (tmp_path / "kept").mkdir()
    path.rename(tmp_path / "kept" / "suit.toml.last-good")
    path.write_bytes(b"")
    panel = PanelProcess(path, "--state", str(tmp_path / "kept"))
    try:
        assert until(lambda: lit(chip) == {"red"}, PATIENCE_S), panel.log
        assert "suit.toml: is empty; its last good copy" in panel.log
    finally:
        assert panel.stop() == 0, panel.log
