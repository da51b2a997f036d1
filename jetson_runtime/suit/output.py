"""[output] of suit.toml: where the stream goes."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from jetson_runtime.suit.addresses import (
    DEFAULT_CONTROL,
    DEFAULT_LATEST,
    DEFAULT_PUBLIC,
    mistake,
    udp_mistake,
)
from jetson_runtime.suit.table import Table

_LISTS = ("public", "latest", "control", "local", "udp")


class OutputTable(Table):
    """ZeroMQ and UDP addresses, and whether frames that are not valid carry best-effort values.

    control: where commands are taken (tare, mark and others); empty for nowhere.
    local: ipc alone, for a recorder.
    udp: `host:port` of each receiver of fixed-layout packets (`stream/datagram.py`); empty for none. Nothing of them is
    encrypted: one that is not on this machine needs udp_unencrypted.
    """

    public: tuple[str, ...] = (DEFAULT_PUBLIC,)
    latest: tuple[str, ...] = (DEFAULT_LATEST,)
    control: tuple[str, ...] = (DEFAULT_CONTROL,)
    local: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()
    udp_unencrypted: bool = False
    best_effort: bool = False

    @field_validator(*_LISTS, mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("public", "latest", "control", "local")
    @classmethod
    def _well_formed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _all_good(value, [text for text in map(mistake, value) if text])

    @field_validator("udp")
    @classmethod
    def _receivers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _all_good(value, [text for text in map(udp_mistake, value) if text])


def _all_good(value: tuple[str, ...], mistakes: list[str]) -> tuple[str, ...]:
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return value
