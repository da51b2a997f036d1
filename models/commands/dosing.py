"""The cumulative load of a recording or a trial: `second-skin-lab dose`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from models.commands import Commands
from models.commands.arguments import add_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jetson_runtime.dose import Dose

_LUMBAR = ("lumbar_extension_moment",)


def add(commands: Commands) -> None:
    """The cumulative load of joint moments."""
    dose = commands.add_parser(
        "dose", help="the cumulative load of joint moments, of a recording's parts or of trials"
    )
    dose.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="recordings (.mcap, all parts of one session or of several) or trials (.parquet); summed up",
    )
    dose.add_argument(
        "--moments",
        type=lambda text: tuple(text.split(",")),
        default=_LUMBAR,
        metavar="NAME[,NAME]",
        help=f"by OpenSim name ({_LUMBAR[0]}); a knee is knee_angle_r_moment",
    )
    add_json(dose, "text")
    dose.set_defaults(run=_dose)


def _dose(options: argparse.Namespace) -> int:
    from jetson_runtime.suit.signals import LABEL_NAMES

    known = [name for name in LABEL_NAMES if name.endswith("_moment")]
    if unknown := [name for name in options.moments if name not in known]:
        named = ", ".join(name or "''" for name in unknown)
        raise ValueError(f"--moments: no moment is called {named}; there are {', '.join(known)}")
    if doubles := {name for name in options.moments if options.moments.count(name) > 1}:
        raise ValueError(f"--moments: {', '.join(sorted(doubles))}: is there more than once; name each once")
    recordings = [path for path in options.files if path.suffix == ".mcap"]
    trials = [path for path in options.files if path.suffix == ".parquet"]
    if others := [str(path) for path in options.files if path not in recordings and path not in trials]:
        raise ValueError(f"{', '.join(others)}: name recordings (.mcap) or trials (.parquet)")
    if recordings and trials:
        raise ValueError("recordings and trials together: the same time could be summed up twice")
    dose = _of_recordings(recordings, options.moments) if recordings else _of_trials(trials, options.moments)
    print(json.dumps(dose.table()) if options.json else dose.text())
    return 0


def _of_recordings(paths: Iterable[Path], names: tuple[str, ...]) -> Dose:
    """By the frames as they were sent, with the wearer that `hello` told at that time."""
    from jetson_runtime.recording.mcap_file import Reading
    from jetson_runtime.recording.parts import in_order
    from jetson_runtime.shift import FrameDose
    from jetson_runtime.stream import messages
    from jetson_runtime.stream.received import received

    frames = FrameDose(names)
    mass_kg: float | None = None
    for path in in_order(paths):
        reading = Reading(path)
        for one in reading:
            message = messages.decode(one.payload)
            if message["topic"] == messages.HELLO:
                mass_kg = message["body_mass_kg"]
            elif message["topic"] == messages.FRAME:
                # Sent and received are one here: the recorder is on the suit's machine.
                frames.take(received(message, message["publish_ns"]), mass_kg)
        if reading.damaged or not reading.complete:
            print(
                f"{path}: {'is damaged' if reading.damaged else 'has no end'}: its dose is of what can be read; "
                f"second-skin recordings {path.parent} --repair",
                file=sys.stderr,
            )
    return frames.dose


def _of_trials(paths: Iterable[Path], names: tuple[str, ...]) -> Dose:
    """By the labels: the network's own of an exported recording, the truth of a trial of the laboratory."""
    import numpy as np

    from jetson_runtime.dose import Dose
    from jetson_runtime.suit.signals import LABEL_NAMES
    from jetson_runtime.suit.trial import read_trial

    dose = Dose(names)
    columns = [LABEL_NAMES.index(name) for name in names]
    for path in paths:
        trial = read_trial(path)
        for moments in (trial.labels[:, columns].astype(np.float64) * trial.meta.body_mass_kg).tolist():
            dose.tick(moments)
    return dose
