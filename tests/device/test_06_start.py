"""06: the service from process start to its first frame and to its first valid frame."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from jetson_runtime.client import FrameClient
from jetson_runtime.suit.config import SuitConfig


def test_first_frame_and_first_valid_frame(suit_path: Path, suit: SuitConfig) -> None:
    start = time.monotonic()
    service = subprocess.Popen(
        [sys.executable, "-m", "jetson_runtime.cli", "run", "--config", str(suit_path)]
    )
    try:
        first = valid = None
        with FrameClient(suit.output.public[-1]) as client:
            while valid is None and time.monotonic() < start + 30:
                frame = client.recv(timeout_ms=50)
                if frame is not None and first is None:
                    first = time.monotonic() - start
                if frame is not None and frame.valid:
                    valid = time.monotonic() - start
        print(f"first frame after {first} s, first valid frame after {valid} s")
    finally:
        service.terminate()
        service.wait(10)
    assert first is not None and first < 2.0
    assert valid is not None and valid < 4.0
    assert service.returncode == 0
