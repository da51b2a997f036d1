"""Types, units and meanings of the topic `event`, by `kind`; as `schema.py` has them for the other topics."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from jetson_runtime.stream.record_schema import Wish
from jetson_runtime.stream.schema import Envelope, WearerTold

_NS = "ns"


class Event(Envelope):
    """What happened, once."""

    kind: Annotated[str, "", "what happened"]


class Dated(Event):
    """Most kinds have it; those of `power_low` are of `t_ns`."""

    at_ns: Annotated[int, _NS, "when, on CLOCK_MONOTONIC"]


class MarkEvent(Dated, total=False):
    """`second-skin mark`, `second-skin collect`; keys that were not given are not there."""

    text: Annotated[str, "", "a remark"]
    task: Annotated[str, "", "code of the condition"]
    subject: Annotated[str, "", "of the study"]
    trial: Annotated[str, "", "its name"]
    repetition: Annotated[int, "", "how many were done"]
    phase: Annotated[Literal["begin", "end", "kept", "void"], "", "of a guided session's trial"]
    counted: Annotated[int, "", "how many the stream showed"]
    findings: Annotated[list[str], "", "what was wrong with it"]
    sync: Annotated[Literal["pulse", "no pulse", "no input"], "", "whether the laboratory's pulse came"]


class _TareEvent(Dated):
    tare_id: Annotated[str, "", "of the tare"]
    parts: Annotated[dict[str, Any], "", "by part, what its angles count from"]


class TareEvent(_TareEvent, total=False):
    """A tare was taken, or a part lost or found the device of its tare."""

    from_ns: Annotated[int, _NS, "first frame that it is of, where it was just taken"]
    until_ns: Annotated[int, _NS, "last frame that it is of, where it was just taken"]


class ZeroedSide(TypedDict):
    """One side of `sides` of an event of kind `insole_zero`."""

    force_n: Annotated[float, "N", "that is taken off from now on"]


class InsoleZeroEvent(Dated):
    """`second-skin zero-insoles`."""

    sides: Annotated[dict[str, ZeroedSide], "", "by side"]


class WearerEvent(Dated):
    """`second-skin wearer set`."""

    wearer: Annotated[WearerTold, "", "from now on"]


class FitEvent(Dated):
    """`second-skin fit`."""

    found: Annotated[list[str], "", "what is wrong; empty where it passed"]


class RecordEvent(Dated, Wish):
    """`second-skin recording start` and `stop`; labels that were not given are not there."""

    number: Annotated[int, "", "+1 each wish"]
    wanted: Annotated[bool, "", "whether there is to be a recording"]


class PowerLowEvent(Event):
    """The supply gives in."""

    volts: Annotated[float | None, "V", "of the input"]
    why: Annotated[str, "", "in words"]


class SyncEvent(Dated):
    """An edge of the laboratory's pulse."""

    edge: Annotated[Literal["rising", "falling"], "", "the pulse begins, or ends"]
    number: Annotated[int, "", "+1 each edge since the start, lost ones too"]


EVENTS: dict[str, type] = {
    "mark": MarkEvent,
    "tare": TareEvent,
    "insole_zero": InsoleZeroEvent,
    "wearer": WearerEvent,
    "fit": FitEvent,
    "record": RecordEvent,
    "power_low": PowerLowEvent,
    "sync": SyncEvent,
}
