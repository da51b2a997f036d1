"""A bundle -> a better one: trained on with new recordings, promoted only if people never trained on lose nothing.

The recordings' subjects are split: some decide when to stop, and for each outcome whether the new weights are taken at
all; where they are no better there, the old ones stay. The withheld people then judge the whole, by the device's own
numbers. Where one outcome is worse for them, no bundle is written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.suit import signals
from models.bundles import calibrate, card
from models.confidence import intervals
from models.data import dataset, folds
from models.data.dataset import Recording
from models.data.folds import Split, is_virtual
from models.evaluation import evaluate, folder
from models.evaluation.folder import Played
from models.evaluation.markdown import digits_of, number, table
from models.evaluation.networks import score
from models.files import write_whole
from models.network import export, lineage, tcn
from models.training import fit, initial, runs
from models.training.recipe import TrainConfig

RECIPE = TrainConfig(learning_rate=1e-5, min_epochs=3, max_epochs=20, patience=3)
_FOLD = "adapted"
_NOTE = "Trained on with recordings of people; what it was trained on at first is told below."
_MEASURES = ("rmse", "rmse_raw")
# An increase by less than this part of the error is what folding the same weights anew may do.
_ROUNDING = 1e-4
# With fewer people than this, whole trials are set apart to decide when to stop, not whole people.
_PEOPLE = 3
_EVERY = 5
_OWN_TRIALS = "other trials of the very people it was trained on, who were too few to set one apart"


@dataclass(frozen=True)
class Adaptation:
    """before, after: measure -> outcome -> error on the withheld people; kept: outcomes that keep their old weights.

    remarks: what whoever uses the bundle must know of how it was made.
    """

    before: dict[str, dict[str, float]]
    after: dict[str, dict[str, float]]
    kept: tuple[str, ...]
    manifest: bundles.Manifest | None
    remarks: tuple[str, ...] = ()

    @property
    def worse(self) -> list[str]:
        """What forbids the promotion, a line for each."""
        return [
            f"{outcome.name}: {measure} {self.before[measure][outcome.name]:.4g} ->"
            f" {self.after[measure][outcome.name]:.4g} {outcome.unit}"
            for outcome in signals.OUTCOMES
            for measure in _MEASURES
            if not self.after[measure][outcome.name] <= self.before[measure][outcome.name] * (1 + _ROUNDING)
        ]


def adapt(
    old: Path,
    data: Path,
    test: Path,
    out: Path,
    *,
    config: TrainConfig = RECIPE,
    name: str | None = None,
    calibration: Path | None = None,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> Adaptation:
    """Trains the bundle `old` on with the trials in `data` and judges by those in `test`; writes `out`, or does not.

    The report stands beside it, `<out>.report.json`, in both cases. A killed one goes on where it stood. Intervals and
    warnings are learned from `calibration`, trials of yet other people; without it the new bundle has none, as those of
    the old one speak of the old weights. Raises ValueError where a subject of `test` or `calibration` was ever trained
    on or is in both, where `calibration` has too few people, or where `test` or `data` do not know an outcome.
    """
    export.refuse_other_folder(out)
    parent = bundles.load(old)
    recordings, withheld = dataset.load(data, processes), dataset.load(test, processes)
    people = dataset.load(calibration, processes) if calibration else []
    _refuse_seen(parent, recordings, [*withheld, *people])
    if calibration:
        _refuse_people(calibration, people, withheld)
    config = replace(config, init=str(old))
    run_folder = out.with_name(f"{out.name}.run")
    networks, kept = _trained(run_folder, parent, recordings, config, processes, say)
    about = _card(parent, recordings, config, kept)
    candidate = run_folder / "candidate"
    manifest = export.export(
        candidate,
        networks,
        parent.baselines(),
        name=name or parent.manifest.name,
        created=export.date_of(data.glob("*.parquet")),
        card=about,
    )
    before, after = (
        folder.play_recordings(one, test, withheld, processes=processes, formulas=False)
        for one in (old, candidate)
    )
    found = replace(_compared(before, after, kept, test), remarks=_remarks(parent, recordings, people))
    if not found.worse:
        if people:
            manifest = calibrate.calibrate(
                candidate, people, recordings, withheld, processes=processes, say=say
            )
        measured = {**manifest.card, **card.measured(candidate, test, withheld, processes)}
        with export.whole(out) as fresh:
            shutil.copytree(candidate, fresh, dirs_exist_ok=True)
            manifest = export.sign(fresh, manifest.model_copy(update={"card": measured}))
        found = replace(found, manifest=manifest)
    _report(out, found, about["ancestry"][-1])
    shutil.rmtree(run_folder, ignore_errors=True)
    return found


def as_table(found: Adaptation) -> str:
    """Markdown: each outcome's error on the withheld people before and after."""
    rows = [
        [outcome.name, outcome.unit]
        + [
            number(of[measure][outcome.name], digits_of(outcome.name))
            for measure in _MEASURES
            for of in (found.before, found.after)
        ]
        + ["old" if outcome.name in found.kept else "new"]
        for outcome in signals.OUTCOMES
    ]
    head = ["outcome", "unit", "RMSE before", "after", "as sent before", "after", "weights"]
    return table(head, rows)


def _refuse_seen(parent: Bundle, recordings: Sequence[Recording], withheld: Sequence[Recording]) -> None:
    seen = {one.subject for one in recordings} | lineage.trained_on(parent.manifest.card)
    if both := sorted({one.subject for one in withheld} & seen):
        raise ValueError(
            f"{', '.join(both)}: cannot judge, the bundle is or was trained on them; give people it never saw"
        )


def _refuse_people(calibration: Path, people: Sequence[Recording], withheld: Sequence[Recording]) -> None:
    names = {one.subject for one in people}
    if both := sorted(names & {one.subject for one in withheld}):
        raise ValueError(f"{', '.join(both)}: in --calibrate and in --test; whoever calibrates cannot judge")
    if len(names) < intervals.LEAST_PEOPLE:
        raise ValueError(
            f"{calibration}: intervals need {intervals.LEAST_PEOPLE} people, here are {len(names)}; add some"
        )


def _remarks(parent: Bundle, recordings: Sequence[Recording], people: Sequence[Recording]) -> tuple[str, ...]:
    told = []
    if not people:
        had = (
            "the old bundle's were of the old weights" if "confidence" in parent.manifest.card else "none yet"
        )
        told.append(
            f"NO INTERVALS AND NO WARNINGS in the new bundle ({had}): give --calibrate FOLDER, or run"
            " `second-skin-lab calibrate` on it, with trials of people it was never trained on"
        )
    if _few(recordings):
        told.append(f"STOPPED BY THE SAME PEOPLE: {_OWN_TRIALS}; only --test says what it is worth to others")
    return tuple(told)


def _few(recordings: Sequence[Recording]) -> bool:
    return len({one.subject for one in recordings}) < _PEOPLE


def _split(recordings: Sequence[Recording]) -> tuple[list[Recording], Split]:
    """The recordings and who trains and who validates; of one or two people every fifth trial validates."""
    people = sorted({one.subject for one in recordings})
    if not _few(recordings):
        split = folds.withheld(people, min(len(people), 10), 0)
        train = tuple(sorted({*split.train, *split.validation}))
        return list(recordings), Split(train, split.test, ())
    if len(recordings) < 2:
        raise ValueError(
            "one trial alone cannot be trained on: a second must tell when to stop; record another"
        )
    aside = {one.name for one in list(recordings)[::_EVERY]}
    shared = [
        replace(one, subject=f"{one.subject} aside") if one.name in aside else one for one in recordings
    ]
    validation = tuple(sorted({one.subject for one in shared if one.name in aside}))
    return shared, Split(tuple(sorted({one.subject for one in shared} - set(validation))), validation, ())


def _trained(
    run_folder: Path,
    parent: Bundle,
    recordings: Sequence[Recording],
    config: TrainConfig,
    processes: int,
    say: Callable[[str], None],
) -> tuple[tcn.TcnSet, tuple[str, ...]]:
    """The networks that are to be judged, and the outcomes whose old weights they have."""
    shared, split = _split(recordings)
    fit.train_folds(run_folder, shared, {_FOLD: split}, config, processes=processes, say=say)
    new = runs.best_networks(run_folder / _FOLD)
    return _better(initial.of_bundle(parent), new, [one for one in shared if one.subject in split.validation])


def _better(
    old: tcn.TcnSet, new: tcn.TcnSet, validation: Sequence[Recording]
) -> tuple[tcn.TcnSet, tuple[str, ...]]:
    """The new network of each outcome that tells the validation's better, else the old one; and which stayed."""
    of_old, of_new = (dict(zip(signals.OUTCOME_NAMES, of.members(), strict=True)) for of in (old, new))
    errors = [score(of, validation) for of in (of_old, of_new)]
    kept = tuple(name for name in of_old if not errors[1][name]["rmse_raw"] < errors[0][name]["rmse_raw"])
    chosen = tcn.TcnSet()
    for name, network in zip(signals.OUTCOME_NAMES, chosen.members(), strict=True):
        network.load_state_dict((of_old if name in kept else of_new)[name].state_dict())
    return chosen.eval(), kept


def _compared(before: Played, after: Played, kept: tuple[str, ...], test: Path) -> Adaptation:
    was, now = (
        {measure: told[measure] for measure in _MEASURES}
        for told in map(evaluate.evaluation, (before, after))
    )
    unknown = [name for name, error in was["rmse"].items() if not error >= 0.0]
    if unknown:
        raise ValueError(
            f"{test}: no trial knows {', '.join(unknown)}: without it nobody can say what got worse"
        )
    return Adaptation(was, now, kept, None)


def _card(
    parent: Bundle, recordings: Sequence[Recording], config: TrainConfig, kept: tuple[str, ...]
) -> dict[str, Any]:
    """The parent's without what was measured of its weights, and where the new ones come from."""
    was, people = parent.manifest.card, sorted({one.subject for one in recordings})
    mine = {
        "name": parent.manifest.name,
        "sha256": parent.manifest.sha256,
        "subjects": people,
        "trials": len(recordings),
        "hours": round(sum(len(one.rows) for one in recordings) / signals.RATE_HZ / 3600, 3),
        "recipe": {**asdict(config), "init": parent.manifest.sha256},
        "kept": list(kept),
        "stopped_by": _OWN_TRIALS
        if _few(recordings)
        else "people of its own, apart from those it was trained on",
    }
    about = {**card.unmeasured(was), "ancestry": [*was.get("ancestry", ()), mine]}
    if not all(map(is_virtual, people)):
        about |= {"note": _NOTE}
        about |= {"limits": [one for one in was.get("limits", ()) if one != card.VIRTUAL_LIMIT]}
    return about


def _report(out: Path, found: Adaptation, about: Mapping[str, Any]) -> None:
    content = {
        "promoted": not found.worse,
        "worse": found.worse,
        "remarks": list(found.remarks),
        "before": found.before,
        "after": found.after,
        **about,
    }
    path = out.with_name(f"{out.name}.report.json")
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
