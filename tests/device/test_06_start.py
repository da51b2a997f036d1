"""06: the service from process start to its first frame and to its first valid frame."""

from __future__ import annotations

import time
from pathlib import Path

from running import PATIENCE_S, Service


def test_first_frame_and_first_valid_frame(suit_path: Path, tmp_path: Path, own_machine: bool) -> None:
    start = time.monotonic()
    service = Service(suit_path, tmp_path / "state")
    try:
        first = valid = None
        while valid is None and time.monotonic() < start + PATIENCE_S:
            frame = service.client.recv(timeout_ms=50)
            if frame is not None and first is None:
                first = time.monotonic() - start
            if frame is not None and frame.valid:
                valid = time.monotonic() - start
        print(f"first frame after {first} s, first valid frame after {valid} s")
    finally:
        service.close()
    assert first is not None and (first < 2.0 or not own_machine)
    assert valid is not None and (valid < 4.0 or not own_machine)
    assert service.process.returncode == 0
