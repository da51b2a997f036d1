"""Types, units and meanings of what the messages say of the recorder; as `schema.py` has them for all else."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class RecordingTold(TypedDict):
    """`recording` of `status`: what the recorder said last."""

    state: Annotated[
        Literal["waiting", "recording", "paused", "stopped", "ended"],
        "",
        "of the recorder; stopped: as asked",
    ]
    file: Annotated[str, "", "that is being written"]
    why: Annotated[str, "", "it pauses"]
    free_mb: Annotated[int | None, "MB", "of its disk"]
    missed: Annotated[int, "", "messages of raw bytes that no file holds"]
    dropped: Annotated[int, "", "messages at its own queue"]
    obeys: Annotated[int | None, "", "`number` of the wish that it heeds; nil: none"]


class Wish(TypedDict, total=False):
    """What is asked of the recorder; labels that were not given are not there."""

    subject: Annotated[str, "", "of the study"]
    task: Annotated[str, "", "code of the condition"]
    trial: Annotated[str, "", "its name"]


class RecordTold(Wish):
    """`record` of `status`."""

    number: Annotated[int, "", "+1 each wish"]
    wanted: Annotated[bool, "", "whether there is to be a recording"]
    age_s: Annotated[float | None, "s", "since it was asked for"]
