"""Row 55, in short: `second-skin bench soak` is what runs for 24 hours."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from jetson_runtime.suit.signals import RATE_HZ

pytest.importorskip("pyarrow")
pytest.importorskip("tomli_w")


def test_row_55_what_a_day_would_show_is_looked_for_in_a_soak_of_half_a_minute() -> None:
    words = ("bench", "soak", "--minutes", "0.5", "--replug-every", "4", "--engine", "numpy", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "jetson_runtime.cli", *words],
        stdout=subprocess.PIPE,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode in (0, 1)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    # A busy machine misses ticks of its own, and in half a minute each cable is out once: what is in use for the first
    # time is no growth yet.
    assert set(result["broken"]) <= {"missed_percent", "rss_growth_percent"}
    ticks = 0.5 * 60 * RATE_HZ
    missed = ticks * result["missed_percent"] / 100
    assert missed < 0.3 * ticks
    assert result["rss_growth_percent"] < 15
    assert result["sessions"] == 1
    assert result["frames"] >= 0.5 * (ticks - missed)
    assert {"running", "degraded", "settling"} <= set(result["states"])
    assert (result["descriptors_growth"], result["threads_growth"], result["non_finite"]) == (0, 0, 0)
