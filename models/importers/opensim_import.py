"""An OpenSim set -> trials of the suit's format: what the suit would have measured, and what is true of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ
from jetson_runtime.suit.trial import Trial, TrialMeta, write_trial
from models.data.filters import IMU_CUTOFF_HZ, LABEL_CUTOFF_HZ, grid, resampled, smoothed
from models.importers import imus, insoles, opensim_tools
from models.importers import worked as kept
from models.importers.body_model import BODY_OF_PART, LUMBAR, BodyModel, Poses
from models.importers.errors import ImportSetError, defect
from models.importers.foot_loads import Borne, borne
from models.importers.opensim_files import OpenSimSet, TrialData, TrialFiles, read_trials
from models.importers.storage import Table
from models.importers.worked import Worked

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """Filters as in the paper; from what residual force [N/kg] on something not measured bears the wearer.

    kinematics: `given` takes inverse kinematics where it is given, `markers` runs it anew where markers are,
    `auto` takes the given one unless it misses a marker on a foot or the pelvis by more than `tolerated_m` RMS.
    accuracy: of OpenSim's inverse kinematics; see opensim_tools.ACCURACY for what more of it buys.
    """

    label_cutoff_hz: float = LABEL_CUTOFF_HZ
    imu_cutoff_hz: float = IMU_CUTOFF_HZ
    residual_n_per_kg: float = 1.5
    kinematics: str = "auto"
    tolerated_m: float = 0.015
    accuracy: float = opensim_tools.ACCURACY
    # Of a filtered label at both ends of a trial: the filter knows nothing beyond them.
    edge_s: float = 0.1


def import_set(
    given: OpenSimSet,
    out: Path,
    options: Options | None = None,
    say: Callable[[str], None] = lambda line: None,
    processes: int = 1,
) -> list[Path]:
    """Writes `<subject>_<trial>.parquet` for each trial into `out`, and beside it what its moments were made of.

    Raises ImportSetError before the first if any file of the set is defective. `say` is told what was done for each.
    """
    options = options or Options()
    with tempfile.TemporaryDirectory(prefix="opensim_") as name:
        scaled = scaled_set(given, Path(name))
        read_trials(BodyModel(scaled.model), scaled.trials, scaled.cell)
        out.mkdir(parents=True, exist_ok=True)
        write = partial(_write_one, scaled, out, options)
        if processes == 1:
            written = [_told(write(files), say) for files in scaled.trials]
        else:
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                written = [_told(done, say) for done in pool.map(write, scaled.trials)]
    return written


def scaled_set(given: OpenSimSet, folder: Path) -> OpenSimSet:
    """The set with the wearer's model: scaled into `folder` if the set says how, else as it is."""
    if given.scale_setup is None:
        return given
    if given.static is None or given.mass_kg is None:
        what = "comes without static trial or body mass"
        raise ImportSetError([defect(given.scale_setup, what, "give both to scale a model")])
    BodyModel(given.model)
    scaled = opensim_tools.scale(given.model, given.scale_setup, given.static, given.mass_kg, folder)
    return replace(given, model=scaled, scale_setup=None)


def import_trial(given: OpenSimSet, files: TrialFiles, folder: Path, options: Options) -> Worked:
    """One trial of a set whose model is scaled already; OpenSim's tools work in `folder`."""
    model = BodyModel(given.model)
    (data,) = read_trials(model, [files], given.cell)
    table, notes = _kinematics(model, data, folder, options)
    notes += [data.hands] if data.hands else []
    names, values = opensim_tools.radians(model, table)
    at = grid(float(table.time_s[0]), float(table.time_s[-1]))
    slow, fast = (
        smoothed(values, table.time_s, at, cutoff)
        for cutoff in (options.label_cutoff_hz, options.imu_cutoff_hz)
    )
    ridden, true = model.poses(names, fast), model.poses(names, slow)
    found = None
    if data.plates is not None:
        limits = options.label_cutoff_hz, options.residual_n_per_kg
        found = borne(model, data.plates, ridden, true, at, *limits)
        notes += [f"plate {name} bore no foot for a while, left out" for name in found.raw.strays]
        if np.any(found.unknown):
            share = f"{np.mean(found.unknown):.0%}"
            notes.append(f"moments unknown for {share}: something else than the plates bears the wearer")
    signs, trunk = model.signs(), _trunk_seen(model, data)
    labels = _angles(signs, names, slow)
    if found is not None:
        labels |= _moments(model, signs, data, names, slow, found, folder)
    trial = _trial(given, data, options, model, at, ridden, found, labels, trunk)
    return Worked(trial, model, names, slow, fast, true, ridden, found, tuple(notes))


def _write_one(given: OpenSimSet, out: Path, options: Options, files: TrialFiles) -> tuple[Path, str]:
    """Writes one trial; its path and in words what was done."""
    path = out / f"{given.subject}_{files.name}.parquet"
    with tempfile.TemporaryDirectory(prefix="opensim_") as name:
        worked = import_trial(given, files, Path(name), options)
    kept.write(kept.beside(path), worked)
    fresh = path.with_suffix(".new")
    write_trial(fresh, worked.trial)
    fresh.replace(path)
    return path, "; ".join([f"{path.name}: {worked.trial.duration_s:.2f} s", *worked.notes])


def _told(done: tuple[Path, str], say: Callable[[str], None]) -> Path:
    say(done[1])
    return done[0]


def _angles(signs: dict[str, float], names: tuple[str, ...], slow: Doubles) -> dict[str, Doubles]:
    """Label -> (n,) degrees."""
    return {
        name: sign * np.degrees(slow[:, names.index(name)]) for name, sign in signs.items() if name in names
    }


def _moments(
    model: BodyModel,
    signs: dict[str, float],
    data: TrialData,
    names: tuple[str, ...],
    slow: Doubles,
    found: Borne,
    folder: Path,
) -> dict[str, Doubles]:
    """Label -> (n,) Nm/kg, as given or by OpenSim's inverse dynamics; NaN where a force is missing."""
    table = data.moments or opensim_tools.inverse_dynamics(
        model, names, slow, found.filtered, folder, data.files.name
    )
    at = found.raw.time_s
    out = {}
    for name, sign in signs.items():
        if f"{name}_moment" in table.names:
            moment = resampled(table.column(f"{name}_moment"), table.time_s, at) / model.mass_kg
            missing = found.touched if name == LUMBAR else found.unknown
            out[f"{name}_moment"] = np.where(missing, np.nan, sign * moment)
    return out


def _trial(
    given: OpenSimSet,
    data: TrialData,
    options: Options,
    model: BodyModel,
    at: Doubles,
    ridden: Poses,
    found: Borne | None,
    labels: dict[str, Doubles],
    trunk: bool,
) -> Trial:
    """The suit's channels, the labels without their edges, and whose they are; without a trunk no back, no lumbar."""
    count, foot = len(at), insoles.foot_of(model)
    where = imus.places(part for part in BODY_OF_PART if trunk or part != "back")
    soles = np.full((count, 6), np.nan) if found is None else found.soles
    channels = np.concatenate([imus.imu_channels(ridden, where), insoles.read_by_insoles(soles)], axis=1)
    told = np.full((count, len(LABEL_NAMES)), np.nan)
    for name, values in labels.items():
        if trunk or not name.startswith(LUMBAR):
            told[:, LABEL_NAMES.index(name)] = values
    edge = round(options.edge_s * RATE_HZ)
    told[:edge], told[count - edge :] = np.nan, np.nan
    about = _about(given, data, options)
    meta = TrialMeta(
        given.subject, data.files.kind, model.mass_kg, foot.length, foot.width, given.source, about
    )
    turned = {part: q.astype(np.float32) for part, q in imus.quaternions(ridden, where).items()}
    return Trial(
        np.arange(count) / RATE_HZ,
        channels.astype(np.float32),
        told.astype(np.float32),
        meta,
        turned,
        None if found is None else soles.astype(np.float32),
    )


def _about(given: OpenSimSet, data: TrialData, options: Options) -> dict[str, str]:
    code = data.files.task
    condition = {} if data.files.kind == code else {"condition": code}
    return (
        given.about
        | condition
        | {
            "trial": f"{given.subject}_{data.files.name}",
            "imu_kind": f"virtual, kinematics low-passed at {options.imu_cutoff_hz:g} Hz",
            "labels": f"{options.label_cutoff_hz:g} Hz zero-lag 4th order (kinematics and wrenches)",
            kept.MARK: f"{options.residual_n_per_kg:g}",
        }
    )


def _kinematics(model: BodyModel, data: TrialData, folder: Path, options: Options) -> tuple[Table, list[str]]:
    """The coordinates as given, or as OpenSim's inverse kinematics finds them from the markers."""
    if data.markers is None or (data.coordinates is not None and options.kinematics == "given"):
        assert data.coordinates is not None, "checked by read_trials"
        return data.coordinates, ["inverse kinematics as given"]
    assert data.files.markers is not None, "it was read from there"
    why = "inverse kinematics run"
    if data.coordinates is not None and options.kinematics == "auto":
        present = model.markers()
        missed = {
            name: far
            for name, far in opensim_tools.missed(model, data.coordinates, data.markers).items()
            if present[name].anatomical and present[name].body.startswith(("pelvis", "calcn", "toes"))
        }
        worst = max(missed, key=lambda name: missed[name], default=None)
        if worst is None or missed[worst] <= options.tolerated_m:
            return data.coordinates, ["inverse kinematics as given"]
        why = f"the given inverse kinematics misses {worst} by {100 * missed[worst]:.1f} cm RMS, run anew"
    tracked = opensim_tools.inverse_kinematics(
        model, data.files.markers, data.markers, folder, options.accuracy
    )
    rms = float(np.sqrt(np.mean(np.square(list(tracked.missed_m.values())))))
    return tracked.table, [f"{why} (markers {100 * rms:.1f} cm RMS)"]


def _trunk_seen(model: BodyModel, data: TrialData) -> bool:
    """Whether the trunk's place is measured: with markers, at least two of them on it."""
    if not model.has_trunk or data.markers is None:
        return model.has_trunk
    present, trunk = model.markers(), BODY_OF_PART["back"]
    return sum(name in present and present[name].body == trunk for name in data.markers.names) >= 2
