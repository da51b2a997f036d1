"""A model card for reading: Markdown that shows what the card has and says what it has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetson_runtime.inference.bundle import CONFIDENCE, Manifest
from jetson_runtime.suit import signals
from models.data import tasks
from models.evaluation import printed
from models.evaluation.markdown import number, table

_DIGITS = {"deg": 2, "Nm/kg": 3}
_NAN = float("nan")
_OFFLINE = (
    "splined onto the grid afterwards as in the paper, in training and in every number here; on the body the runtime"
    " aligns them otherwise."
)


def markdown(manifest: Manifest) -> str:
    """The card of a bundle, written for a biomechanist."""
    card = manifest.card
    parts = [
        f"# {manifest.name}",
        f"Made {manifest.created or 'at an unknown time'}; sha256 {manifest.sha256[:12]}.",
        card.get("note", ""),
        "## What it must not be used for",
        _limits(card),
        "## What it was made of",
        _training(card),
        "## Errors on people it has never seen",
        _test(card),
        _errors(card),
        _by_task(card),
        _by_side(card),
        _without(card),
        "## How far to trust a frame",
        _confidence(manifest),
        *_ancestry(card),
    ]
    return "\n\n".join(part for part in parts if part)


def _limits(card: Mapping[str, Any]) -> str:
    if "limits" not in card:
        return "Not told: the card is older than that entry. Export the bundle anew."
    return "\n".join(f"- {limit}" for limit in card["limits"])


def _training(card: Mapping[str, Any]) -> str:
    training = card.get("training")
    if not training:
        return "Not told." if "imported" not in card else _imported(card)
    lines = [
        f"- People: {training.get('subjects', '?')} trained on, {training.get('validation_subjects', '?')} to stop by;"
        f" {training.get('wearers', '')}.",
        f"- Data: {training.get('hours', '?')} h{_if(training, 'trials', ', {} trials')}"
        f"{_if(training, 'sha256', ', sha256 {:.12}')}.",
        f"- Tasks: {', '.join(_task(task) for task in training.get('tasks', ()))}.",
    ]
    if conditions := training.get("conditions"):
        lines.append(f"- Conditions: {', '.join(conditions)}.")
    lines.append(
        f"- Epochs: {_range(training.get('epochs', {}))}, best at {_range(training.get('best_epochs', {}))}."
    )
    if card.get("recipe", {}).get("way") == "offline":
        lines.append(f"- Rows: {_OFFLINE}")
    lines.append(_deviations(card))
    return "\n".join(lines)


def _deviations(card: Mapping[str, Any]) -> str:
    if "deviations" not in card:
        recipe = ", ".join(f"{key} {value}" for key, value in card.get("recipe", {}).items())
        return f"- Recipe: {recipe or 'not told'}."
    told = ", ".join(f"{key} {of['here']} (paper: {of['paper']})" for key, of in card["deviations"].items())
    ours = ", ".join(f"{key} {value}" for key, value in card.get("ours", {}).items())
    line = f"- Recipe: the paper's but for {told}." if told else "- Recipe: the paper's."
    return f"{line} Ours where the paper is silent: {ours}." if ours else line


def _imported(card: Mapping[str, Any]) -> str:
    files = (f"{outcome}: {of['file']}" for outcome, of in card["imported"].items())
    return "Weights that were trained elsewhere: " + "; ".join(files) + "."


def _test(card: Mapping[str, Any]) -> str:
    if "errors" not in card:
        return "Not measured. Export with `--test FOLDER`, or measure with `second-skin-lab evaluate BUNDLE FOLDER`."
    test = card.get("test", {})
    people = test.get("subjects", len(card.get("test_subjects", ())))
    return (
        f"{people} people{_if(test, 'trials', ', {} trials')}{_if(test, 'hours', ', {} h')}. RMSE of each person's own"
        " points, averaged; R2 of trials, averaged. As sent is what a live client gets; filtered is after the paper's"
        " zero-lag 6 Hz filter, which no live client can have. Skill is 1 - RMSE / RMSE of the simpler estimator,"
        " of each person, averaged; an older card does not tell it."
    )


def _errors(card: Mapping[str, Any]) -> str:
    if "errors" not in card:
        return ""
    rows = []
    for outcome in signals.OUTCOMES:
        of, digits = card["errors"].get(outcome.name, {}), _DIGITS[outcome.unit]
        sent, after = of.get("network", {}), of.get("filtered", {})
        skills = [_cell(sent, f"skill_{name}", 2) for name in ("constant", "ridge")]
        rows.append(
            [
                outcome.name,
                outcome.unit,
                *(
                    _cell(of, name, places)
                    for of in (sent, after)
                    for name, places in (("rmse", digits), ("r2", 2))
                ),
                *skills,
                number(printed.TCN[outcome.name].mean, digits),
            ]
        )
    head = [
        "outcome",
        "unit",
        "RMSE as sent",
        "R2",
        "RMSE filtered",
        "R2",
        "skill over constant",
        "over ridge",
    ]
    return table([*head, "the paper's, on people"], rows)


def _by_task(card: Mapping[str, Any]) -> str:
    found = card.get("by_task")
    if not found:
        return ""
    rows = [
        [
            outcome.name,
            *(_cell(of.get("rmse_raw", {}), outcome.name, _DIGITS[outcome.unit]) for of in found.values()),
        ]
        for outcome in signals.OUTCOMES
    ]
    return table(["RMSE as sent, by task", *(_task(task) for task in found)], rows)


def _by_side(card: Mapping[str, Any]) -> str:
    found = card.get("by_side")
    if not found:
        return ""
    rows = []
    for outcome in signals.OUTCOMES:
        if outcome.sided:
            sides = [found.get(outcome.published(side), {}) for side in signals.SIDES]
            rows.append([outcome.name, *(_cell(of, "rmse", _DIGITS[outcome.unit]) for of in sides)])
    return table(["RMSE filtered, by side", "right", "left"], rows)


def _without(card: Mapping[str, Any]) -> str:
    found = card.get("without")
    if not found:
        return ""
    rows = [
        [outcome.name, *(_cell(of, outcome.name, _DIGITS[outcome.unit]) for of in found.values())]
        for outcome in signals.OUTCOMES
    ]
    return table(["RMSE as sent, without", *("nothing" if name == "none" else name for name in found)], rows)


def _confidence(manifest: Manifest) -> str:
    if CONFIDENCE not in manifest.files:
        return (
            "Not calibrated: frames hold no interval and warn of nothing. `second-skin-lab calibrate BUNDLE FOLDER`"
            " does it, with trials of people it was not trained on."
        )
    facts = manifest.card.get("confidence", {})
    nominal, set_for = facts.get("nominal_coverage", _NAN), facts.get("false_alarms", _NAN)
    told = [
        f"Intervals are to hold the truth {100 * nominal:.0f} % of the time for somebody new; calibrated on"
        f" {facts.get('people', '?')} people ({', '.join(facts.get('tasks', ()))}). For one person they may hold more"
        " or less often: the table says how much that varies.",
        f"Warnings were set to come for nothing {100 * set_for:.1f} % of the time{_alarms(facts)}.",
        _coverage(facts),
    ]
    return "\n\n".join(part for part in told if part)


def _alarms(facts: Mapping[str, Any]) -> str:
    found = facts.get("test", {}).get("false_alarms")
    if not found:
        return ""
    share, people = 100 * found["share"], 100 * found["people"]
    return f"; with test people they came {share:.1f} % of the time, to {people:.0f} % of the people"


def _coverage(facts: Mapping[str, Any]) -> str:
    tested = facts.get("test", {})
    rows = []
    for outcome in signals.OUTCOMES:
        own, on_test = facts.get("coverage", {}).get(outcome.name, {}), tested.get("coverage", {})
        cells = [_percent(on_test.get(outcome.name)), _percent(tested.get("sd", {}).get(outcome.name))]
        half = _cell(tested.get("half_width", {}), outcome.name, _DIGITS[outcome.unit])
        rows.append([outcome.name, _percent(own.get("sd")), *cells, half])
    return table(
        [
            "interval",
            "SD over people, calibration",
            "coverage on test people",
            "SD over them",
            "half-width, median",
        ],
        rows,
    )


def _ancestry(card: Mapping[str, Any]) -> list[str]:
    found = card.get("ancestry")
    if not found:
        return []
    lines = [
        f"- {of.get('name', '?')} ({of.get('sha256', '')[:12]}), trained on with {of.get('trials', '?')} trials of"
        f" {len(of.get('subjects', ()))} people, {of.get('hours', '?')} h"
        f"{_if(of, 'stopped_by', '; stopped by {}')}"
        for of in found
    ]
    return ["## Where it comes from", "\n".join(lines)]


def _cell(of: Mapping[str, Any], name: str, digits: int) -> str:
    value = of.get(name)
    return "-" if value is None else number(float(value), digits)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _if(of: Mapping[str, Any], name: str, words: str) -> str:
    return words.format(of[name]) if name in of else ""


def _range(of: Mapping[str, int]) -> str:
    if not of:
        return "not told"
    least, most = min(of.values()), max(of.values())
    return str(least) if least == most else f"{least} to {most}"


def _task(code: str) -> str:
    return f"{tasks.kind(code).name} ({code})" if code in tasks.KINDS else code.removeprefix("other:")
