"""The running suit as a session sees it: frames, status, pulses of the sync line; tares and marks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jetson_runtime.client import FrameClient
from jetson_runtime.collect.watch import Watch
from jetson_runtime.stream import messages
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit.errors import EndpointError

# A service says how it is once a second, and at once to whoever comes.
_SILENCE_S = 5.0
_QUEUE_FRAMES = 2000


class Suit:
    """One service, from its addresses. `look` is to be called all the while: it gives the frames to `watch`."""

    def __init__(self, endpoint: str, control: str, key_file: Path | None) -> None:
        self.watch: Watch | None = None
        # When the newest pulse of the sync input began, on the service's CLOCK_MONOTONIC.
        self.pulse_ns: int | None = None
        self._frames = FrameClient(endpoint, key_file=key_file, queue_frames=_QUEUE_FRAMES)
        self._control = ControlClient(control, key_file=key_file)

    def close(self) -> None:
        self._control.close()
        self._frames.close()

    @property
    def session(self) -> str | None:
        """Of the service; None before anything came."""
        return self._frames.session

    @property
    def status(self) -> Mapping[str, Any]:
        """The newest; EndpointError before the first."""
        end_s = time.monotonic() + _SILENCE_S
        while self._frames.status is None and time.monotonic() < end_s:
            self.look()
            time.sleep(0.02)
        if self._frames.status is None:
            raise EndpointError(
                f"no service heard on {self._frames.endpoint} within {_SILENCE_S:.0f} s: is it running? "
                "name its address with --endpoint"
            )
        return self._frames.status

    @property
    def has_sync_input(self) -> bool:
        """Whether the service listens to the laboratory's pulse."""
        return self.status.get("sync") is not None

    @property
    def _begins(self) -> str:
        """The edge that begins a pulse; the end of one is told too where [sync] names both edges."""
        sync = (self._frames.status or {}).get("sync") or {}
        return "falling" if sync.get("edge") == "falling" else "rising"

    def look(self) -> None:
        """Takes in what has come."""
        frames = self._frames.recv_all(0)
        if self.watch is not None:
            self.watch.take(frames)
            self.watch.look(self._frames.status)
        while self._frames.events:
            event = self._frames.events.popleft()
            if event.get("kind") == messages.SYNC and event.get("edge") == self._begins:
                self.pulse_ns = event["at_ns"]

    def tare(self, seconds: float) -> str:
        """The new tare's name; CommandRefused with the reasons."""
        return str(self._control.ask("tare", seconds=seconds)["tare_id"])

    def mark(self, **content: Any) -> int:
        """A mark in the recording, of what is not None; when it was made, on the service's clock."""
        told = {key: value for key, value in content.items() if value is not None}
        return int(self._control.ask("mark", **told)["at_ns"])
