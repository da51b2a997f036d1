"""systemd/suit.toml and README's table of keys tell every key that there is, and nothing else."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from jetson_runtime.suit.config import StreamConfig, SuitConfig, load
from jetson_runtime.suit.signals import STREAM_NAMES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = (ROOT / "systemd" / "suit.toml").read_text(encoding="utf-8")
# A key or a table behind a #; remarks in words do not look like one.
_BEHIND = re.compile(r"^# (?=\[\w+\]|\w+ = )", re.MULTILINE)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    found = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in found if issubclass(kind, BaseModel)), None)


TABLES: dict[str, type[BaseModel]] = {
    name: model
    for name, field in SuitConfig.model_fields.items()
    if (model := _model_of(field.annotation)) is not None
} | {"streams": StreamConfig}
KEYS = [(table, key) for table, model in TABLES.items() for key in model.model_fields]


def _whole() -> dict[str, Any]:
    """The example with all that stands behind a #."""
    return tomllib.loads(_BEHIND.sub("", EXAMPLE))


def _told(table: str) -> dict[str, Any]:
    found: dict[str, Any] = _whole()[table]
    return found["imu_back"] if table == "streams" else found


@pytest.mark.parametrize("table", TABLES)
def test_the_example_names_every_key(table: str) -> None:
    assert set(_told(table)) == set(TABLES[table].model_fields)


def test_the_example_is_a_config_as_it_is_and_with_every_key(tmp_path: Path) -> None:
    for name, text in (("as it is", EXAMPLE), ("whole", _BEHIND.sub("", EXAMPLE))):
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        assert set(load(path).streams) == set(STREAM_NAMES), name


def test_a_key_behind_a_hash_has_the_value_that_holds_without_it() -> None:
    active = tomllib.loads(EXAMPLE)
    for table, key in KEYS:
        default = TABLES[table].model_fields[key].get_default()
        here = active.get(table, {}).get("imu_back" if table == "streams" else key)
        if table in active and table != "streams" and here is None and default is not None:
            told = _told(table)[key]
            assert told == (list(default) if isinstance(default, tuple) else _plain(default)), (table, key)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def test_the_readme_tells_every_key_in_its_table_s_row() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `\[([\w.]+)\]` \| (.*) \|$", readme, re.MULTILINE))
    for table, model in TABLES.items():
        row = rows["streams.NAME" if table == "streams" else table]
        missing = set(model.model_fields) - set(re.findall(r"`(\w+)`", row))
        assert not missing, (table, missing)
