"""Pulses of the laboratory on the sync line of the real service, kept by the real recorder beside the suit's data."""

from __future__ import annotations

import time
from pathlib import Path

from recorded_suit import RecordedSuit
from worn_suit import until

from drivers.emulator.bench import Bench
from drivers.emulator.gpio_chip import EmulatedChip
from jetson_runtime.recording import export
from jetson_runtime.suit.signals import PERIOD_NS

PATIENCE_S = 120.0
PULSES = 8


def test_each_pulse_is_in_the_recording_with_its_stamp_among_the_rows(tmp_path: Path) -> None:
    chip = EmulatedChip(tmp_path / "chip", ("PQ.05",))
    with Bench() as bench:
        sync = f'keep_free_mb = 0\n[sync]\nchip = "{chip.name}"\nline = "PQ.05"'
        suit = RecordedSuit(tmp_path, bench, sync)
        try:
            assert until(suit.runs, PATIENCE_S)
            suit.record()
            assert until(lambda: suit.told().get("state") == "recording", PATIENCE_S)
            assert suit.frames_pass(100)
            driven = []
            for _ in range(PULSES):
                driven.append(chip.drive("PQ.05", True))
                time.sleep(0.02)
                chip.drive("PQ.05", False)
                time.sleep(0.08)
            assert suit.frames_pass(100)
            assert suit.recorders[-1].stop() == 0
        finally:
            suit.close()
            chip.close()
    series = export.read(suit.files())
    assert [edge["at_ns"] for edge in series.syncs] == driven
    assert {edge["edge"] for edge in series.syncs} == {"rising"}
    assert [edge["number"] for edge in series.syncs] == list(range(1, PULSES + 1))
    end_ns = series.start_ns + len(series.valid) * PERIOD_NS
    assert series.start_ns < driven[0] < driven[-1] < end_ns
    assert len(series.between(driven[2], driven[5]).syncs) == 3
