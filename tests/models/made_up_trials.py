"""Trials with a truth that a network can learn in seconds."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import Trial, TrialMeta


def made_up_trial(subject: str, seed: int, seconds: float = 6.0) -> Trial:
    """Smooth random channels; each label is a bounded function of a few of them, half a bodyweight apart in scale."""
    random = np.random.default_rng(seed)
    count = round(seconds * signals.RATE_HZ)
    kernel = np.hanning(41) / np.hanning(41).sum()
    raw = random.standard_normal((count + 40, len(signals.CHANNELS)))
    channels = 4.0 * np.stack([np.convolve(column, kernel, "valid") for column in raw.T], axis=1)
    weights = np.random.default_rng(0).standard_normal((len(signals.CHANNELS), len(signals.LABEL_NAMES)))
    labels = 10.0 * np.tanh(0.3 * channels @ weights) + 2.0
    return Trial(
        time_s=np.arange(count) / signals.RATE_HZ,
        channels=channels.astype(np.float32),
        labels=labels.astype(np.float32),
        meta=TrialMeta(subject, "W", 70.0, 0.27, 0.1, source="made up"),
    )
