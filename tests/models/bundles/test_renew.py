"""An older bundle renewed is the same network: nothing but its graphs and its manifest is new."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import models
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.suit.errors import BundleError
from models.bundles.renew import KEPT, renew
from models.cli import main

DEMO = Path(models.__file__).parent / "bundles" / "demo"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The shipped bundle as format 1 knew it: one graph less."""
    folder = Path(shutil.copytree(DEMO, tmp_path / "older"))
    (folder / bundles.STREAM_HALF_GRAPH).unlink()
    manifest = bundles.Manifest.model_validate_json((folder / bundles.MANIFEST).read_bytes())
    files = {name: value for name, value in manifest.files.items() if name != bundles.STREAM_HALF_GRAPH}
    before = manifest.model_copy(update={"format": 1, "files": files})
    signed = before.model_copy(update={"sha256": before.digest()})
    (folder / bundles.MANIFEST).write_text(json.dumps(signed.model_dump(mode="json")))
    return folder


def test_the_shipped_bundle_is_what_renewing_its_older_self_gives(older: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="second-skin-lab renew"):
        bundles.load(older)
    renew(older, tmp_path / "newer")
    for path in DEMO.iterdir():
        assert path.read_bytes() == (tmp_path / "newer" / path.name).read_bytes(), path.name


def test_in_place_by_the_command(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["renew", str(older)]) == 0
    assert "format 2" in capsys.readouterr().out
    assert bundles.load(older).manifest == bundles.load(DEMO).manifest
    assert [path.name for path in older.parent.iterdir()] == [older.name]


@pytest.mark.parametrize("name", KEPT)
def test_a_damaged_file_is_not_carried_over(
    older: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray((older / name).read_bytes())
    content[len(content) // 2] ^= 1
    (older / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in older.iterdir()}
    assert main(["renew", str(older)]) == 2
    assert f"{name} is not the file it names" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in older.iterdir()}


def test_a_changed_manifest_is_refused(older: Path) -> None:
    path = older / bundles.MANIFEST
    path.write_text(path.read_text().replace("virtual-wearer", "another-wearer"))
    with pytest.raises(ValueError, match="it was changed after the export"):
        renew(older, older)
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"manifest of a bundle \(\w+: Field required\); copy or export"):
        renew(older, older)


def test_without_the_laboratorys_extra_the_command_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runtime tells users of an older bundle to renew it: on the device they have no torch."""

    def without_torch(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("models.bundles.renew.renew", without_torch)
    assert main(["renew", str(tmp_path)]) == 2
    assert "torch: pip install '.[lab]'" in capsys.readouterr().err
