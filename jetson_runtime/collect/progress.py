"""How far a session has come, in a file that is whole at any moment: what was begun, kept, void, skipped, and where
one is. The recording holds the same as marks; the file is what `second-skin collect` goes on from."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from jetson_runtime.suit import durable
from jetson_runtime.suit.errors import ProtocolError

# `begun` is being done, `ended` has not been judged yet.
State = Literal["begun", "ended", "kept", "void"]
# Three make one name twice among 100 sessions of a subject once in 3,000 times.
_ID_BYTES = 3


class Trial(BaseModel):
    """One attempt at the condition `step`. number: from 1, of this task in this session; counted: by the stream."""

    model_config = ConfigDict(extra="forbid")

    step: int
    task: str
    number: int
    state: State = "begun"
    repetition: int | None = None
    counted: int | None = None
    sync: str | None = None
    findings: list[str] = []


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    # Of a file that was begun before there were such names: none.
    id: str = ""
    subject: str
    protocol: str
    step: int = 0
    skipped: list[int] = []
    trials: list[Trial] = []


class Progress:
    """Each change is on the disk when its method returns. ProtocolError where the disk refuses."""

    def __init__(self, path: Path, subject: str, digest: str) -> None:
        """What the file at `path` tells, or the beginning. ProtocolError: it is of something else, or damaged."""
        self.path = path
        self.found = path.exists()
        self._content = (
            _load(path, subject, digest)
            if self.found
            else _Content(id=secrets.token_hex(_ID_BYTES), subject=subject, protocol=digest)
        )

    @property
    def step(self) -> int:
        """The number of the condition that comes next, from 0."""
        return self._content.step

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(self._content.trials)

    @property
    def skipped(self) -> tuple[int, ...]:
        return tuple(self._content.skipped)

    def go_to(self, step: int) -> None:
        self._content.step = step
        self._save()

    def skip(self) -> None:
        """The condition that comes next is left out, and the one after it comes next."""
        content = self._content
        content.skipped = sorted({*content.skipped, content.step})
        content.step += 1
        self._save()

    def begin(self, task: str) -> Trial:
        """A trial of the condition that comes next."""
        number = 1 + sum(one.task == task for one in self.trials)
        trial = Trial(step=self.step, task=task, number=number)
        self._content.trials.append(trial)
        self._content.skipped = [one for one in self._content.skipped if one != self.step]
        self._save()
        return trial

    def name(self, trial: Trial) -> str:
        """The trial's, as marks tell it: another day, protocol or folder counts from 1 anew, and is told apart."""
        return f"{self._content.id}-{trial.number}" if self._content.id else str(trial.number)

    def save(self) -> None:
        """What was changed of a trial."""
        self._save()

    def kept(self, step: int) -> list[Trial]:
        """The trials of that condition that count: one, but for the moment in which another takes its place."""
        return [one for one in self.trials if one.step == step and one.state == "kept"]

    def undecided(self) -> list[Trial]:
        """The trials that were begun or ended and have no verdict: several where the service did not take one."""
        return [one for one in self.trials if one.state in ("begun", "ended")]

    def _save(self) -> None:
        try:
            durable.write(self.path, self._content.model_dump_json(indent=1).encode())
        except OSError as error:
            raise ProtocolError(
                f"{self.path}: cannot be written ({error.strerror}); name another file with --progress"
            ) from error


def _load(path: Path, subject: str, digest: str) -> _Content:
    try:
        content = _Content.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProtocolError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise ProtocolError(
            f"{path}: is no progress of a session; name another file with --progress"
        ) from error
    if (content.subject, content.protocol) != (subject, digest):
        raise ProtocolError(
            f"{path}: is the progress of another protocol, subject or order ({content.subject}, "
            f"{len(content.trials)} trials); take those again, or name another file with --progress"
        )
    return content
