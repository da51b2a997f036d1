"""Where a centre of pressure is defined: one rule for what the suit delivers and for what a training is made of."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jetson_runtime.suit.signals import (
    CHANNEL_INDEX,
    CHANNELS,
    COP_BODYWEIGHTS,
    LABEL_NAMES,
    PERIOD_NS,
    STREAM_INDEX,
    STREAMS,
)
from jetson_runtime.suit.trial import Trial, TrialMeta
from jetson_runtime.timing.align import Aligner, empty_row
from jetson_runtime.timing.resample import resample_trial

STILL = (0.0, 9.8, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("side", ["r", "l"])
@pytest.mark.parametrize(("vgrf", "defined"), [(0.0, False), (0.049, False), (0.051, True), (1.0, True)])
def test_a_centre_under_a_foot_that_bears_almost_nothing_is_undefined(
    side: str, vgrf: float, defined: bool
) -> None:
    """An insole with thresholds of its own may report one all the same."""
    aligner, row = Aligner([50_000_000] * len(STREAMS)), empty_row()
    aligner.push(STREAM_INDEX[f"insole_{side}"], PERIOD_NS, (*STILL, vgrf, 0.7, 0.4))
    aligner.row(PERIOD_NS, row)
    force, ap, ml = (
        float(row[CHANNEL_INDEX[f"insole_{side}_{name}"]]) for name in ("vgrf", "cop_ap", "cop_ml")
    )
    assert force == vgrf
    assert (ap, ml) == (0.7, 0.4) if defined else math.isnan(ap) and math.isnan(ml)
    assert aligner.streams[STREAM_INDEX[f"insole_{side}"]].fresh


def test_rows_of_a_trial_follow_the_same_rule() -> None:
    """A recording whose own rule defines the centre further down than the suit does."""
    count = 400
    channels = np.ones((count, len(CHANNELS)), np.float32)
    channels[:, CHANNEL_INDEX["insole_l_vgrf"]] = np.linspace(0.0, 0.2, count)
    labels = np.zeros((count, len(LABEL_NAMES)), np.float32)
    trial = Trial(np.arange(count) / 200, channels, labels, TrialMeta("s", "W", 70.0, 0.27, 0.1))
    rows = resample_trial(trial, 0)
    light = rows[:, CHANNEL_INDEX["insole_l_vgrf"]] < COP_BODYWEIGHTS
    assert 80 < light.sum() < 120
    np.testing.assert_array_equal(np.isnan(rows[:, CHANNEL_INDEX["insole_l_cop_ml"]]), light)
    assert not np.isnan(rows[:, CHANNEL_INDEX["insole_r_cop_ml"]]).any()
