"""What the tests of the examples share: the emulated suit and the service of the service's tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jetson_runtime" / "service"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jetson_runtime"))
