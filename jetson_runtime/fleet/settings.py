"""fleet.toml: which server, and as which suit. A file beside suit.toml, so that no mistake in it can keep the suit from
starting; what the command line says comes before it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, field_validator

from jetson_runtime.fleet.server import Access
from jetson_runtime.suit.errors import ConfigError
from jetson_runtime.suit.table import AsPath, Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_SETTINGS = Path("/etc/second-skin/fleet.toml")
DEFAULT_STORE = Path("/var/lib/second-skin/fleet")


def _word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise ValueError(
            f"{text!r} is no word; write 1 to 40 of A to Z, a to z, 0 to 9, _ and -, such as suit-1"
        )
    return text


# One word of a subject of NATS.
Word = Annotated[str, AfterValidator(_word)]
_PATHS = ("store", "login", "creds", "tls_ca", "tls_cert", "tls_key")


class FleetSettings(Table):
    """Paths are relative to the file. server: addresses of one server or cluster. site, suit: this suit's name there.

    store: folder of what waits; store_mb: its bound. kb_s: how fast what has waited is forwarded. stream: the name of
    the server's stream, where it is to be made. All others: `Access`.
    """

    server: tuple[str, ...] = Field(min_length=1)
    site: Word
    suit: Word
    store: AsPath = DEFAULT_STORE
    store_mb: int = Field(default=2000, ge=1, le=1_000_000)
    kb_s: int = Field(default=1000, ge=1, le=1_000_000)
    stream: Word = "SECONDSKIN"
    plain: bool = False
    login: AsPath | None = None
    creds: AsPath | None = None
    tls_ca: AsPath | None = None
    tls_cert: AsPath | None = None
    tls_key: AsPath | None = None

    @field_validator("server", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value

    @property
    def access(self) -> Access:
        """EndpointError, KeyFileError: as `Access.check`."""
        access = Access(
            self.server,
            plain=self.plain,
            login=self.login,
            creds=self.creds,
            tls_ca=self.tls_ca,
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
        )
        access.check()
        return access


def load(path: Path | None, given: Mapping[str, Any]) -> FleetSettings:
    """The file's keys (None: without a file), and over them those `given` that are not None.

    ConfigError that lists every mistake.
    """
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is not valid TOML: {error}") from error
        for key in _PATHS:
            if isinstance(table.get(key), str):
                table[key] = str((path.parent / table[key]).resolve())
    table |= {key: value for key, value in given.items() if value is not None}
    try:
        return FleetSettings.model_validate(table)
    except ValidationError as error:
        lines = _lines(error)
        where = f"{path} and the command line" if path is not None else "the command line"
        raise ConfigError("\n".join([f"{where}: not a fleet's settings", *lines])) from error


def _lines(error: ValidationError) -> list[str]:
    """Each mistake with what to do; keys of another file, such as suit.toml, in one."""
    lines, unknown = [], []
    for item in error.errors():
        key = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            unknown.append(key)
        elif item["type"] == "missing":
            lines.append(f"  {key}: is missing; write it there, or name it with --{key}")
        else:
            lines.append(f"  {key}: {item['msg'].removeprefix('Value error, ')}")
    if unknown:
        known = ", ".join(FleetSettings.model_fields)
        lines.append(f"  {', '.join(unknown)}: no key of fleet.toml; is it the right file? there are {known}")
    return lines
