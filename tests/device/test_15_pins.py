"""15: LED, buzzer, tare button and the laboratory's pulse on the pin header.

Needs [panel] and [sync] in the config, and second-skin-panel stopped; on the emulated suit the chip is emulated, too.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import own_config
import pytest
from hands import Hands
from running import Service, begin, command

from drivers.emulator.gpio_chip import EmulatedChip

PANEL: dict[str, Any] = {"red": 1, "green": 2, "blue": 3, "buzzer": 4, "button": 5, "active_low": ["button"]}
SYNC: dict[str, Any] = {"line": "SYNC"}
_HELD_S = 0.3


@pytest.fixture
def chip(own_machine: bool, tmp_path: Path) -> Iterator[EmulatedChip | None]:
    """None where the pins are real."""
    if own_machine:
        yield None
        return
    chip = EmulatedChip(tmp_path / "chip", (1, 2, 3, 4, 5, "SYNC"))
    yield chip
    chip.close()


@pytest.fixture
def pinned(suit_path: Path, chip: EmulatedChip | None, tmp_path: Path) -> Path:
    """A config whose pins are there."""
    if chip is None:
        return suit_path
    pins = {"panel": {"chip": chip.name, **PANEL}, "sync": {"chip": chip.name, **SYNC}}
    return own_config.write(suit_path, tmp_path, **pins)


@pytest.fixture
def started(pinned: Path, tmp_path: Path) -> Iterator[Service]:
    service = Service(pinned, tmp_path / "state")
    yield service
    service.close()


@pytest.fixture
def panel(pinned: Path, started: Service) -> Iterator[subprocess.Popen[bytes]]:
    if started.config.panel is None:
        pytest.skip("suit.toml has no [panel]")
    process = begin("panel", "--config", str(pinned))
    yield process
    process.terminate()
    process.wait(10)


def test_each_colour_and_the_buzzer(pinned: Path, chip: EmulatedChip | None, hands: Hands) -> None:
    """By hand: look at the LED, listen to the buzzer."""
    if "[panel]" not in pinned.read_text(encoding="utf-8"):
        pytest.skip("suit.toml has no [panel]")
    hands.at_the_pins("look: red, green, blue, a beep, a second each", chip and (lambda: None))
    status, said = command("panel", "--config", str(pinned), "--test")
    print(said.strip())
    assert status == 0
    if chip is not None:
        assert [line for _, line, high in chip.history if high] == [1, 2, 3, 4]
    hands.at_the_pins("if all of them came, and in this order", chip and (lambda: None))


def test_the_button_takes_a_tare(
    started: Service, panel: subprocess.Popen[bytes], chip: EmulatedChip | None, hands: Hands
) -> None:
    """By hand: stand still and press the button; blue, then green flickering and three short beeps."""
    hands.stand()
    started.until_valid()
    before = (started.client.hello or {}).get("tare_id")
    if chip is not None:
        assert started.until(lambda: chip.held(5))
    hands.at_the_pins("press the tare button, and go on standing still", chip and (lambda: _press(chip)))
    assert started.until(lambda: (started.client.hello or {}).get("tare_id") not in (None, before))
    print(f"tare {started.client.hello and started.client.hello['tare_id']}")


def test_a_panel_that_is_killed_costs_no_frame(
    started: Service, panel: subprocess.Popen[bytes], own_machine: bool
) -> None:
    session = started.until_valid().session
    panel.kill()
    panel.wait(10)
    frames = started.watch(2.0)
    assert {frame.session for frame in frames} == {session}
    if own_machine:
        assert all(frame.valid for frame in frames)
    assert started.until_valid().session == session


def test_a_pulse_of_the_lock_box_is_stamped_on_the_service_s_clock(
    started: Service, chip: EmulatedChip | None, hands: Hands
) -> None:
    """By hand: one pulse of the lock-box; the number of edges tells bounces and cross-talk."""
    if started.config.sync is None:
        pytest.skip("suit.toml has no [sync]")
    assert started.until(lambda: started.status().get("sync"))
    assert not {60, 61} & set(started.faults())
    if chip is not None:
        assert started.until(lambda: chip.held("SYNC"))
    edges, before_ns = started.status()["sync"]["edges"], time.monotonic_ns()
    hands.at_the_pins("give one pulse with the lock-box", chip and (lambda: _pulse(chip)))
    assert started.until(lambda: started.status()["sync"]["edges"] > edges)
    started.watch(2.0)
    told = started.status()["sync"]
    after_ms = (time.monotonic_ns() - told["last_ns"]) * 1e-6
    print(f"sync {told}; the edge came {after_ms:.0f} ms before it was looked at")
    assert before_ns < told["last_ns"] < time.monotonic_ns()
    both = started.config.sync.edge == "both"
    assert (told["edges"] - edges, told["lost"]) == (2 if both else 1, 0)


def _press(chip: EmulatedChip) -> None:
    chip.drive(5, False)
    time.sleep(_HELD_S)
    chip.drive(5, True)


def _pulse(chip: EmulatedChip) -> None:
    chip.drive("SYNC", True)
    chip.drive("SYNC", False)
