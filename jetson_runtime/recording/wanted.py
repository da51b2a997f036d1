"""Whether there is to be a recording: as the config says until somebody has asked, from then on as asked last. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetson_runtime.stream import messages
from jetson_runtime.suit.labels import LABELS
from jetson_runtime.suit.recording_table import Begin


class Wanted:
    """`heed` with each message, in order.

    on: whether to record; labels: of the recording; number: of the wish that this is, None: the config's; is_known:
    whether the service has told what was wished before.
    """

    def __init__(self, begin: Begin) -> None:
        self._by_config = begin == "at_once"
        self.on = self._by_config
        self.labels: dict[str, str] = {}
        self.number: int | None = None
        self.is_known = False

    @property
    def why_not(self) -> str:
        """'' where it is to record."""
        if self.on:
            return ""
        return "asked to stop" if self.number is not None else "nobody has asked for a recording"

    def heed(self, message: Mapping[str, Any]) -> bool:
        """Whether `message` tells of another wish than the one that held.

        A `session` tells the one that holds as it is sent. In `event` and `status` one with a lower number is older:
        the service makes a status before it sends it.
        """
        topic = message["topic"]
        if topic == messages.SESSION:
            self.is_known = True
            return self._take(message.get("record"))
        if topic == messages.EVENT and message.get("kind") == messages.RECORD:
            wish: Mapping[str, Any] | None = message
        elif topic == messages.STATUS:
            wish = message.get("record")
        else:
            return False
        if not self.is_known or wish is None or wish["number"] <= (self.number or 0):
            return False
        return self._take(wish)

    def _take(self, wish: Mapping[str, Any] | None) -> bool:
        number = wish["number"] if wish else None
        if number == self.number:
            return False
        self.number = number
        self.on = bool(wish["wanted"]) if wish else self._by_config
        self.labels = {name: str(wish[name]) for name in LABELS if wish.get(name)} if wish else {}
        return True
