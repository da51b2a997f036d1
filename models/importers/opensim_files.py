"""Which files make an OpenSim set, and whether they can be true: all that is wrong is told before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import STANDARD_GRAVITY
from models.data import tasks
from models.importers.body_model import COORDINATES, BodyModel
from models.importers.errors import ImportSetError, defect, raise_all
from models.importers.ground import Plates, read_plates
from models.importers.load_cell import LoadCell, with_hands
from models.importers.storage import Markers, Table, read_markers, read_table

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialFiles:
    """One movement: `coordinates` (inverse kinematics) or `markers` or both; `moments`: inverse dynamics, if given.

    cell: what an instrumented pole's load cell read, as OpenSimSet.cell says. task: L, PP, PS, SH, SP, VA, W or
    other:<name>, or the code of a condition of jetson_runtime/suit/tasks.csv.
    """

    name: str
    task: str
    markers: Path | None = None
    coordinates: Path | None = None
    forces: Path | None = None
    moments: Path | None = None
    cell: Path | None = None

    @property
    def kind(self) -> str:
        """Of a condition's code its kind of task; a kind, or another lab's own task, as it is."""
        return self.task if self.task in tasks.KINDS or ":" in self.task else tasks.condition(self.task).kind


@dataclass(frozen=True)
class OpenSimSet:
    """A person's model and movements. With `scale_setup`, `model` is generic and `static` and `mass_kg` scale it.

    cell: how to read the trials' files of a load cell, where there are any.
    """

    subject: str
    model: Path
    trials: tuple[TrialFiles, ...]
    scale_setup: Path | None = None
    static: Path | None = None
    mass_kg: float | None = None
    source: str = ""
    about: dict[str, str] = field(default_factory=dict)
    cell: LoadCell | None = None


@dataclass(frozen=True)
class TrialData:
    """A trial's files, read and found plausible; `plates` hold what acts on the hands too. hands: in words, whence."""

    files: TrialFiles
    markers: Markers | None
    coordinates: Table | None
    plates: Plates | None
    moments: Table | None
    hands: str = ""


# What stands behind a trial's name in the file names of AddBiomechanics and of OpenSim's own examples.
_ENDINGS = {
    "markers": (".trc",),
    "coordinates": ("_ik.mot", "_ik_by_opensim.mot"),
    "forces": ("_grf.mot",),
    "moments": ("_id.sto",),
}


def find_set(
    folder: Path, subject: str, named: Mapping[str, str], source: str = "", cell: LoadCell | None = None
) -> OpenSimSet:
    """The set in `folder`, by its files' names: one .osim, and `<trial>.trc`, `_ik.mot`, `_grf.mot`, `_id.sto`.

    With `cell` also `<trial>` and its ending. `named`: pattern of a trial's name -> its task, as in TrialFiles; the
    first that fits counts, and a trial that no pattern names is left out. Raises ImportSetError if there is not one
    model or no trial.
    """
    models = sorted(folder.rglob("*.osim"))
    found: dict[str, dict[str, Path]] = {}
    for kind, endings in (_ENDINGS | ({"cell": (cell.ending,)} if cell else {})).items():
        for path in sorted(folder.rglob("*")):
            ending = next((end for end in endings if path.name.endswith(end)), None)
            if ending is not None:
                found.setdefault(path.name.removesuffix(ending), {})[kind] = path
    trials = []
    for name, files in sorted(found.items()):
        task = next((task for pattern, task in named.items() if fnmatchcase(name, pattern)), None)
        if task is not None and ("markers" in files or "coordinates" in files):
            trials.append(TrialFiles(name, task, **files))
    defects = []
    if len(models) != 1:
        what = f"holds {len(models)} models (.osim), not one"
        defects.append(defect(folder, what, "name the model and the trials in an OpenSimSet"))
    if not trials:
        what = f"holds no trial that {sorted(named)} names"
        defects.append(defect(folder, what, "a trial is <name>.trc or <name>_ik.mot; give its task"))
    raise_all(defects)
    return OpenSimSet(subject, models[0], tuple(trials), source=source, cell=cell)


def read_trials(
    model: BodyModel, trials: Sequence[TrialFiles], cell: LoadCell | None = None
) -> list[TrialData]:
    """Every file of every trial; raises ImportSetError with all that is wrong with any of them."""
    data: list[TrialData] = []
    defects: list[str] = []
    for files in trials:
        try:
            data.append(_with_cell(_read_one(model, files), cell))
        except ImportSetError as error:
            defects += error.defects
    raise_all(defects)
    return data


def _with_cell(data: TrialData, cell: LoadCell | None) -> TrialData:
    path = data.files.cell
    if path is None:
        return data
    if cell is None or data.plates is None or data.markers is None:
        what = "a load cell's reading without ground forces, markers, or how it was mounted"
        raise ImportSetError([defect(path, what, "add what is missing, or take the file away")])
    kind = tasks.KINDS.get(data.files.kind)
    closure = kind.closure if kind else ""
    plates, told = with_hands(cell, path, read_table(path), data.markers, data.plates, closure)
    return replace(data, plates=plates, hands=told)


def _read_one(model: BodyModel, files: TrialFiles) -> TrialData:
    defects: list[str] = []
    markers = coordinates = plates = moments = None
    try:
        markers = read_markers(files.markers) if files.markers else None
    except ImportSetError as error:
        defects += error.defects
    try:
        coordinates = read_table(files.coordinates) if files.coordinates else None
    except ImportSetError as error:
        defects += error.defects
    try:
        plates = read_plates(files.forces, read_table(files.forces)) if files.forces else None
    except ImportSetError as error:
        defects += error.defects
    try:
        moments = read_table(files.moments) if files.moments else None
    except ImportSetError as error:
        defects += error.defects
    if files.markers is None and files.coordinates is None:
        defects.append(f"trial {files.name}: has neither markers nor inverse kinematics; give one of them")
    if coordinates is not None and files.coordinates is not None:
        defects += coordinate_defects(model, files.coordinates, coordinates)
    if plates is not None and files.forces is not None:
        defects += force_defects(model, files.forces, plates)
    if moments is not None and files.moments is not None:
        defects += _moment_defects(files.moments, moments)
    defects += _clock_defects(
        [
            (path, table.time_s)
            for path, table in (
                (files.markers, markers),
                (files.coordinates, coordinates),
                (files.forces, plates),
            )
            if path is not None and table is not None
        ]
    )
    raise_all(defects)
    return TrialData(files, markers, coordinates, plates, moments)


def _clock_defects(times: list[tuple[Path, Doubles]]) -> list[str]:
    """Files that share less than half of the first one's time."""
    defects = []
    for path, time in times[1:]:
        first_path, first = times[0]
        if min(time[-1], first[-1]) - max(time[0], first[0]) < 0.5 * (first[-1] - first[0]):
            spans = f"{time[0]:.2f} to {time[-1]:.2f} s, {first_path.name} from {first[0]:.2f} to {first[-1]:.2f} s"
            defects.append(defect(path, f"runs from {spans}", "give both files the same clock"))
    return defects


def coordinate_defects(model: BodyModel, path: Path, table: Table) -> list[str]:
    """Missing coordinates, NaN, and angles that contradict the header's inDegrees."""
    defects = [
        defect(path, f"has no column {name}", "run the inverse kinematics with this model")
        for name in COORDINATES
        if name not in table.names
    ]
    turns = [c.name for c in model.coordinates if c.rotational and c.name in table.names]
    if defects or not turns:
        return defects
    angles = np.stack([table.column(name) for name in turns], axis=1)
    if not np.all(np.isfinite(angles)):
        return [defect(path, "holds NaN", "fill the gaps or cut the trial")]
    most = float(np.max(np.abs(angles)))
    if table.in_degrees is None:
        defects.append(defect(path, "its header has no inDegrees", "add inDegrees=yes or inDegrees=no"))
    elif table.in_degrees and most < np.pi:
        what = f"says inDegrees=yes, but no angle of the whole trial exceeds {most:.2f}: radians"
        defects.append(defect(path, what, "write inDegrees=no"))
    elif not table.in_degrees and most > 4.0 * np.pi:
        what = f"says inDegrees=no, but an angle reaches {most:.1f}: degrees"
        defects.append(defect(path, what, "write inDegrees=yes"))
    return defects


def force_defects(model: BodyModel, path: Path, plates: Plates) -> list[str]:
    """A vertical axis that is not y, a force that points down, millimetres, forces that nobody of this mass exerts."""
    peak = np.nanmax(np.abs(np.nansum(plates.force, axis=1)), axis=0)
    vertical = np.nansum(plates.force[..., 1], axis=1)
    weight = model.mass_kg * STANDARD_GRAVITY
    reach = float(np.nanmax(np.abs(plates.point), initial=0.0))
    if peak[1] < max(peak[0], peak[2]):
        axis = "xyz"[int(np.argmax(peak))]
        remedy = "turn forces, points and torques into the frame of the markers, y up"
        return [defect(path, f"its greatest force is along {axis}, not y", remedy)]
    defects = []
    if abs(np.nanmin(vertical)) > np.nanmax(vertical):
        defects.append(
            defect(path, "the vertical force is negative", "write what the ground does to the foot")
        )
    if reach > 50.0:
        what = f"a point of application lies at {reach:.0f} m"
        defects.append(defect(path, what, "write points in metres and torques in Nm"))
    if not 0.2 * weight < peak[1] < 10.0 * weight:
        what = f"the greatest vertical force is {peak[1]:.0f} N, the model weighs {weight:.0f} N"
        defects.append(defect(path, what, "write forces in N and take the wearer's own model"))
    return defects


def _moment_defects(path: Path, table: Table) -> list[str]:
    return [
        defect(path, f"has no column {name}_moment", "run the inverse dynamics with this model")
        for name in COORDINATES
        if f"{name}_moment" not in table.names
    ]
