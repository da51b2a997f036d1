"""What computes: two builds that are told apart here may differ in the last bits of a frame."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np

import drivers
import jetson_runtime

# What the packages compute with: Python sources and the compiled engine.
_PATTERNS = ("*.py", "*.so")


def fingerprint() -> dict[str, str]:
    """Version, a hash of the program's own files, and what it runs on."""
    digest = hashlib.sha256()
    for package in (drivers, jetson_runtime):
        folder = Path(next(iter(package.__path__)))
        for path in sorted(found for pattern in _PATTERNS for found in folder.rglob(pattern)):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return {
        "version": jetson_runtime.__version__,
        "program": digest.hexdigest()[:16],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
