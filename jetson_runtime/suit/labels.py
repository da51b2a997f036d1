"""What recordings, marks and trials are told apart by. Standard library only."""

from __future__ import annotations

LABELS = ("subject", "task", "trial")
