"""A trial whose every channel is a sine: what lies between two rows is known."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit.signals import CHANNELS, LABEL_NAMES
from jetson_runtime.suit.trial import Trial, TrialMeta


def sines(seconds: float, lowest_hz: float, highest_hz: float) -> Trial:
    """Frequencies and phases at random, the same in each call; forces are always enough for a centre of pressure."""
    time_s = np.arange(round(seconds * 200)) / 200
    random = np.random.default_rng(5)
    hertz = random.uniform(lowest_hz, highest_hz, len(CHANNELS))
    phase = random.uniform(0, 6, len(CHANNELS))
    channels = 2 + np.sin(2 * np.pi * hertz * time_s[:, None] + phase)
    labels = np.zeros((len(time_s), len(LABEL_NAMES)), np.float32)
    return Trial(time_s, channels.astype(np.float32), labels, TrialMeta("s", "W", 70, 0.27, 0.1))
