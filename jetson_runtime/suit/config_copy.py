"""suit.toml, or its last good copy in the state folder where the file is damaged: a power cut must not end on a back.

The service makes the copy (`StateFolder.keep_config`) of a config that it runs with; every process that outlives a
power cut reads its config here, so that none dies of a file that another one gets along without.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from jetson_runtime.suit import config as configs
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.errors import ConfigDamaged, ConfigError
from jetson_runtime.suit.state import StateFolder


def load(path: Path, state: Path | None = None) -> tuple[SuitConfig, str]:
    """The config at `path` and '', or its last good copy and a line that says so and what is wrong with the file.

    state: the service's state folder; None: `state` beside the config. ConfigError where the file holds mistakes, which
    somebody made and is to correct, or where there is no copy that can be read.
    """
    try:
        return configs.load(path), ""
    except ConfigError as error:
        copy = StateFolder.of(path, state).config_copy(path)
        with contextlib.suppress(OSError, ConfigError):
            if _is_damaged(error, path, copy.read_bytes()):
                config = configs.load(copy, relative_to=path.parent)
                cause = str(error).partition("\n")[0].partition("; ")[0]
                return config, f"{cause}; its last good copy {copy} is used"
        raise


def _is_damaged(error: ConfigError, path: Path, copy: bytes) -> bool:
    """A file that was cut off between two lines may still be TOML: it is then the beginning of the copy."""
    return isinstance(error, ConfigDamaged) or copy.startswith(path.read_bytes())
