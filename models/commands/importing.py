"""Other laboratories' data in, checked."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from models.commands import Commands
from models.commands.arguments import above, add_out, add_processes
from models.data import tasks

_TRIALS = "folder for the trials"


def add(commands: Commands) -> None:
    """Other laboratories' data in, checked."""
    for add_one in (_add_opensim, _add_table, _add_recording):
        add_one(commands)


def _add_opensim(commands: Commands) -> None:
    opensim = commands.add_parser(
        "import-opensim",
        help="make trials of an OpenSim set: a model, markers or inverse kinematics, ground forces",
    )
    opensim.add_argument(
        "folder", type=Path, metavar="FOLDER", help="one .osim and <trial>.trc, _ik.mot, _grf.mot, _id.sto"
    )
    add_out(opensim, _TRIALS)
    opensim.add_argument("--subject", required=True)
    opensim.add_argument(
        "--task",
        dest="tasks",
        type=_task,
        action="append",
        required=True,
        metavar="PATTERN=TASK",
        help="of the trials whose name fits: a kind or a condition's code (see `tasks`), e.g. 'walk*=W', 'dig*=SH1'; "
        "the first that fits counts; may be given again",
    )
    opensim.add_argument(
        "--neutral",
        default="",
        metavar="PATTERN",
        help="trials of neutral stance, which sensors are tared with",
    )
    opensim.add_argument(
        "--session",
        default="",
        help="name of this wearing of the suit; its neutral stance is its trials' tare",
    )
    opensim.add_argument("--source", default="", help="where the set is from, kept in the trials")
    opensim.add_argument(
        "--load-cell", type=Path, help="TOML file of an instrumented pole, see examples/load-cell.toml"
    )
    scaling = opensim.add_argument_group("a generic model, scaled first")
    scaling.add_argument("--scale-setup", type=Path, help="ScaleTool's file of the marker set")
    scaling.add_argument("--static", type=Path, help="the standing trial (.trc)")
    scaling.add_argument("--mass", type=above(0.0), help="of the body [kg]")
    opensim.add_argument(
        "--kinematics",
        choices=("auto", "given", "markers"),
        default="auto",
        help="auto: as given unless it misses markers of feet or pelvis, else from the markers",
    )
    opensim.add_argument(
        "--residual", type=above(0.0), help="[N/kg] above which something not measured bears the body"
    )
    add_processes(opensim)
    opensim.set_defaults(run=_import_opensim)


def _import_opensim(options: argparse.Namespace) -> int:
    from models.importers.load_cell import LoadCell
    from models.importers.opensim_files import find_set
    from models.importers.opensim_import import Options, import_set
    from models.importers.toml_map import read_map

    stances = {options.neutral: tasks.NEUTRAL} if options.neutral else {}
    named = {**stances, **{pattern: task for pattern, task in options.tasks if pattern not in stances}}
    cell = read_map(options.load_cell, LoadCell) if options.load_cell else None
    given = find_set(options.folder, options.subject, named, options.source, cell)
    if options.session:
        given = replace(given, about={**given.about, "session": options.session})
    scaling = {"scale_setup": options.scale_setup, "static": options.static, "mass_kg": options.mass}
    given = replace(given, **{key: value for key, value in scaling.items() if value is not None})
    chosen = Options(kinematics=options.kinematics)
    if options.residual is not None:
        chosen = replace(chosen, residual_n_per_kg=options.residual)
    return _checked(import_set(given, options.out, chosen, print, options.processes), options.processes)


def _task(text: str) -> tuple[str, str]:
    pattern, found, task = text.rpartition("=")
    if not found or not pattern or not task:
        raise argparse.ArgumentTypeError(
            f"{text!r}: write a pattern of trials' names and their task, as 'walk*=W'"
        )
    if task not in tasks.KINDS and not task.startswith("other:"):
        try:
            tasks.condition(task)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}, or other:<name>") from error
    return pattern, task


def _add_table(commands: Commands) -> None:
    table = commands.add_parser(
        "import-table", help="make trials of sensor tables (CSV, Parquet, HDF5) through a column map"
    )
    _add_map(table, "examples/import-table.toml")
    table.set_defaults(run=_import_table)


def _import_table(options: argparse.Namespace) -> int:
    from models.importers.sensor_tables import import_tables

    return _checked(import_tables(options.map, options.out, print))


def _add_recording(commands: Commands) -> None:
    recording = commands.add_parser(
        "import-recording",
        help="make trials of the suit's recordings: by their marks, or with motion capture by the sync pulse",
    )
    recording.add_argument(
        "given",
        type=Path,
        metavar="RECORDING|MAP",
        help="a recording (.mcap) or a folder of them, cut by the marks of second-skin collect; or a TOML file that "
        "brings recordings and motion capture together, see examples/import-recording.toml",
    )
    add_out(recording, _TRIALS)
    recording.set_defaults(run=_import_recording)


def _import_recording(options: argparse.Namespace) -> int:
    from models.importers.recordings import import_recordings
    from models.importers.suit_session import import_session

    marks = options.given.is_dir() or options.given.suffix == ".mcap"
    if marks:
        return _checked(import_session(options.given, options.out, print), labelled=False)
    return _checked(import_recordings(options.given, options.out, print))


def _add_map(command: argparse.ArgumentParser, example: str) -> None:
    command.add_argument("map", type=Path, metavar="MAP", help=f"TOML file, see {example}")
    add_out(command, _TRIALS)


def _checked(paths: list[Path], processes: int = 1, *, labelled: bool = True) -> int:
    """Tells what the check finds in the trials that were written; they stay, whatever it is.

    labelled: False where no reference was imported, so that labels are known to be unknown.
    """
    from models.checks.defects import errors
    from models.checks.folder import check_files

    report = check_files(paths, processes)
    found = [one for one in report.defects if labelled or one.column != "labels"]
    for defect in found:
        print(defect.line())
    return 1 if errors(found) else 0
