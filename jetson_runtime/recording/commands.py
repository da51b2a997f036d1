"""The commands about recordings: their arguments, and what they print."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from jetson_runtime.stream import text
from jetson_runtime.suit.errors import RecordingError, missing_package
from jetson_runtime.suit.recording_table import DEFAULT_RECORDINGS, Begin

if TYPE_CHECKING:
    from jetson_runtime.recording.export import Series

WELL, UNWELL = 0, 1

# Writes the parts of a session to a file, and says in a line what was written.
Writer: TypeAlias = Callable[[Sequence[Path], Path], str]


def add(name: str, parser: argparse.ArgumentParser) -> None:
    """Arguments and handler of one of them."""
    {"record": _record, "recordings": _recordings, "replay": _replay}[name](parser)


def _record(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--config", type=Path, required=True, metavar="FILE", help="the suit's config, suit.toml")
    add("--folder", type=Path, metavar="DIR", help="instead of folder under [recording]")
    add("--state", type=Path, metavar="DIR", help="of the service (`state` beside the config)")
    add(
        "--begin",
        choices=get_args(Begin),
        help="instead of begin under [recording]; what `second-skin recording` told last goes before either",
    )

    def handler(options: argparse.Namespace) -> int:
        from jetson_runtime.recording import recorder

        return recorder.run(options.config, options.folder, options.state, options.begin)

    parser.set_defaults(handler=handler)


def _recordings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, nargs="?", default=DEFAULT_RECORDINGS, help=f"({DEFAULT_RECORDINGS})")
    add(
        "--repair",
        action="store_true",
        help="give those that were cut or damaged their end; each is read through",
    )
    add("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(handler=_list)


def _list(options: argparse.Namespace) -> int:
    """UNWELL where a recording is left that was cut, or that cannot be read."""
    from jetson_runtime.recording import catalogue

    left = 0
    for path in catalogue.files(options.folder):
        try:
            left += _list_one(path, options)
        except RecordingError as error:
            left += 1
            print(error, file=sys.stderr)
    if left and not options.repair:
        print(f"{left} cut short: second-skin recordings {options.folder} --repair", file=sys.stderr)
    return UNWELL if left else WELL


def _list_one(path: Path, options: argparse.Namespace) -> bool:
    """Whether it is still one that was cut."""
    from jetson_runtime.recording import catalogue

    entry = catalogue.look(path, whole=options.repair)
    note = entry.damage
    if entry.state == catalogue.CUT and options.repair:
        repaired = catalogue.repair(path)
        kept = f"; the original is {repaired.kept.name}" if repaired.kept else ""
        if repaired.entry is None:
            print(f"{path}: {entry.damage}{kept}", file=sys.stderr)
            return False
        entry, damaged = repaired.entry, repaired.damaged
        note = "repaired" + (f", {damaged} damaged places left out{kept}" if damaged else "")
    if options.json:
        print(text.to_json(entry._asdict() | {"path": str(path), "note": note}))
    else:
        print(
            f"{path.name}  {entry.duration_s:8.1f} s  {entry.frames:8d} frames  {entry.size / 1e6:8.1f} MB  "
            f"{entry.state}{f' ({note})' if note else ''}{entry.labels and f'  {text.printable(entry.labels)}'}"
        )
    return entry.state == catalogue.CUT


def _replay(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="the parts of one session")
    add("--bundle", type=Path, help="another model than the recorded one, to see what it changes")
    add("--engine", help="another engine than the recorded one")
    add("--json", action="store_true", help="one JSON object")
    parser.set_defaults(handler=_compare)


def _compare(options: argparse.Namespace) -> int:
    """UNWELL where a frame differs."""
    from jetson_runtime.recording import comparison

    found = comparison.compare(options.files, options.bundle, options.engine)
    if options.json:
        print(text.to_json(dataclasses.asdict(found) | {"same": found.same}))
        return WELL if found.same else UNWELL
    print(
        f"{found.equal} frames equal to the last bit, {found.different} different, {found.missing} missing; "
        f"{found.warming_up} before the replay had seen enough; {found.gaps} gaps"
    )
    for name, (then, now) in found.build.items():
        print(f"  {name}: recorded with {then or 'nothing known'}, replayed with {now}")
    if found.added:
        print(f"  new since the recording, and not compared: {', '.join(found.added)}")
    for key, (count, most) in sorted(found.by_key.items(), key=lambda item: -item[1][0]):
        print(
            f"  {key}: differs in {count} frames"
            + (f", by {most:.3g} at most" if math.isfinite(most) else "")
        )
    return WELL if found.same else UNWELL


def add_export(parser: argparse.ArgumentParser, others: Mapping[str, Writer]) -> None:
    """Arguments and handler of `export`. others: by name, ways of writing a whole recording beside those of here."""
    add = parser.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="the parts of one session")
    add(
        "--to",
        choices=("parquet", "csv", "opensim", *others),
        required=True,
        help="a trial, a table with units, .mot and .sto, or an MCAP file that Foxglove shows",
    )
    add("--out", type=Path, required=True, metavar="PATH", help="file to write; with --by-mark a folder")
    add("--by-mark", action="store_true", help="one file from each mark to the next")
    add("--subject", default="unknown", help="of a trial, where no mark names one")
    add("--task", default="other:recording", help="of a trial, where no mark names one")
    add(
        "--knee-flexion",
        choices=("positive", "negative"),
        default="positive",
        help="negative: as Gait2392's knee",
    )
    parser.set_defaults(handler=lambda options: _write(options, others))


def _write(options: argparse.Namespace, others: Mapping[str, Writer]) -> int:
    from jetson_runtime.recording import export

    if options.to in others:
        if options.by_mark:
            raise RecordingError(f"--to {options.to} writes the whole recording: leave out --by-mark")
        print(others[options.to](options.files, options.out))
        return WELL
    series = export.read(options.files)
    todo: list[tuple[Path, dict[str, Any], Series]] = [(options.out, {}, series)]
    if options.by_mark:
        options.out.mkdir(parents=True, exist_ok=True)
        todo = [(options.out / name, mark, piece) for name, mark, piece in export.pieces(series)]
    for path, mark, piece in todo:
        for written in _write_one(path, mark, piece, options):
            print(f"{written}: {len(piece.valid)} rows, {100 * piece.valid.mean():.1f} % valid")
    return WELL


def _write_one(path: Path, mark: dict[str, Any], piece: Series, options: argparse.Namespace) -> list[Path]:
    from jetson_runtime.recording import export

    try:
        if options.to == "opensim":
            return export.write_opensim(path, piece, knee_flexion_negative=options.knee_flexion == "negative")
        path = path.with_name(path.name + ("" if path.suffix == f".{options.to}" else f".{options.to}"))
        if options.to == "csv":
            export.write_csv(path, piece)
        else:
            subject, task = mark.get("subject") or options.subject, mark.get("task") or options.task
            export.write_trial(path, piece, subject, task)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error
    except ModuleNotFoundError as error:
        raise missing_package(error, "sim") from error
    return [path]
