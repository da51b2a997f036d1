"""What the tests of the documentation share: the emulated suit of the service's tests, and what makes the pages."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "tests" / "jetson_runtime" / "service"))
sys.path.insert(0, str(_ROOT / "docs" / "making"))
