"""What the tests of sessions share: the emulated suits, the service and the recorder of the others' tests."""

from __future__ import annotations

import sys
from pathlib import Path

for _folder in ("service", "recording"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / _folder))
