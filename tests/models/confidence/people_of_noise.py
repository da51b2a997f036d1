"""People made of noise that moves together, and a model that is wrong about each of them by a little."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit import signals
from models.data.dataset import Recording

ROWS = 900


def person(number: int, seconds_of_rows: int = ROWS) -> Recording:
    """Three movements drive every channel; which, and how much, is the same for all people, the noise is not."""
    fixed, own = np.random.default_rng(0), np.random.default_rng([1, number])
    time = np.arange(seconds_of_rows) / signals.RATE_HZ
    drives = np.stack([np.sin(2 * np.pi * f * time + own.uniform(0, 6)) for f in (0.7, 1.1, 1.9)], axis=1)
    share = fixed.normal(size=(3, len(signals.CHANNELS)))
    rows = np.asarray(signals.CHANNEL_FILL) + drives @ share
    rows += 0.05 * own.normal(size=rows.shape)
    labels = drives @ fixed.normal(size=(3, len(signals.LABEL_NAMES))) * 10.0
    return Recording(f"s{number}_W_0", f"s{number}", "W", rows.astype(np.float32), labels.astype(np.float32))
