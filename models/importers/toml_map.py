"""A TOML file that says what is to be imported, read strictly: every mistake at once, with its key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from models.importers.errors import ImportSetError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class MapTable(BaseModel):
    """A table of such a file: no key but those it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Given = TypeVar("Given", bound=MapTable)


def read_map(path: Path, kind: type[Given]) -> Given:
    """The file at `path`; raises ImportSetError that lists every mistake."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ImportSetError([f"{path}: cannot be read ({error.strerror}); check the path"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImportSetError([f"{path}: is not valid TOML ({error}); mend it"]) from error
    except ValidationError as error:
        raise ImportSetError([mistake(path, item["loc"], item["msg"]) for item in error.errors()]) from error


def mistake(path: Path, location: tuple[int | str, ...], message: str) -> str:
    """One line: file, key, what is wrong."""
    key = ".".join(str(part) for part in location) or "(file)"
    return f"{path}: {key}: {message.removeprefix('Value error, ')}"
