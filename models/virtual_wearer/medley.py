"""The demo's trial: one wearer who stands, walks and lifts, in one recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import RATE_HZ
from jetson_runtime.suit.trial import Trial, TrialMeta
from models.network.tcn import HISTORY
from models.virtual_wearer.donning import Donning
from models.virtual_wearer.subject import Subject
from models.virtual_wearer.wearer import generate

# What is played, and for how long.
SCENES: tuple[tuple[str, float], ...] = (("PS", 6.0), ("W", 20.0), ("L", 22.0), ("W", 14.0))
_FADE_ROWS = 80
# Steps of 1e-4 of a unit are far below every sensor's noise, and a file of rounded numbers is half the size.
_DECIMALS = 4


def medley(subject: Subject, seed: int) -> Trial:
    """About a minute of one wearer in one donning; labels are unknown where the network still remembers the
    scene before."""
    donning = Donning.random(seed)
    scenes = [
        generate(subject, task, seconds, seed=seed + i, donning=donning)
        for i, (task, seconds) in enumerate(SCENES)
    ]
    channels = _joined([scene.channels for scene in scenes])
    labels = _joined([_unknown_at_start(scene.labels, skip=i > 0) for i, scene in enumerate(scenes)])
    meta = scenes[0].meta
    return Trial(
        time_s=np.arange(len(channels)) / RATE_HZ,
        channels=np.round(channels, _DECIMALS),
        labels=np.round(labels, _DECIMALS),
        meta=TrialMeta(
            subject=meta.subject,
            task="other:medley",
            body_mass_kg=meta.body_mass_kg,
            foot_length_m=meta.foot_length_m,
            foot_width_m=meta.foot_width_m,
            source=meta.source,
            extra={**meta.extra, "scenes": ", ".join(f"{task} {seconds:g} s" for task, seconds in SCENES)},
        ),
    )


def _unknown_at_start(labels: npt.NDArray[np.float32], *, skip: bool) -> npt.NDArray[np.float32]:
    """Labels (n, 14), unknown while the network still remembers what was before the scene."""
    answer: npt.NDArray[np.float32] = labels.copy()
    if skip:
        answer[: _FADE_ROWS + HISTORY] = np.nan
    return answer


def _joined(scenes: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """The scenes one after another, each faded into the next; NaN wherever either is."""
    fade = _FADE_ROWS
    share = np.linspace(0.0, 1.0, fade, dtype=np.float32)[:, None]
    whole: npt.NDArray[np.float32] = scenes[0]
    for scene in scenes[1:]:
        between = whole[-fade:] * (1 - share) + scene[:fade] * share
        whole = np.concatenate([whole[:-fade], between, scene[fade:]])
    return whole
