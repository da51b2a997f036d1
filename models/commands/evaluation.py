"""How good a bundle is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from models.commands import Commands


def add(commands: Commands) -> None:
    """How good a bundle is."""
    for add_one in (_add_evaluate, _add_robustness, _add_report, _add_confidence):
        add_one(commands)


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="errors of a bundle on trials, beside constant, ridge, formulas and paper"
    )
    evaluate.add_argument("bundle", type=Path, metavar="BUNDLE")
    evaluate.add_argument(
        "folder", type=Path, metavar="FOLDER", help="of trials, best of people never trained on"
    )
    evaluate.add_argument("--json", action="store_true", help="print one object instead of tables")
    evaluate.add_argument(
        "--way",
        choices=("device", "offline"),
        default="device",
        help="rows as the suit delivers them (device), or the paper's spline (offline)",
    )
    evaluate.add_argument("--processes", type=int, default=1)
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from models.evaluation import evaluate, folder

    played = folder.play(options.bundle, options.folder, way=options.way, processes=options.processes)
    result = evaluate.evaluation(played)
    if options.json:
        print(json.dumps(evaluate.without_nan(result)))
    else:
        print(evaluate.markdown(result))
    return 0


def _add_robustness(commands: Commands) -> None:
    robustness = commands.add_parser(
        "robustness",
        help="how the errors grow with lost samples, lost sensors, wrong clocks and turned sensors",
    )
    robustness.add_argument("bundle", type=Path, metavar="BUNDLE")
    robustness.add_argument(
        "folder", type=Path, metavar="FOLDER", help="of trials, best of people never trained on"
    )
    robustness.add_argument("--out", type=Path, required=True, help="folder for CSV, Markdown and figure")
    robustness.add_argument(
        "--only", default="", help="comma-separated of dropped, lost, clock, turned; default: all"
    )
    robustness.add_argument(
        "--seconds", type=float, default=20.0, help="of each trial, from its beginning (20)"
    )
    robustness.add_argument("--processes", type=int, default=1)
    robustness.set_defaults(run=_robustness)


def _robustness(options: argparse.Namespace) -> int:
    from models.evaluation import disturbances, robustness

    points = robustness.measure(
        options.bundle,
        options.folder,
        kinds=options.only.split(",") if options.only else disturbances.KINDS,
        seconds=options.seconds,
        processes=options.processes,
        say=print,
    )
    robustness.write(points, options.out)
    print(f"{options.out}: robustness.md, robustness.csv, robustness.png, robustness.pdf")
    return 0


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report", help="a leave-one-subject-out run on the people it withheld: tables, statistics, figures"
    )
    report.add_argument("run_folder", type=Path, metavar="RUN")
    report.add_argument(
        "data", type=Path, metavar="DATA", help="folder of the trials that the run was trained on"
    )
    report.add_argument(
        "--out", type=Path, required=True, help="folder for report.md, report.json, CSV and figures"
    )
    report.add_argument(
        "--condition",
        default="SH1",
        metavar="CODE[,CODE]",
        help="of figure 3, one for each (SH1, the paper's; its supplement shows L1, VA1 and VA2)",
    )
    report.add_argument("--no-formulas", action="store_true", help="leave the analytical estimates out")
    report.add_argument("--processes", type=int, default=1)
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from models.evaluation import report

    report.report(
        options.run_folder,
        options.data,
        options.out,
        processes=options.processes,
        formulas=not options.no_formulas,
        conditions=options.condition.split(","),
        say=print,
    )
    print(f"{options.out / report.REPORT}")
    return 0


def _add_confidence(commands: Commands) -> None:
    confidence = commands.add_parser(
        "confidence", help="whether a bundle's intervals hold and its warnings come when they should"
    )
    confidence.add_argument("bundle", type=Path, metavar="BUNDLE")
    confidence.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="of trials of people who neither trained nor calibrated it",
    )
    confidence.add_argument("--json", action="store_true", help="print one object instead of tables")
    confidence.add_argument(
        "--faults",
        type=int,
        default=0,
        metavar="N",
        help="try broken and wrongly mounted sensors on N trials of each task (0)",
    )
    confidence.add_argument(
        "--calibration",
        type=Path,
        help="the folder it was calibrated on: calibrates anew without each task and tries that one",
    )
    confidence.set_defaults(run=_confidence)


def _confidence(options: argparse.Namespace) -> int:
    from jetson_runtime.inference import bundle
    from models.confidence import report
    from models.data import dataset
    from models.evaluation import evaluate

    result = report.result(
        bundle.load(options.bundle),
        dataset.load(options.folder),
        faults_each=options.faults,
        calibration=dataset.load(options.calibration) if options.calibration else (),
    )
    print(json.dumps(evaluate.without_nan(result)) if options.json else report.markdown(result))
    return 0
