"""The insoles' maps of a recording: `pressure` is not recorded, but the insoles' bytes are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.engines.silent import Silent
from jetson_runtime.recording.replay import Replay
from jetson_runtime.stream import messages
from jetson_runtime.stream.pressure import PressureTopic
from jetson_runtime.suit import config as configs


class Maps:
    """Of one session; `take` its `raw` messages in order. No network is run, so that no model need be at hand.

    ValueError where the config of `session` is of another version of the program.
    """

    def __init__(self, session: Mapping[str, Any]) -> None:
        try:
            config = configs.of_json(session["config"])
        except ValidationError as error:
            raise ValueError(f"{error.error_count()} keys of the recorded config differ") from error
        shipped = bundles.load(bundles.SHIPPED)
        self._replay = Replay(config, shipped, Silent(len(config.sides)), judged=False)
        self._topic = PressureTopic(session["session"])
        self._topic.heed([messages.PRESSURE.encode()], [])
        self._number: int | None = None

    def take(self, raw: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The `pressure` messages that a listener would have had of these events."""
        number = raw["number"]
        # The message in which one part ends and the next begins is in both.
        if self._number is not None and number <= self._number:
            return
        if self._number is not None and number != self._number + 1:
            self._replay.gap()
        self._number = number
        for frame in self._replay.frames(raw["events"]):
            payload = self._topic.next(frame, frame.t_ns)
            if payload is not None:
                yield messages.decode(payload)
