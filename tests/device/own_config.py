"""The suit's config with addresses of a step's own: the unit's folder goes with the unit when that is stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tomli_w

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OUTPUTS = ("public", "latest", "control", "local")
# Keys that may be relative to the config's own folder.
_PATHS = (("model", "bundle"), ("model", "cache"), ("security", "keys"), ("recording", "folder"))


def write(source: Path, folder: Path, **changed: dict[str, Any]) -> Path:
    """`source` as `folder/suit.toml`, with sockets below `folder` and no standby process; changed: keys by table."""
    table: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
    table.pop("standby", None)
    for name, key in _PATHS:
        if key in table.get(name, {}):
            table[name][key] = str((source.parent / table[name][key]).resolve())
    own = {name: [f"ipc://{folder}/{name}"] for name in OUTPUTS}
    for name, keys in ({"output": own} | changed).items():
        table[name] = {**table.get(name, {}), **keys}
    path = folder / "suit.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    return path
