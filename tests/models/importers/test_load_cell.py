"""An instrumented pole in an OpenSim set: the hands' forces that its load cell's reading was made of come back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("pyarrow")

import made_up_body as body

from jetson_runtime.suit.signals import LABEL_NAMES
from jetson_runtime.suit.trial import read_trial
from models import cli
from models.importers.body_model import BodyModel
from models.importers.errors import ImportSetError
from models.importers.ground import Plates, read_plates
from models.importers.load_cell import LoadCell, with_hands
from models.importers.storage import Markers, Table, write_markers, write_table
from models.importers.toml_map import read_map

EXAMPLE = Path(__file__).parents[3] / "examples" / "load-cell.toml"
TIME = np.arange(201) / 100.0
FORCES = ("cell_fx", "cell_fy", "cell_fz", "cell_mx", "cell_my", "cell_mz")


@dataclass(frozen=True)
class Pole:
    """A swinging pole, both hands on it: what each does to it as a shovel's closure has it, in the cell's axes."""

    cell: LoadCell
    table: Table
    markers: Markers
    hands: Table


@pytest.fixture(scope="module")
def pole() -> Pole:
    turns = Rotation.from_euler("ZY", np.stack([0.4 + 0.3 * np.sin(TIME), 0.5 * TIME], axis=1)).as_matrix()
    origin = np.stack([0.4 + 0.05 * TIME, 1.0 + 0.1 * np.sin(TIME), 0.0 * TIME], axis=1)
    grips = np.array([[0.02, 0.0, 0.3], [-0.01, 0.03, 0.9]])
    across, along, twist = np.array([[8.0, -5.0], [-3.0, 6.0]]), 4.0 * np.cos(TIME), 0.3 * np.sin(TIME)
    force, moment = np.zeros((len(TIME), 3)), np.zeros((len(TIME), 3))
    columns, names = [], []
    for k, side in enumerate("rl"):
        push = np.stack([across[k, 0] * np.sin(TIME), np.full(len(TIME), across[k, 1]), along], axis=1)
        turn = np.stack([0.0 * twist, 0.0 * twist, twist], axis=1)
        force, moment = force + push, moment + turn + np.cross(grips[k], push)
        place = origin + turns @ grips[k]
        columns += [-np.einsum("nij,nj->ni", turns, push), place, -np.einsum("nij,nj->ni", turns, turn)]
        names += [f"hand_{side}_force_{kind}{axis}" for kind in "vpm" for axis in "xyz"]
    cell = read_map(EXAMPLE, LoadCell)
    seen = {
        "POLE_CELL": origin,
        "POLE_TIP": origin + turns @ [0.0, 0.0, 1.2],
        # Not square to the pole: only its direction across counts.
        "POLE_SIDE": origin + turns @ [0.1, 0.0, 0.05],
    }
    for k, hand in enumerate((cell.markers.right_hand, cell.markers.left_hand)):
        for name, off in zip(hand, ([0.0, 0.02, 0.0], [0.0, -0.02, 0.0]), strict=True):
            seen[name] = origin + turns @ grips[k] + off
    markers = Markers(tuple(seen), TIME, np.stack(list(seen.values()), axis=1))
    table = Table(FORCES, TIME, np.concatenate([force, moment], axis=1))
    return Pole(cell, table, markers, Table(tuple(names), TIME, np.concatenate(columns, axis=1)))


def plates() -> Plates:
    return read_plates(Path("grf.mot"), body.half_weight_each(TIME, 0.05))


def test_the_wrench_comes_apart_into_the_hands_forces(pole: Pole) -> None:
    found, told = with_hands(pole.cell, Path("cell.mot"), pole.table, pole.markers, plates(), "shovel")
    wanted = read_plates(Path("hands.mot"), pole.hands)
    assert found.names[2:] == wanted.names == ("hand_r_force", "hand_l_force")
    for name in ("force", "point", "torque"):
        np.testing.assert_allclose(getattr(found, name)[:, 2:], getattr(wanted, name), atol=1e-9)
        np.testing.assert_array_equal(getattr(found, name)[:, :2], getattr(plates(), name))
    assert "between the hands (shovel), left over at most" in told


def test_every_defect_of_a_cell_is_told_at_once(pole: Pole) -> None:
    table = Table(FORCES[:5], TIME, pole.table.values[:, :5])
    places = pole.markers.positions.copy()
    places[7, 0] = np.nan
    markers = Markers(("POLE_CELL", "TIP", *pole.markers.names[2:]), TIME, places)
    with pytest.raises(ImportSetError) as caught:
        with_hands(pole.cell, Path("cell.mot"), table, markers, plates(), "")
    said = ("give the trial a task", "no column cell_mz", "POLE_CELL is not seen", "no marker POLE_TIP")
    assert len(caught.value.defects) == len(said)
    for line, words in zip(caught.value.defects, said, strict=True):
        assert words in line
    together = pole.markers.positions.copy()
    together[:, 3:5] = together[:, 5:7]
    near = Markers(pole.markers.names, TIME, together)
    with pytest.raises(ImportSetError, match="less than 5 cm apart along the pole"):
        with_hands(pole.cell, Path("cell.mot"), pole.table, near, plates(), "shovel")


def test_the_cells_reading_gives_the_moments_of_given_hand_forces(
    pole: Pole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("opensim", reason="needs the extra opensim (Python 3.11)")
    lumbar = {}
    for way in ("cell", "given", "none"):
        folder = tmp_path / way
        body.write_squat(folder, 1.0, in_degrees=True, with_markers=False)
        skeleton = body.markers_of(BodyModel(folder / "body.osim"), TIME, body.squat(TIME))
        names = skeleton.names + pole.markers.names
        both = np.concatenate([skeleton.positions, pole.markers.positions], axis=1)
        write_markers(folder / "squat.trc", Markers(names, TIME, both))
        ground = body.half_weight_each(TIME, 0.05)
        if way == "given":
            values = np.concatenate([ground.values, pole.hands.values], axis=1)
            write_table(folder / "squat_grf.mot", Table(ground.names + pole.hands.names, TIME, values))
        if way == "cell":
            write_table(folder / "squat_cell.mot", pole.table)
        words = ["import-opensim", str(folder), "--out", str(tmp_path / f"{way}_out"), "--subject", "s1"]
        assert cli.main([*words, "--task", "*=SH1", "--load-cell", str(EXAMPLE)]) == 0
        assert ("load cell parted between the hands (shovel)" in capsys.readouterr().out) == (way == "cell")
        labels = read_trial(tmp_path / f"{way}_out" / "s1_squat.parquet").labels
        lumbar[way] = labels[:, LABEL_NAMES.index("lumbar_extension_moment")]
    np.testing.assert_allclose(lumbar["cell"], lumbar["given"], atol=1e-4)
    assert np.nanmax(np.abs(lumbar["cell"] - lumbar["none"])) > 0.02
