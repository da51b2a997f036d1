"""`second-skin export`: a recording as a trial (Parquet), a table with units (CSV), or for OpenSim (.mot, .sto).

Rows stand on the 5 ms grid; where the recording has no frame or no features a row holds NaN, never a guess.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.recording.parts import in_order
from jetson_runtime.recording.trials import WEARER, marked
from jetson_runtime.stream import messages
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.config import SuitConfig, Wearer
from jetson_runtime.suit.errors import RecordingError
from jetson_runtime.suit.labels import LABELS
from jetson_runtime.suit.signals import CHANNELS, LABEL_NAMES, PERIOD_NS, SIDES, published_outcomes

Doubles = npt.NDArray[np.float64]

# Longer than this without a single frame is a gap between two sessions of wear, not one movement.
_LONGEST_ROWS = 24 * 3600 * 200
_OF_ANY_EVENT = ("topic", "v", "session", "t", "t_ns", "publish_ns", "kind", "at_ns")
_KNEE = ("knee_angle_r", "knee_angle_l")


@dataclass(frozen=True)
class Series:
    """Rows on the grid from `start_ns`: channels (n, 54), outcomes (n, 14) as sent, in the order of LABEL_NAMES.

    valid, moment_valid: (n,) as the frames say; of one that does not, as before there was moment_valid, it is false.
    marks: all of the recording's. syncs: the events of the sync line within the rows. config: with the wearer of the
    first row, of those in `wearers` (from when on, who).
    """

    start_ns: int
    channels: Doubles
    outcomes: Doubles
    valid: npt.NDArray[np.bool_]
    moment_valid: npt.NDArray[np.bool_]
    marks: list[dict[str, Any]]
    config: SuitConfig
    session: str
    syncs: list[dict[str, Any]] = field(default_factory=list)
    wearers: list[tuple[int, Wearer]] = field(default_factory=list)

    @property
    def time_s(self) -> Doubles:
        """(n,) from 0."""
        return np.arange(len(self.valid), dtype=np.float64) * (PERIOD_NS * 1e-9)

    @property
    def vouched(self) -> Doubles:
        """(n, 14) outcomes, NaN where the suit does not vouch for them, moments also while the feet carry nobody."""
        is_moment = np.array([name.endswith("_moment") for name in LABEL_NAMES])
        carried = self.moment_valid[:, None] | ~is_moment
        return np.where(self.valid[:, None] & carried, self.outcomes, np.nan)

    def between(self, first_ns: int, last_ns: int) -> Series:
        """The rows from `first_ns` up to `last_ns`."""
        first = max(0, -((self.start_ns - first_ns) // PERIOD_NS))
        last = max(first, min(len(self.valid), -((self.start_ns - last_ns) // PERIOD_NS)))
        rows = slice(first, last)
        return Series(
            self.start_ns + first * PERIOD_NS,
            self.channels[rows],
            self.outcomes[rows],
            self.valid[rows],
            self.moment_valid[rows],
            self.marks,
            self.config,
            self.session,
            [edge for edge in self.syncs if first_ns <= edge["at_ns"] < last_ns],
            self.wearers,
        ).worn()

    def worn(self) -> Series:
        """With the wearer of the first row."""
        told = [wearer for at_ns, wearer in self.wearers if at_ns <= self.start_ns]
        return replace(self, config=self.config.model_copy(update={"wearer": told[-1]})) if told else self


@dataclass
class _Heard:
    """What a recording's messages held."""

    session: dict[str, Any] | None = None
    frames: dict[int, dict[str, Any]] = field(default_factory=dict)
    rows: dict[int, list[float]] = field(default_factory=dict)
    marks: list[dict[str, Any]] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)
    wearers: list[tuple[int, Wearer]] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        topic = message["topic"]
        if topic == messages.FRAME:
            self.frames[message["seq"]] = message
        elif topic == messages.FEATURES:
            self.rows[message["seq"]] = message["row"]
        elif topic == messages.SESSION:
            self.session = self.session or message
        elif topic == messages.EVENT and message.get("kind") == "mark":
            self.marks.append(message)
        elif topic == messages.EVENT and message.get("kind") == messages.SYNC:
            self.syncs.append(message)
        elif topic == messages.EVENT and message.get("kind") == WEARER:
            self.wearers.append((message["at_ns"], Wearer.model_validate(message["wearer"])))


def read(paths: Iterable[Path]) -> Series:
    """The parts of one session, in any order; RecordingError where there is nothing to export."""
    heard = _Heard()
    names = []
    for path in in_order(paths):
        names.append(str(path))
        for message in Reading(path):
            heard.take(messages.decode(message.payload))
    seqs = heard.frames.keys() | heard.rows.keys()
    if not seqs or heard.session is None:
        raise RecordingError(
            f"{' '.join(names)}: holds no frames of a known session; is it a recording of the suit?"
        )
    if len({frame["session"] for frame in heard.frames.values()}) > 1:
        raise RecordingError(f"{' '.join(names)}: of more than one session; export one at a time")
    return _series(heard, min(seqs), max(seqs) + 1, heard.session)


def _series(heard: _Heard, first: int, last: int, session: Mapping[str, Any]) -> Series:
    count = last - first
    if count > _LONGEST_ROWS:
        raise RecordingError(f"{count} rows are more than a day: this is no one recording")
    channels = np.full((count, len(CHANNELS)), np.nan)
    outcomes = np.full((count, len(LABEL_NAMES)), np.nan)
    valid, moment_valid = np.zeros(count, bool), np.zeros(count, bool)
    for seq, row in heard.rows.items():
        channels[seq - first] = row
    for seq, frame in heard.frames.items():
        told = {**frame["angle"], **frame["moment"]}
        outcomes[seq - first] = [told.get(name, np.nan) for name in LABEL_NAMES]
        valid[seq - first] = frame["valid"]
        moment_valid[seq - first] = frame.get("moment_valid", False)
    config = configs.of_json(session["config"])
    start_ns = first * PERIOD_NS
    whole = Series(
        start_ns,
        channels,
        outcomes,
        valid,
        moment_valid,
        heard.marks,
        config,
        session["session"],
        heard.syncs,
        heard.wearers,
    )
    return whole.worn()


def pieces(series: Series) -> list[tuple[str, dict[str, Any], Series]]:
    """Name, mark and rows of each trial that was not marked void, and of each other mark up to the next."""
    if not series.marks:
        raise RecordingError("the recording has no mark; export it whole, or mark it with second-skin mark")
    end_ns = series.start_ns + len(series.valid) * PERIOD_NS
    trials = {id(trial.begin): trial for trial in marked(series.marks)}
    begun = [mark for mark in series.marks if mark.get("phase", "begin") == "begin"]
    nexts = [at_ns(mark) for mark in begun[1:]] + [end_ns]
    found = []
    for number, (mark, next_ns) in enumerate(zip(begun, nexts, strict=True)):
        trial = trials.get(id(mark))
        if trial is not None and trial.state == "void":
            continue
        until_ns = (trial.end_ns if trial is not None else None) or next_ns
        words = [str(mark[key]) for key in (*LABELS, "repetition") if mark.get(key) is not None]
        name = "_".join([f"{number:03d}", *words]).replace("/", "-")
        found.append((name, mark, series.between(at_ns(mark), until_ns)))
    return found


def write_trial(path: Path, series: Series, subject: str, task: str) -> None:
    """A trial whose labels are what the network said where the suit vouched for it; needs pyarrow (extra `sim`)."""
    from jetson_runtime.suit import trial

    wearer = series.config.wearer
    if wearer is None:
        raise RecordingError("no wearer was set while this was recorded: a trial needs mass and foot size")
    meta = trial.TrialMeta(
        subject=subject,
        task=task,
        body_mass_kg=wearer.mass_kg,
        foot_length_m=wearer.foot_length_m,
        foot_width_m=wearer.foot_width_m,
        source=f"recording of session {series.session}; labels are the network's own",
    )
    channels, labels = series.channels.astype(np.float32), series.vouched.astype(np.float32)
    trial.write_trial(path, trial.Trial(series.time_s, channels, labels, meta))


def at_ns(mark: Mapping[str, Any]) -> int:
    """When a mark was made, on CLOCK_MONOTONIC as rows are; it may have been told seconds later."""
    return int(mark.get("at_ns", mark["t_ns"]))


def _marks_of_rows(series: Series) -> dict[int, list[dict[str, Any]]]:
    """The marks by the row during whose 5 ms they were made."""
    found: dict[int, list[dict[str, Any]]] = {}
    for mark in sorted(series.marks, key=at_ns):
        found.setdefault((at_ns(mark) - series.start_ns) // PERIOD_NS, []).append(mark)
    return found


def write_csv(path: Path, series: Series) -> None:
    """Each column's head names its unit; what is not a number is empty.

    The last two: when each mark of the row's 5 ms was made, and what they say, as a JSON list; empty in other rows.
    """
    units = {item.name: item.outcome.unit for item in published_outcomes(SIDES)}
    head = ["time [s]", "t_ns [ns]", "valid", "moment_valid"]
    head += [f"{name} [{units[name]}]" for name in LABEL_NAMES]
    head += [f"{channel.name} [{channel.unit}]" for channel in CHANNELS]
    head += ["mark_at_ns [ns]", "marks"]
    marks = _marks_of_rows(series)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for i, time_s in enumerate(series.time_s.tolist()):
            numbers = [*series.outcomes[i].tolist(), *series.channels[i].tolist()]
            told = [repr(number) if number == number else "" for number in numbers]
            if here := marks.get(i):
                told += [
                    " ".join(str(at_ns(mark)) for mark in here),
                    json.dumps([_said(mark) for mark in here]),
                ]
            else:
                told += ["", ""]
            flags = int(series.valid[i]), int(series.moment_valid[i])
            writer.writerow([f"{time_s:.3f}", series.start_ns + i * PERIOD_NS, *flags, *told])


def _said(mark: Mapping[str, Any]) -> dict[str, Any]:
    """Without what every event carries."""
    return {key: value for key, value in mark.items() if key not in _OF_ANY_EVENT}


def write_opensim(path: Path, series: Series, *, knee_flexion_negative: bool) -> list[Path]:
    """`path`.mot with the coordinates in degrees, and `path`_moments.sto with the moments in Nm; the files written.

    What the suit did not vouch for is NaN: these formats have no column to say so. path: with `.mot` or without.
    knee_flexion_negative: as the knee of Gait2392 counts; Rajagopal2016's, and ours, counts flexion positive.
    """
    wearer = series.config.wearer
    if wearer is None:
        raise RecordingError("no wearer was set while this was recorded: moments in Nm need the mass")
    angles = [i for i, item in enumerate(published_outcomes(SIDES)) if item.outcome.kind == "angle"]
    moments = [i for i, item in enumerate(published_outcomes(SIDES)) if item.outcome.kind == "moment"]
    sign = np.array(
        [-1.0 if knee_flexion_negative and name.startswith(_KNEE) else 1.0 for name in LABEL_NAMES]
    )
    values = series.vouched * sign
    # A dot within a name, as in S.01, begins no ending.
    name = path.name.removesuffix(".mot")
    motion, forces = path.with_name(f"{name}.mot"), path.with_name(f"{name}_moments.sto")
    _write_storage(motion, "Coordinates", series.time_s, values[:, angles], [LABEL_NAMES[i] for i in angles])
    in_nm = values[:, moments] * wearer.mass_kg
    _write_storage(forces, "Inverse Dynamics", series.time_s, in_nm, [LABEL_NAMES[i] for i in moments])
    return [motion, forces]


def _write_storage(path: Path, title: str, time_s: Doubles, values: Doubles, names: list[str]) -> None:
    """OpenSim's storage format, version 1."""
    head = f"{title}\nversion=1\nnRows={len(time_s)}\nnColumns={len(names) + 1}\ninDegrees=yes\nendheader\n"
    columns = "\t".join(["time", *names]) + "\n"
    rows = np.column_stack((time_s, values))
    with path.open("w", encoding="utf-8") as file:
        file.write(head + columns)
        np.savetxt(file, rows, fmt="%.8g", delimiter="\t")
