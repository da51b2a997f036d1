"""OpenSim's text files: read back what was written, and say what is wrong with what others wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from models.importers.errors import ImportSetError
from models.importers.storage import Markers, Table, read_markers, read_table, write_markers, write_table


def table() -> Table:
    return Table(("knee_angle_r", "pelvis_ty"), np.arange(4) / 100.0, np.arange(8.0).reshape(4, 2), True)


def test_table_is_read_back(tmp_path: Path) -> None:
    write_table(tmp_path / "a.mot", table())
    back = read_table(tmp_path / "a.mot")
    assert back.names == table().names and back.in_degrees is True
    np.testing.assert_allclose(back.values, table().values)
    np.testing.assert_allclose(back.column("pelvis_ty"), [1.0, 3.0, 5.0, 7.0])


def test_header_without_in_degrees_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "grf.mot"
    path.write_text("name grf\ndatacolumns 2\ndatarows 2\nendheader\n\n  time  v \n 0.0  1.0 \n 0.1  2.0\n")
    assert read_table(path).in_degrees is None
    assert read_table(path).values.tolist() == [[1.0], [2.0]]


def test_markers_are_read_back_in_metres_with_gaps(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).normal(size=(3, 2, 3))
    positions[1, 1] = np.nan
    write_markers(tmp_path / "a.trc", Markers(("r.ASIS", "L.ASIS"), np.arange(3) / 100.0, positions))
    back = read_markers(tmp_path / "a.trc")
    assert back.names == ("r.ASIS", "L.ASIS")
    np.testing.assert_allclose(back.positions, positions, atol=1e-6)
    text = (tmp_path / "a.trc").read_text().replace("\tm\t", "\tmm\t")
    (tmp_path / "b.trc").write_text(text)
    np.testing.assert_allclose(read_markers(tmp_path / "b.trc").positions, positions / 1000.0, atol=1e-9)


def test_a_marker_at_three_zeros_was_not_seen(tmp_path: Path) -> None:
    positions = np.ones((3, 1, 3))
    positions[2] = 0.0
    write_markers(tmp_path / "a.trc", Markers(("C7",), np.arange(3) / 100.0, positions))
    assert np.isnan(read_markers(tmp_path / "a.trc").positions[:, 0, 0]).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("endheader", "end"), "endheader"),
        (lambda text: text.replace("nRows=4", "nRows=9"), "promises 9 rows, the file holds 4"),
        (lambda text: text.replace("\t5", ""), "row 3 has 2 cells, not 3"),
        (lambda text: text.replace("\t5", "\tfive"), "'five' is no number"),
        (lambda text: text.replace("0.03", "0.01"), "time does not increase at row 4"),
        (lambda text: text.replace("0.03", "0.09"), "time jumps"),
    ],
)
def test_damage_is_named_with_the_file(tmp_path: Path, change: object, said: str) -> None:
    path = tmp_path / "a.mot"
    write_table(path, table())
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(ImportSetError) as caught:
        read_table(path)
    assert said in str(caught.value) and "a.mot" in str(caught.value)
    assert ";" in caught.value.defects[0], "no remedy"


def test_a_missing_file_is_one_defect(tmp_path: Path) -> None:
    with pytest.raises(ImportSetError, match=r"nowhere\.sto: cannot be read"):
        read_table(tmp_path / "nowhere.sto")
