"""What a listener heard, computed anew and compared byte by byte."""

from __future__ import annotations

from typing import Any

from listener import Listener

from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import engines
from jetson_runtime.inference.live_angles import LiveAngles
from jetson_runtime.recording.replay import Replay
from jetson_runtime.stream import messages
from jetson_runtime.stream.frame_writer import FrameWriter
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.state import PartTare


def replayed(listener: Listener) -> tuple[Replay, dict[int, Any]]:
    """Payloads by seq, as encoded anew from the frames of a replay, for frames that were sent."""
    (session,) = listener.decoded(messages.SESSION)[-1:]
    config = configs.of_json(session["config"])
    bundle = bundles.load(config.model.bundle)
    replay = Replay(config, bundle, engines.create(session["engine"], bundle, len(config.sides)))
    sent = {message["seq"]: message["publish_ns"] for message in listener.decoded(messages.FRAME)}
    angles = LiveAngles(config, config.sides)
    angles.set_tare({part: PartTare.model_validate(kept) for part, kept in session["tare"].items()})
    writer = FrameWriter(session["session"], config.sides, angles)
    told = {}
    for frame in replay.frames(listener.events()):
        if frame.seq in sent:
            told[frame.seq] = writer.write(frame, sent[frame.seq])
    return replay, told


def compare(listener: Listener) -> tuple[int, list[int]]:
    """How many frames were to be equal, and the numbers of those that were not."""
    replay, told = replayed(listener)
    assert replay.exact_from is not None
    recorded = {messages.decode(payload)["seq"]: payload for payload in listener.payloads[messages.FRAME]}
    first, last = min(recorded), max(told)
    due = [seq for seq in recorded if max(first, replay.exact_from) <= seq <= last]
    return len(due), [seq for seq in due if told.get(seq) != recorded[seq]]
