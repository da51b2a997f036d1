"""The wish for a recording, as somebody told it last: it outlives the service, the recorder and a power cut.

In a file of its own beside the state, so that a version which does not know it reads past it: after a rollback the
recorder does as its config says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import StateError
from jetson_runtime.suit.labels import LABELS
from jetson_runtime.suit.state import Instant

FILE = "record.json"


class RecordWish(BaseModel):
    """wanted: whether there is to be a recording from `at` on, in a file of its own. number: +1 each."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    number: int
    wanted: bool
    at: Instant
    subject: str | None = None
    task: str | None = None
    trial: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Those that were given."""
        return {name: told for name in LABELS if (told := getattr(self, name))}

    def told(self) -> dict[str, Any]:
        """Of plain types, for the stream: number, wanted, the labels that were given."""
        return {"number": self.number, "wanted": self.wanted, **self.labels}


def load(folder: Path) -> tuple[RecordWish | None, str]:
    """The wish that was saved last and what is wrong with its file; (None, "") where nobody ever told one."""
    path = folder / FILE
    try:
        return RecordWish.model_validate_json(path.read_bytes()), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"{path}: cannot be read: {error.strerror}"
    except (ValidationError, ValueError):
        return None, f"{path}: is cut off or damaged"


def save(folder: Path, wish: RecordWish) -> None:
    """On the disk when it returns; StateError where that fails, and then what was saved before stands."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        durable.write(path, json.dumps(wish.model_dump(mode="json")).encode())
    except OSError as error:
        raise StateError(
            f"{path}: cannot be written: {error.strerror}; check the disk and the rights on the folder"
        ) from error
