"""A device in use follows who wears the suit, in the service and in a replay by the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_pipeline import WEARER, Suit

import models
from drivers.xsensor.codec import RIGHT, Info
from drivers.xsensor.pressure import LoadSwitch
from drivers.xsensor.reader import InsoleReader
from jetson_runtime.inference import engines
from jetson_runtime.inference.adopted import Adopted
from jetson_runtime.inference.bundle import load
from jetson_runtime.recording.replay import Replay
from jetson_runtime.stream import tap
from jetson_runtime.suit.config import Limits, ModelTable, SuitConfig, Wearer
from jetson_runtime.suit.loads import load_thresholds_n
from jetson_runtime.suit.signals import STREAM_INDEX
from jetson_runtime.suit.state import Worn, plain

INSOLE = STREAM_INDEX["insole_r"]
LIGHT = Wearer(mass_kg=45.0, foot_length_m=0.25, foot_width_m=0.09)
DEMO = Path(models.__file__).parent / "bundles" / "demo"


def _reader() -> InsoleReader:
    """As it was brought up, for nobody who is there now."""
    return InsoleReader(RIGHT, Info("X4", "S-1", 2, 2, 8609, 7513, (True,) * 4), LoadSwitch(500.0, 400.0))


def _thresholds(facts: dict[str, Any]) -> tuple[float, float]:
    return facts["on_n"], facts["off_n"]


def test_a_foot_is_loaded_by_the_weight_of_who_wears_the_suit_now() -> None:
    suit, reader = Suit(), _reader()
    adopted = Adopted(suit.pipeline, INSOLE, reader, 0)
    adopted.attach()
    assert _thresholds(reader.facts()) == load_thresholds_n(Limits(), WEARER)
    reader._switch.loaded = True
    suit.pipeline.wear(Worn(LIGHT, {}))
    adopted.wear()
    assert _thresholds(reader.facts()) == load_thresholds_n(Limits(), LIGHT)
    assert reader.facts()["loaded"]
    assert load_thresholds_n(Limits(), LIGHT)[0] == pytest.approx(
        load_thresholds_n(Limits(), WEARER)[0] * 45 / 70
    )


def test_a_replay_gives_its_readers_the_same_thresholds() -> None:
    config = SuitConfig(wearer=WEARER, model=ModelTable(bundle=DEMO), streams={})
    bundle = load(DEMO)
    readers: list[InsoleReader] = []

    def reader_of(_index: int, facts: Any) -> InsoleReader:
        readers.append(InsoleReader.from_facts(facts))
        return readers[-1]

    replay = Replay(config, bundle, engines.create("numpy", bundle, len(config.sides)), reader_of=reader_of)
    state = {"tick": 1000, "ticks": 0, "round": 0, "worn": plain(Worn(WEARER, {})), "devices": []}
    events: list[tuple[Any, ...]] = [
        (tap.STATE, state),
        (tap.ATTACH, INSOLE, {"reader": _reader().facts()}),
        (tap.WAKE, 1000 * 5_000_000),
    ]
    list(replay.frames(events))
    assert _thresholds(readers[0].facts()) == load_thresholds_n(Limits(), WEARER)
    list(replay.frames([(tap.WEAR, plain(Worn(LIGHT, {})))]))
    assert _thresholds(readers[0].facts()) == load_thresholds_n(Limits(), LIGHT)
