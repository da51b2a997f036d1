"""The figures' contents by their objects: axes, labels, lines and bars that are the scored values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from jetson_runtime.suit.signals import CHANNEL_INDEX, LABEL_NAMES, OUTCOMES, RATE_HZ
from jetson_runtime.suit.trial import Trial, TrialMeta
from models.evaluation import scores
from models.evaluation.figure_cycle import COLUMNS, cycle_figure, left_out, participants_means
from models.evaluation.figure_estimates import estimates_figure
from models.evaluation.figure_insoles import insole_figure
from models.evaluation.figures import write_figures
from models.evaluation.scores import Scores
from models.evaluation.series import Series

JOINTS = ("lower back", "hip", "knee", "ankle")


@pytest.fixture(scope="module")
def series() -> list[Series]:
    """Three people who shovel (5 times in 20 s) and walk, each with estimates that are off by their own amounts."""
    made = []
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    for k in range(3):
        for task, condition in (("SH", "SH1"), ("W", "W2")):
            truth = 20.0 * np.sin(2 * np.pi * 0.25 * t[:, None] + 0.1 * np.arange(14)) + k
            estimates = {"tcn": truth + 1.0 + k, "analytical": truth - 4.0 - 2.0 * k}
            truth[:248] = np.nan
            made.append(Series(f"s{k}_{condition}", f"s{k}", task, condition, truth, estimates))
    return made


@pytest.fixture(scope="module")
def found(series: list[Series]) -> Scores:
    return Scores(score for one in series for score in scores.of_series(one))


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    first = CHANNEL_INDEX["insole_r_vgrf"]
    made = []
    for k in range(3):
        for task in ("SH", "W"):
            channels = np.zeros((1600, 54), np.float32)
            plates = np.tile(0.5 + 0.2 * np.sin(np.arange(1600)[:, None] / 60.0), (1, 6)).astype(np.float32)
            channels[:, first : first + 6] = plates + 0.1 * (k + 1)
            meta = TrialMeta(f"s{k}", task, 70.0, 0.27, 0.1)
            made.append(
                Trial(np.arange(1600) / 200, channels, np.zeros((1600, 14), np.float32), meta, {}, plates)
            )
    return made


@pytest.fixture(scope="module")
def shovelling() -> list[Trial]:
    """Three people who shovel four times in 20 s, their truth shaken at 30 Hz."""
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    made = []
    for k in range(3):
        labels = 20.0 * np.sin(2 * np.pi * 0.25 * t[:, None] + 0.1 * np.arange(14)) + k
        labels += 0.5 * np.sin(2 * np.pi * 30.0 * t)[:, None]
        meta = TrialMeta(f"s{k}", "SH", 70.0, 0.27, 0.1, extra={"condition": "SH1"})
        made.append(Trial(t, np.zeros((len(t), 54), np.float32), labels.astype(np.float32), meta))
    return made


def _bars(axes: Axes) -> list[list[float]]:
    return [[bar.get_height() for bar in box] for box in axes.containers if isinstance(box, BarContainer)]


def _with_bars(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.get_axes() if _bars(axes)]


def _ticks(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_xticklabels()]


def _words(figure: Figure) -> str:
    told = [figure.get_suptitle(), figure.get_supxlabel()]
    told += [
        text.get_text() for part in figure.subfigs for legend in part.legends for text in legend.get_texts()
    ]
    return "\n".join(told)


@pytest.mark.parametrize("kind", ["angle", "moment"])
def test_bars_are_the_spreads_over_people(kind: str, series: list[Series], found: Scores) -> None:
    figure = estimates_figure(kind, series, found, ("tcn", "analytical"), {})
    grid = _with_bars(figure)
    assert [axes.get_title() for axes in grid] == [*JOINTS, "", "", "", ""]
    for axes, joint in zip(grid[4:], JOINTS, strict=True):
        outcome = next(one.name for one in OUTCOMES if (one.joint, one.kind) == (joint, kind))
        expected = [
            [found.spread(scores.rmse, name, outcome, group=group).mean for group in ("overall", "SH", "W")]
            for name in ("tcn", "analytical")
        ]
        np.testing.assert_allclose(_bars(axes), expected)
        np.testing.assert_allclose(_bars(axes)[0], 2.0, atol=1e-3)
        np.testing.assert_allclose(_bars(axes)[1], 6.0, atol=1e-3)
        assert _ticks(axes) == ["all tasks", "shovelling", "walking"]
    assert grid[4].get_ylabel() == ("RMSE (deg)" if kind == "angle" else "RMSE (Nm/kg)")
    assert grid[0].get_ylabel() == "R²"
    assert "n = 3 participants" in _words(figure)
    assert {"TCN, as the suit's runtime sends it", "analytical", "truth"} <= set(_words(figure).splitlines())


def test_stars_stand_where_a_difference_is_significant(series: list[Series], found: Scores) -> None:
    p_values = {
        ("rmse", "knee_angle", "W"): 0.01,
        ("rmse", "knee_angle", "SH"): 0.2,
        ("r2", "hip_flexion", "overall"): 0.049,
        ("rmse", "ankle_angle", "W"): float("nan"),
    }
    figure = estimates_figure("angle", series, found, ("tcn", "analytical"), p_values)
    starred = {
        (i // 4, i % 4): [text.xy[0] for text in axes.texts if text.get_text() == "*"]  # type: ignore[attr-defined]
        for i, axes in enumerate(_with_bars(figure))
    }
    walking = float(_with_bars(figure)[6].get_xticks()[2])
    assert {place: at for place, at in starred.items() if at} == {(0, 1): [0.0], (1, 2): [walking]}
    assert "p < 0.05" in _words(figure)


def test_series_are_the_filtered_middle_of_the_median_persons_trials(
    series: list[Series], found: Scores
) -> None:
    figure = estimates_figure("angle", series, found, ("tcn", "analytical"), {})
    lower = [axes for axes in figure.get_axes() if not _bars(axes)]
    assert len(lower) == 2 * 4
    assert lower[0].get_ylabel() == "walking, W2\nangle (deg)"
    assert lower[-1].get_xlabel() == "time (s)"
    truth, tcn, analytical = (np.asarray(line.get_ydata(), np.float64) for line in lower[1].get_lines())
    assert len(truth) == 6 * RATE_HZ
    np.testing.assert_allclose(tcn - truth, 2.0, atol=1e-6)
    np.testing.assert_allclose(analytical - truth, -6.0, atol=1e-6)


def test_an_estimator_that_nobody_has_is_left_out_of_the_bars(series: list[Series], found: Scores) -> None:
    figure = estimates_figure("angle", series, found, ("tcn", "relative"), {})
    assert len(_bars(_with_bars(figure)[0])) == 1
    with pytest.raises(ValueError, match="no angle is estimated by any of relative"):
        estimates_figure("angle", series, found, ("relative",), {})


def test_insole_bars_and_series(trials: list[Trial]) -> None:
    figure = insole_figure(trials)
    grid = _with_bars(figure)
    assert [axes.get_ylabel() for axes in grid[3:]] == [
        "RMSE (bodyweights)", "RMSE (foot lengths)", "RMSE (foot widths)",
    ]  # fmt: skip
    for axes in grid[3:]:
        np.testing.assert_allclose(_bars(axes), [[0.2, 0.2, 0.2]], atol=1e-6)
    for axes in grid[:3]:
        np.testing.assert_allclose(_bars(axes), [[1.0, 1.0, 1.0]], atol=1e-6)
    lines = [axes.get_lines() for axes in figure.get_axes() if not _bars(axes)]
    assert len(lines) == 2 * 3
    plate, insole = (np.asarray(line.get_ydata(), np.float64) for line in lines[0])
    np.testing.assert_allclose(insole - plate, 0.2, atol=1e-6)
    assert {"force plate", "insole"} <= set(_words(figure).splitlines())


def test_the_cycle_holds_everybodys_and_each_ones_mean(shovelling: list[Trial]) -> None:
    means = participants_means(shovelling, "SH1")
    assert list(means) == ["s0", "s1", "s2"]
    figure = cycle_figure(means, "SH1")
    grid = figure.get_axes()
    assert [axes.get_ylabel() for axes in grid[::4]] == ["angle (deg)", "moment (Nm/kg)", "power (W/kg)"]
    assert [axes.get_title() for axes in grid[:4]] == list(JOINTS)
    assert [axes.get_xlabel() for axes in grid[8:]] == ["repetition (%)"] * 4
    drawn = [
        len([line for line in axes.lines if len(np.asarray(line.get_path().vertices)) == 101])
        for axes in grid
    ]
    assert drawn == [4, 8, 8, 8] * 3, "each of three and their mean, of one or of both legs"
    knee = np.stack([mean[:, COLUMNS.index("knee_angle_r")] for mean in means.values()])
    np.testing.assert_allclose(np.asarray(grid[2].lines[3].get_path().vertices)[:, 1], knee.mean(axis=0))
    assert np.ptp(knee[0]) == pytest.approx(40.0, rel=0.02)
    assert "shovel 4.54 kg" in _words(figure)


def test_the_cycle_is_of_whole_trials_and_filtered_before_its_powers(shovelling: list[Trial]) -> None:
    """Peaks at 1, 5, 9, 13, 17 s: also the one within the 248 rows that no network answers for."""
    means = participants_means(shovelling, "SH1")
    knee, power = (means["s0"][:, COLUMNS.index(f"knee_angle_r{of}")] for of in ("", "_power"))
    assert np.abs(np.diff(knee)).max() < 1.5, "without the 30 Hz"
    # 20 deg and 20 Nm/kg at 0.25 Hz, 0.7 rad apart or so: never above 0.3491 * 1.5708 * 20 = 10.97 W/kg.
    assert np.abs(power).max() < 11.2


def test_who_is_not_in_the_cycle_is_named_with_the_reason(shovelling: list[Trial]) -> None:
    still = replace(shovelling[1], labels=np.zeros_like(shovelling[1].labels))
    other = replace(shovelling[2], meta=replace(shovelling[2].meta, extra={"condition": "SH2"}))
    trials = [shovelling[0], still, other]
    means = participants_means(trials, "SH1")
    assert list(means) == ["s0"]
    assert left_out(trials, "SH1", means) == [
        "without s1: in its trials of SH1 nothing repeats",
        "without s2: has no trial of SH1",
    ]
    assert "n = 1 participants" in _words(cycle_figure(means, "SH1"))


def test_a_panel_that_knows_fewer_says_so(shovelling: list[Trial]) -> None:
    blind = replace(shovelling[2], labels=shovelling[2].labels.copy())
    blind.labels[:, LABEL_NAMES.index("lumbar_extension_moment")] = np.nan
    figure = cycle_figure(participants_means([*shovelling[:2], blind], "SH1"), "SH1")
    told = [[text.get_text() for text in axes.texts] for axes in figure.get_axes()]
    assert [i for i, words in enumerate(told) if words == ["n = 2"]] == [4, 8]


def test_a_virtual_cohort_says_what_it_cannot_prove(shovelling: list[Trial]) -> None:
    virtual = [replace(one, meta=replace(one.meta, subject=f"vw-{i}")) for i, one in enumerate(shovelling)]
    figure = cycle_figure(participants_means(virtual, "SH1"), "SH1")
    assert "not accuracy on people" in _words(figure)
    assert "n = 3 virtual wearers" in _words(figure)


def test_all_four_as_png_and_pdf(
    series: list[Series], shovelling: list[Trial], trials: list[Trial], tmp_path: Path
) -> None:
    few = [one for one in series if one.task == "SH"]
    told: list[str] = []
    lifting = replace(shovelling[0], meta=replace(shovelling[0].meta, extra={"condition": "L1"}))
    written = write_figures(
        few, [*trials[:1], *shovelling[:1], lifting], tmp_path, {}, conditions=["SH1", "L1"], say=told.append
    )
    names = [f"figure_{k}.{ending}" for k in ("3", "3_L1", 4, 5, 6) for ending in ("png", "pdf")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert written[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert written[1].read_bytes()[:5] == b"%PDF-"
    assert told == []


def test_what_has_no_data_is_left_out_and_named(series: list[Series], tmp_path: Path) -> None:
    walks = [replace(one, estimates={}) for one in series if one.task == "W"]
    told: list[str] = []
    assert write_figures(walks, [], tmp_path, {}, say=told.append) == []
    assert [line.partition(":")[0] for line in told] == ["figure_3", "figure_4", "figure_5", "figure_6"]
    assert "no trial has force plates" in told[1]


def test_labels_have_a_power_for_every_coordinate() -> None:
    assert len(COLUMNS) == 21
    assert [name.removesuffix("_power") for name in COLUMNS[14:]] == list(LABEL_NAMES[:7])
