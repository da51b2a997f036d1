"""An older bundle -> the same network with today's graphs: weights, golden outcomes, baselines and card stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from pydantic import ValidationError

from jetson_runtime.inference import bundle, layout
from jetson_runtime.inference.bundle import Manifest
from models.network import export

FORMATS = (1, bundle.FORMAT)
KEPT = (bundle.WEIGHTS, bundle.GOLDEN, bundle.BASELINES)


def renew(folder: Path, out: Path) -> Manifest:
    """Writes the bundle in `folder` anew to `out` (may be the same), whole or not at all; returns its manifest.

    Raises ValueError where the old one is damaged or not of a format in FORMATS, BundleError where it is not for
    this suit.
    """
    manifest = _checked(folder)
    with export.whole(out) as fresh:
        for name in _kept(manifest):
            shutil.copyfile(folder / name, fresh / name)
        export.write_graphs(fresh, manifest.network, manifest.tensors)
        return export.sign(fresh, manifest)


def _kept(manifest: Manifest) -> list[str]:
    return [*KEPT, *(name for name in bundle.OPTIONAL_FILES if name in manifest.files)]


def _checked(folder: Path) -> Manifest:
    """The manifest, once it and every file that will be kept have the hashes they should have."""
    path = folder / bundle.MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"{path}: is not the manifest of a bundle ({where + ': ' if where else ''}{first['msg']});"
            " copy or export the bundle again"
        ) from None
    wrong = [] if manifest.format in FORMATS else [f"format {manifest.format} is not one of {FORMATS}"]
    if manifest.sha256 != manifest.digest():
        wrong.append("it was changed after the export")
    for name in _kept(manifest):
        if bundle.file_sha256(folder / name) != manifest.files.get(name):
            wrong.append(f"{name} is not the file it names")
    wrong += layout.faults(manifest.network, manifest.tensors, (folder / bundle.WEIGHTS).stat().st_size)
    if wrong:
        raise ValueError(f"{path}: {'; '.join(wrong)}; copy or export the bundle again")
    return manifest
