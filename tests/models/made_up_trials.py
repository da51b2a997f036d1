"""Trials with a truth that a network can learn in seconds."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit import signals
from jetson_runtime.suit.trial import Trial, TrialMeta

_INSOLE = np.array([channel.axis == "" for channel in signals.CHANNELS])
_STANDING = np.where(_INSOLE, 0.5, signals.CHANNEL_FILL)
_SIZE = np.where(_INSOLE, 0.1, 1.0)


def made_up_trial(subject: str, seed: int, seconds: float = 6.0) -> Trial:
    """Smooth random movement about standing still; each label is a bounded function of a few channels, too slow and too
    small for a check to miss a body behind it."""
    random = np.random.default_rng(seed)
    count = round(seconds * signals.RATE_HZ)
    kernel = np.hanning(41) / np.hanning(41).sum()
    raw = random.standard_normal((count + 40, len(signals.CHANNELS)))
    moves = 4.0 * np.stack([np.convolve(column, kernel, "valid") for column in raw.T], axis=1)
    weights = np.random.default_rng(0).standard_normal((len(signals.CHANNELS), len(signals.LABEL_NAMES)))
    labels = 0.3 * np.tanh(0.3 * moves @ weights) + 2.0
    return Trial(
        time_s=np.arange(count) / signals.RATE_HZ,
        channels=(_STANDING + _SIZE * moves).astype(np.float32),
        labels=labels.astype(np.float32),
        meta=TrialMeta(subject, "W", 70.0, 0.27, 0.1, source="made up"),
    )
