"""Stretches of a recorded session: channels as they were recorded, orientations and wearer by replaying its bytes.

A network is not asked: the trials are what others are trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from jetson_runtime.demo.orientation import of_segment
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference.engines.silent import Silent
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.live_angles import mountings
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.recording.replay import Replay
from jetson_runtime.stream import messages
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.config import SuitConfig, Wearer
from jetson_runtime.suit.signals import CHANNEL_NAMES, PERIOD_NS, STREAMS
from models.importers.errors import ImportSetError, defect

Doubles = npt.NDArray[np.float64]

# Between two samples of a sensor farther apart than this its orientation is not known.
_GAP_NS = 50_000_000
# Samples around a stretch, so that its first and last row lie between two.
_AROUND_NS = 100_000_000


@dataclass
class Stretch:
    """Rows of the grid from begin_ns to end_ns (both within).

    channels: (n, 54), NaN where none was recorded. quaternions: part -> (n, 4), the segment in the trial's world, NaN
    where not known. wearer: who held as it began; None where nobody was set, or the bytes are missing.
    """

    begin_ns: int
    end_ns: int
    channels: Doubles = field(init=False)
    quaternions: dict[str, Doubles] = field(default_factory=dict)
    wearer: Wearer | None = None

    def __post_init__(self) -> None:
        self.first = -(-self.begin_ns // PERIOD_NS)
        count = max(0, self.end_ns // PERIOD_NS - self.first + 1)
        self.channels = np.full((count, len(CHANNEL_NAMES)), np.nan)
        self._samples: dict[str, list[tuple[int, tuple[float, ...]]]] = {}

    @property
    def grid_ns(self) -> npt.NDArray[np.int64]:
        """(n,) on CLOCK_MONOTONIC."""
        return (self.first + np.arange(len(self.channels), dtype=np.int64)) * PERIOD_NS

    def take_row(self, seq: int, row: list[float]) -> None:
        if 0 <= seq - self.first < len(self.channels):
            self.channels[seq - self.first] = row

    def take_frame(self, frame: Frame, wearer: Wearer | None) -> None:
        """What the sensors told of their orientation at a tick."""
        if not self.begin_ns - _AROUND_NS <= frame.t_ns <= self.end_ns + _AROUND_NS:
            return
        self.wearer = self.wearer or wearer
        for stream, sensed in zip(STREAMS, frame.sensed, strict=True):
            if sensed is None or stream.name in frame.missing or sensed[1].quaternion is None:
                continue
            samples = self._samples.setdefault(stream.part, [])
            if not samples or samples[-1][0] < sensed[0]:
                samples.append((sensed[0], sensed[1].quaternion))

    def end(self, config: SuitConfig) -> None:
        """All has been taken."""
        for stream, mounting in zip(STREAMS, mountings(config), strict=True):
            if samples := self._samples.pop(stream.part, None):
                turned = of_segment(_on_grid(samples, self.grid_ns), mounting)
                if np.isfinite(turned).any():
                    self.quaternions[stream.part] = turned


def fill(stretches: Iterable[Stretch], paths: Iterable[Path]) -> None:
    """Fills the stretches of one session from its parts, in order; ImportSetError where they cannot be replayed."""
    wanted = list(stretches)
    replay: Replay | None = None
    config: SuitConfig | None = None
    number = -1
    for path, message in _messages(paths):
        if message["topic"] == messages.SESSION and replay is None:
            config = _config(path, message)
            bundle = bundles.load(bundles.SHIPPED)
            replay = Replay(config, bundle, Silent(len(config.sides)), judged=False)
        elif message["topic"] == messages.FEATURES:
            for one in wanted:
                one.take_row(message["seq"], message["row"])
        elif message["topic"] == messages.RAW and replay is not None and message["number"] > number:
            if number >= 0 and message["number"] != number + 1:
                replay.gap()
            number = message["number"]
            for frame in replay.frames(message["events"]):
                worn = replay.pipeline.worn.wearer if replay.pipeline is not None else None
                for one in wanted:
                    one.take_frame(frame, worn)
    if config is not None:
        for one in wanted:
            one.end(config)


def _messages(paths: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    wanted = (messages.SESSION, messages.FEATURES, messages.RAW)
    for path in paths:
        for message in Reading(path):
            if message.topic in wanted:
                yield path, messages.decode(message.payload)


def _config(path: Path, session: dict[str, Any]) -> SuitConfig:
    try:
        return configs.of_json(session["config"])
    except ValidationError as error:
        version = session.get("build", {}).get("version", "unknown")
        what = f"its config is another version's ({version}): {error.error_count()} keys differ"
        raise ImportSetError([defect(path, what, "import it with that version")]) from error


def _on_grid(samples: list[tuple[int, tuple[float, ...]]], grid_ns: npt.NDArray[np.int64]) -> Doubles:
    """(n, 4) between the two samples around each instant, by a line: they lie 5 ms apart."""
    at_ns = np.array([at for at, _ in samples], np.int64)
    values = np.array([value for _, value in samples], np.float64)
    flips = np.where((values[1:] * values[:-1]).sum(axis=1) < 0.0, -1.0, 1.0)
    values[1:] *= np.cumprod(flips)[:, None]
    # Small enough for doubles, as seconds since boot in nanoseconds are not.
    at, grid = (at_ns - at_ns[0]).astype(np.float64), (grid_ns - at_ns[0]).astype(np.float64)
    out = np.stack([np.interp(grid, at, column, np.nan, np.nan) for column in values.T], axis=1)
    after = np.clip(np.searchsorted(at, grid), 1, max(len(at) - 1, 1))
    far = np.diff(at, prepend=-np.inf)[np.minimum(after, len(at) - 1)] > _GAP_NS
    out[far] = np.nan
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))
