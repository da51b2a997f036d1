"""An OpenSim set -> trials of the suit's format: what the suit would have measured, and what is true of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jetson_runtime.suit.signals import LABEL_NAMES, RATE_HZ, STANDARD_GRAVITY
from jetson_runtime.suit.trial import Trial, TrialMeta, write_trial
from models.importers import imus, insoles, opensim_tools
from models.importers.body_model import BODY_OF_PART, COORDINATES, LUMBAR, BodyModel, Poses
from models.importers.errors import ImportSetError, defect
from models.importers.filters import IMU_CUTOFF_HZ, LABEL_CUTOFF_HZ, acceleration, grid, resampled, smoothed
from models.importers.ground import LOADED_N, FootLoads, assign, bouts, centre_of_pressure
from models.importers.opensim_files import OpenSimSet, TrialData, read_trials
from models.importers.storage import Table

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# The shortest time that a foot stands on something.
_STANCE_S = 0.1
# A foot that has moved less than this has not stepped off its plate.
_REST_M = 0.05


@dataclass(frozen=True)
class Options:
    """Filters as in the paper; from what residual force [N/kg] on something not measured bears the wearer.

    kinematics: `given` takes inverse kinematics where it is given, `markers` runs it anew where markers are,
    `auto` takes the given one unless it misses a marker on a foot or the pelvis by more than `tolerated_m`.
    """

    label_cutoff_hz: float = LABEL_CUTOFF_HZ
    imu_cutoff_hz: float = IMU_CUTOFF_HZ
    residual_n_per_kg: float = 1.5
    kinematics: str = "auto"
    tolerated_m: float = 0.04
    # Of a filtered label at both ends of a trial: the filter knows nothing beyond them.
    edge_s: float = 0.1


def import_set(
    given: OpenSimSet,
    out: Path,
    options: Options | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Writes `<subject>_<trial>.parquet` for each trial into `out`; raises ImportSetError before the first if any file
    of the set is defective. `say` is told what was done for each trial."""
    options = options or Options()
    with tempfile.TemporaryDirectory(prefix="opensim_") as name:
        folder = Path(name)
        model = _model(given, folder)
        trials = read_trials(model, given.trials)
        out.mkdir(parents=True, exist_ok=True)
        paths = []
        for data in trials:
            trial, notes = import_trial(given, model, data, folder, options)
            paths.append(out / f"{given.subject}_{data.files.name}.parquet")
            write_trial(paths[-1], trial)
            say("; ".join([f"{paths[-1].name}: {trial.duration_s:.2f} s", *notes]))
    return paths


def _model(given: OpenSimSet, folder: Path) -> BodyModel:
    """The wearer's model, scaled first if the set says how."""
    if given.scale_setup is None:
        return BodyModel(given.model)
    if given.static is None or given.mass_kg is None:
        raise ImportSetError(
            [
                defect(
                    given.scale_setup, "comes without static trial or body mass", "give both to scale a model"
                )
            ]
        )
    BodyModel(given.model)
    return BodyModel(opensim_tools.scale(given.model, given.scale_setup, given.static, given.mass_kg, folder))


def import_trial(
    given: OpenSimSet, model: BodyModel, data: TrialData, folder: Path, options: Options
) -> tuple[Trial, list[str]]:
    """One trial, and in words what was done to get it."""
    table, notes = _kinematics(model, data, folder, options)
    names, values = opensim_tools.radians(model, table)
    at = grid(float(table.time_s[0]), float(table.time_s[-1]))
    slow, fast = (
        smoothed(values, table.time_s, at, cutoff)
        for cutoff in (options.label_cutoff_hz, options.imu_cutoff_hz)
    )
    signs, trunk = model.signs(), _trunk_seen(model, data)
    labels = np.full((len(at), len(LABEL_NAMES)), np.nan)
    for name, sign in signs.items():
        if name in names and (trunk or name != LUMBAR):
            labels[:, LABEL_NAMES.index(name)] = sign * np.degrees(slow[:, names.index(name)])
    ridden, true = model.poses(names, fast), model.poses(names, slow)
    where = imus.places(part for part in BODY_OF_PART if trunk or part != "back")
    foot = insoles.foot_of(model)
    soles = np.full((len(at), 6), np.nan)
    if data.plates is not None:
        soles, moments, said = _loads(model, data, (ridden, true), at, names, slow, folder, options)
        notes += said
        for name, moment in moments.items():
            if trunk or name != LUMBAR:
                labels[:, LABEL_NAMES.index(f"{name}_moment")] = signs[name] * moment
    edge = round(options.edge_s * RATE_HZ)
    labels[:edge], labels[len(at) - edge :] = np.nan, np.nan
    channels = np.concatenate([imus.imu_channels(ridden, where), soles], axis=1)
    meta = TrialMeta(
        given.subject,
        data.files.task,
        model.mass_kg,
        foot.length,
        foot.width,
        given.source,
        _about(given, data, options),
    )
    rows = np.arange(len(at)) / RATE_HZ
    turned = {part: q.astype(np.float32) for part, q in imus.quaternions(ridden, where).items()}
    return Trial(rows, channels.astype(np.float32), labels.astype(np.float32), meta, turned), notes


def _about(given: OpenSimSet, data: TrialData, options: Options) -> dict[str, str]:
    return given.about | {
        "trial": f"{given.subject}_{data.files.name}",
        "imu_kind": f"virtual, kinematics low-passed at {options.imu_cutoff_hz:g} Hz",
        "labels": f"{options.label_cutoff_hz:g} Hz zero-lag 4th order (kinematics and wrenches)",
        "residual_limit_N_per_kg": f"{options.residual_n_per_kg:g}",
    }


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
    tracked = opensim_tools.inverse_kinematics(model, data.files.markers, data.markers, folder)
    rms = float(np.sqrt(np.mean(np.square(list(tracked.missed_m.values())))))
    return tracked.table, [f"{why} (markers {100 * rms:.1f} cm RMS)"]


def _loads(
    model: BodyModel,
    data: TrialData,
    poses: tuple[Poses, Poses],
    at: Doubles,
    names: tuple[str, ...],
    slow: Doubles,
    folder: Path,
    options: Options,
) -> tuple[Doubles, dict[str, Doubles], list[str]]:
    """Insole channels (n, 6), moments [Nm/kg] in the model's signs, NaN where a force is missing, and notes.

    `poses`: what the sensors ride on, and what the labels are true of.
    """
    plates = data.plates
    assert plates is not None, "asked by the caller"
    ridden, true = poses
    foot = insoles.foot_of(model)
    heels, toes = (resampled(end, at, plates.time_s) for end in insoles.ends(ridden, foot))
    loads = assign(plates, heels, toes)
    notes = [f"plate {name} bore no foot for a while, left out" for name in loads.strays]
    raw, filtered = _on_grid(loads, at, None), _on_grid(loads, at, options.label_cutoff_hz)
    residual = _residual(filtered, true, model.mass_kg)
    lost = residual > options.residual_n_per_kg
    # A foot that bears nothing on a plate, while for a time the body is borne by something, stands on what is no plate,
    # unless it rests where it was loaded: then the wearer sits.
    loaded = raw.force[..., 1] >= LOADED_N
    resting = np.stack(
        [_resting(loaded[:, s], insoles.ends(ridden, foot)[0][:, s]) for s in range(2)], axis=1
    )
    known = raw.measured & ~(_lasting(lost, round(_STANCE_S * RATE_HZ))[:, None] & ~loaded & ~resting)
    # Taken at the height that the plates say.
    height = float(np.nanmedian(plates.point[plates.force[..., 1] > LOADED_N][:, 1]))
    centre = centre_of_pressure(raw.force, raw.moment, height)
    soles = insoles.insole_channels(raw.force, centre, ridden, foot, model.mass_kg)
    soles[~np.repeat(known, 3, axis=1)] = np.nan
    table = data.moments or opensim_tools.inverse_dynamics(
        model, names, slow, filtered, folder, data.files.name
    )
    invalid = lost | ~np.all(known, axis=1)
    # Feet on no plate do not touch the trunk's moment; a chair or a load in the hands may.
    touched = lost & np.all(known, axis=1)
    moments = {}
    for name in (*COORDINATES, LUMBAR):
        if f"{name}_moment" in table.names:
            moment = resampled(table.column(f"{name}_moment"), table.time_s, at) / model.mass_kg
            moments[name] = np.where(touched if name == LUMBAR else invalid, np.nan, moment)
    if np.any(invalid):
        notes.append(
            f"moments unknown for {np.mean(invalid):.0%}: something else than the plates bears the wearer"
        )
    return soles, moments, notes


def _resting(loaded: Flags, heel: Doubles) -> Flags:
    """(n,) where the heel (n, 3) is still, or already, where the foot last bore or next bears load."""
    rows = np.arange(len(loaded))
    before = np.maximum.accumulate(np.where(loaded, rows, -1))
    after = np.minimum.accumulate(np.where(loaded, rows, len(rows))[::-1])[::-1]
    near = np.zeros(len(rows), np.bool_)
    for found, at in ((before >= 0, before), (after < len(rows), after)):
        there = heel[np.clip(at, 0, len(rows) - 1)]
        near |= found & (np.linalg.norm(heel - there, axis=1) < _REST_M)
    return near


def _lasting(flags: Flags, least: int) -> Flags:
    """`flags` without the runs that are shorter than `least` rows: a landing's impact is no stance."""
    out = np.zeros_like(flags)
    for first, last in bouts(flags):
        out[first:last] = last - first >= least
    return out


def _on_grid(loads: FootLoads, at: Doubles, cutoff_hz: float | None) -> FootLoads:
    """The loads at the times `at`, low-passed if a cut-off is given; unmeasured outside the plates' time."""

    def taken(values: Doubles) -> Doubles:
        if cutoff_hz is None:
            return resampled(values, loads.time_s, at)
        return smoothed(values, loads.time_s, at, cutoff_hz)

    inside = (at >= loads.time_s[0] - 1e-6) & (at <= loads.time_s[-1] + 1e-6)
    nearest = np.clip(np.searchsorted(loads.time_s, at), 0, len(loads.time_s) - 1)
    measured = loads.measured[nearest] & inside[:, None]
    return FootLoads(at, taken(loads.force), taken(loads.moment), measured, loads.strays)


def _residual(loads: FootLoads, true: Poses, mass_kg: float) -> Doubles:
    """(n,) force per mass [N/kg] that the body's acceleration asks for and the plates do not give (Newton's law)."""
    needed = acceleration(true.mass_centre)
    needed[:, 1] += STANDARD_GRAVITY
    return np.asarray(np.linalg.norm(loads.force.sum(axis=1) / mass_kg - needed, axis=1), np.float64)


def _trunk_seen(model: BodyModel, data: TrialData) -> bool:
    """Whether the trunk's place is measured: with markers, at least two of them on it."""
    if not model.has_trunk or data.markers is None:
        return model.has_trunk
    present, trunk = model.markers(), BODY_OF_PART["back"]
    return sum(name in present and present[name].body == trunk for name in data.markers.names) >= 2
