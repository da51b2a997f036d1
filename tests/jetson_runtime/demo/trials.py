"""For tests of the simulated suit: small trials with values that tell where they come from."""

from __future__ import annotations

import numpy as np

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, PARTS, RATE_HZ, STANDARD_GRAVITY
from jetson_runtime.suit.trial import Trial, TrialMeta

META = TrialMeta("nobody", "other:test", body_mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.10)


def standing_trial(rows: int = 400) -> Trial:
    """Someone who stands still on both feet."""
    channels = np.zeros((rows, len(CHANNEL_INDEX)), np.float32)
    for part in PARTS:
        channels[:, CHANNEL_INDEX[f"{part}_accel_y"]] = STANDARD_GRAVITY
    for side in "rl":
        set_channel(channels, f"insole_{side}_vgrf", 0.5)
        set_channel(channels, f"insole_{side}_cop_ap", 0.45)
        set_channel(channels, f"insole_{side}_cop_ml", 0.5)
    return Trial(np.arange(rows) / RATE_HZ, channels, np.zeros((rows, len(LABEL_NAMES)), np.float32), META)


def set_channel(channels: np.ndarray, name: str, values: object) -> None:
    channels[:, CHANNEL_INDEX[name]] = values
