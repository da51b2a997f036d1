"""How good a bundle, or a run, is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from models.commands import Commands
from models.commands.arguments import (
    above,
    add_bundle,
    add_data,
    add_json,
    add_out,
    add_processes,
    add_run,
    at_least,
    words,
)

_STRANGERS = "folder of trials, best of people never trained on"


def add(commands: Commands) -> None:
    """How good a bundle, or a run, is."""
    for add_one in (_add_report, _add_evaluate, _add_robustness, _add_confidence, _add_smoothing):
        add_one(commands)


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report", help="a leave-one-subject-out run on the people it withheld: tables, statistics, figures"
    )
    add_run(report, "folder of the run")
    add_data(report, "folder of the trials that the run was trained on")
    add_out(report, "folder for report.md, report.json, CSV and figures")
    report.add_argument(
        "--condition",
        type=words,
        default=("SH1",),
        metavar="CODE[,CODE]",
        help="of figure 3, one for each (SH1, the paper's; its supplement shows L1, VA1 and VA2)",
    )
    report.add_argument(
        "--beside", type=Path, metavar="RUN", help="a second run of the same folds, to compare this one with"
    )
    report.add_argument("--no-formulas", action="store_true", help="leave the analytical estimates out")
    add_processes(report)
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from models.evaluation import report

    report.report(
        options.run_folder,
        options.data,
        options.out,
        processes=options.processes,
        formulas=not options.no_formulas,
        conditions=options.condition,
        beside=options.beside,
        say=print,
    )
    print(f"{options.out / report.REPORT}")
    return 0


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="errors of a bundle on trials, beside constant, ridge, formulas and paper"
    )
    add_bundle(evaluate)
    add_data(evaluate, _STRANGERS)
    add_json(evaluate, "tables")
    evaluate.add_argument(
        "--way",
        choices=("device", "offline"),
        default="device",
        help="rows as the suit delivers them (device), or the paper's spline (offline)",
    )
    add_processes(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from models.evaluation import evaluate, folder

    played = folder.play(options.bundle, options.data, way=options.way, processes=options.processes)
    result = evaluate.evaluation(played)
    print(json.dumps(evaluate.without_nan(result)) if options.json else evaluate.markdown(result))
    return 0


def _add_robustness(commands: Commands) -> None:
    robustness = commands.add_parser(
        "robustness",
        help="how the errors grow with lost samples, lost sensors, wrong clocks and turned sensors",
    )
    add_bundle(robustness)
    add_data(robustness, _STRANGERS)
    add_out(robustness, "folder for CSV, Markdown and figure")
    robustness.add_argument(
        "--only",
        type=words,
        metavar="KIND[,KIND]",
        help="of dropped, lost, clock, turned; default: all",
    )
    robustness.add_argument(
        "--seconds", type=above(1.0, itself=True), default=20.0, help="of each trial, from its beginning (20)"
    )
    add_processes(robustness)
    robustness.set_defaults(run=_robustness)


def _robustness(options: argparse.Namespace) -> int:
    from models.evaluation import disturbances, robustness

    robustness.robustness(
        options.bundle,
        options.data,
        options.out,
        kinds=options.only or disturbances.KINDS,
        seconds=options.seconds,
        processes=options.processes,
        say=print,
    )
    print(f"{options.out}: robustness.md, robustness.csv, robustness.png, robustness.pdf")
    return 0


def _add_confidence(commands: Commands) -> None:
    confidence = commands.add_parser(
        "confidence", help="whether a bundle's intervals hold and its warnings come when they should"
    )
    add_bundle(confidence)
    add_data(confidence, "folder of trials of people who neither trained nor calibrated it")
    add_json(confidence, "tables")
    confidence.add_argument(
        "--faults",
        type=at_least(0),
        default=0,
        metavar="N",
        help="try broken and wrongly mounted sensors on N trials of each task (0)",
    )
    confidence.add_argument(
        "--calibration",
        type=Path,
        help="the folder it was calibrated on: calibrates anew without each task and tries that one",
    )
    add_processes(confidence)
    confidence.set_defaults(run=_confidence)


def _confidence(options: argparse.Namespace) -> int:
    from jetson_runtime.inference import bundle
    from models.confidence import report
    from models.data import dataset
    from models.evaluation import evaluate

    tried, calibration = (
        dataset.load(folder, options.processes) if folder else []
        for folder in (options.data, options.calibration)
    )
    result = report.result(
        bundle.load(options.bundle),
        tried,
        faults_each=options.faults,
        calibration=calibration,
        processes=options.processes,
    )
    print(json.dumps(evaluate.without_nan(result)) if options.json else report.markdown(result))
    return 0


def _add_smoothing(commands: Commands) -> None:
    smoothing = commands.add_parser(
        "smoothing", help="what a client's low-pass costs: errors of a bundle against cut-off and delay"
    )
    add_bundle(smoothing)
    add_data(smoothing, _STRANGERS)
    add_json(smoothing, "tables")
    add_processes(smoothing)
    smoothing.set_defaults(run=_smoothing)


def _smoothing(options: argparse.Namespace) -> int:
    from models.evaluation import evaluate, folder, smoothing

    played = folder.play(options.bundle, options.data, processes=options.processes, formulas=False)
    rows = smoothing.curve(played.series)
    if options.json:
        print(json.dumps(evaluate.without_nan({"rows": rows})))
    else:
        people = len({one.subject for one in played.series})
        for line in played.remarks:
            print(line)
        print(smoothing.markdown(rows, people, len(played.series)))
    return 0
