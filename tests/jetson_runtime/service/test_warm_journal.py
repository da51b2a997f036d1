"""What a service leaves in its journal, and a pipeline that goes on from it: no clock, no process, every cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.microstrain.imu import Imu
from drivers.serial_port import SerialPort
from jetson_runtime.bench import wires
from jetson_runtime.inference.adopted import Adopted
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.bundle import load as load_bundle
from jetson_runtime.inference.engines.numpy_engine import NumpyEngine
from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service import journal as journals
from jetson_runtime.service.holding import facts_of
from jetson_runtime.service.journal import Journal, JournalError
from jetson_runtime.service.model import Model
from jetson_runtime.service.standby import WOKE
from jetson_runtime.service.standby_link import Legacy, Reads
from jetson_runtime.service.warm import Resumption
from jetson_runtime.suit.signals import PERIOD_NS
from jetson_runtime.suit.state import plain

BUNDLE = Path(__file__).resolve().parents[3] / "models" / "bundles" / "demo"
CONFIG = wires.suit_config(BUNDLE)
WARM_TICKS = 300


class Life:
    """A suit whose every byte is known, a pipeline on it that is never interrupted, and the journal beside it."""

    def __init__(self, bundle: Bundle) -> None:
        self.wires = wires.make()
        self.journal = Journal()
        self.frames: list[Frame] = []
        self.reads: list[tuple[int, bytes, int]] = []
        self.writes = True
        self.tick = 10**6
        self._sent = [self.tick * PERIOD_NS] * len(self.wires)
        self._pipeline = Pipeline(CONFIG, bundle.manifest, NumpyEngine(bundle, 2), bundle.confidence())
        self._adopted = [Adopted(self._pipeline, i, wire.device, 0) for i, wire in enumerate(self.wires)]
        for adopted in self._adopted:
            adopted.attach()

    def live(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick += 1
            now_ns = self.tick * PERIOD_NS + 1_500_000
            for index, wire in enumerate(self.wires):
                while self._sent[index] <= self.tick * PERIOD_NS:
                    self._read(index, wire.packet(self._sent[index]), now_ns - 300_000 + index)
                    self._sent[index] += wire.period_ns
            self._wake(now_ns)
            if self.writes and self.journal.due(now_ns):
                self.journal.tell(self._state(), now_ns)

    def _read(self, index: int, data: bytes, ns: int) -> None:
        self.reads.append((index, data, ns))
        if self.writes:
            self.journal.read(index, data, ns)
        self._adopted[index].feed([(data, ns)])

    def _wake(self, ns: int) -> None:
        self.reads.append((WOKE, b"", ns))
        if self.writes:
            self.journal.woke(ns)
        while (frame := self._pipeline.step(ns)) is not None:
            self.frames.append(frame)

    def _state(self) -> dict[str, Any]:
        devices = [
            {
                "index": i,
                "serial": "",
                "reader": wire.device.reader.facts(),
                "clock": self._pipeline.frozen(i),
            }
            for i, wire in enumerate(self.wires)
        ]
        return {**self._pipeline.place, "worn": plain(self._pipeline.worn), "devices": devices}

    def legacy(self) -> Legacy:
        """As a standby process hands it on."""
        devices = [wire.device for wire in self.wires]
        ports = {i: os.dup(device.port.fileno()) for i, device in enumerate(devices)}
        held = {i: facts_of(device) for i, device in enumerate(devices)}
        return Legacy({}, held, ports, self.journal.descriptor, 0)


class Line:
    """The line to a standby process that has read `reads` meanwhile, the last of them after the first question."""

    def __init__(self, reads: list[tuple[int, bytes, int]], lost: tuple[int, ...] = ()) -> None:
        self._reads, self._lost = reads, lost
        self._gone = False

    def peek(self) -> Reads:
        some, self._reads = self._reads[: len(self._reads) // 2], self._reads[len(self._reads) // 2 :]
        return self._answer(some)

    def take(self) -> Reads:
        rest, self._reads = self._reads, []
        return self._answer(rest)

    def without_devices(self) -> Line:
        """As one that held them for too long."""
        self._gone = True
        return self

    def _answer(self, reads: list[tuple[int, bytes, int]]) -> Reads:
        held = [] if self._gone else [i for i in range(8) if i not in self._lost]
        return Reads(reads, list(self._lost), held)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(BUNDLE)


@pytest.fixture
def life(bundle: Bundle) -> Iterator[Life]:
    life = Life(bundle)
    yield life
    for wire in life.wires:
        wire.close()
    life.journal.close()


def resume(bundle: Bundle, life: Life, line: Line, from_tick: int = 0) -> Any:
    model = Model(bundle, NumpyEngine(bundle, 2), bundle.confidence(), ())
    past = journals.load(life.journal.descriptor, from_tick * PERIOD_NS)
    return Resumption(CONFIG, model, line, life.legacy()).run(past)  # type: ignore[arg-type]


@pytest.mark.parametrize("ran", [640, 905])
def test_after_a_restart_frames_are_those_of_a_run_without_one_to_the_last_bit(
    bundle: Bundle, life: Life, ran: int
) -> None:
    """Ticks before the kill, 250 ticks without a service: from the network's history and a little on, each of their
    frames is the same."""
    life.live(ran)
    life.writes = False
    life.reads.clear()
    before = len(life.frames)
    from_tick = life.tick - WARM_TICKS
    life.live(250)
    resumed = resume(bundle, life, Line(life.reads), from_tick)
    there = {frame.seq: frame for frame in life.frames[before:]}
    assert resumed.frames[-1].seq == life.frames[-1].seq
    compared = [frame for frame in resumed.frames if frame.seq in there]
    assert len(compared) >= 150
    for frame in compared:
        assert repr(frame) == repr(there[frame.seq])
    assert compared[-1].valid
    # And on: the bytes that come now, through the devices that were taken over.
    assert isinstance(resumed.devices[0], Imu)
    assert set(resumed.devices) == set(range(8))


def test_no_more_is_computed_again_than_the_newest_frame_needs(bundle: Bundle, life: Life) -> None:
    life.live(905)
    life.writes = False
    life.reads.clear()
    life.live(250)
    resumed = resume(bundle, life, Line(life.reads), life.tick - WARM_TICKS)
    assert repr(resumed.frames[-1]) == repr(life.frames[-1])
    assert resumed.frames[-1].valid
    half_a_second = journals.SPAN_NS // PERIOD_NS
    assert len(resumed.frames) <= WARM_TICKS + half_a_second + 1


def test_bytes_that_nobody_read_are_a_gap_and_never_a_valid_frame(bundle: Bundle, life: Life) -> None:
    """0.2 s of one IMU are missing: the frames settle anew, as after a cable that was out."""
    life.live(700)
    life.writes = False
    life.reads.clear()
    life.live(250)
    begin = life.reads[0][2] + 100_000_000
    kept = [read for read in life.reads if read[0] != 0 or not begin < read[2] < begin + 200_000_000]
    resumed = resume(bundle, life, Line(kept))
    assert life.frames[-1].valid
    assert not resumed.frames[-1].valid
    assert resumed.frames[-1].state == "settling"


def test_a_port_that_went_away_meanwhile_is_brought_up_as_ever(bundle: Bundle, life: Life) -> None:
    life.live(700)
    life.writes = False
    life.reads.clear()
    life.live(50)
    resumed = resume(bundle, life, Line(life.reads, lost=(3,)))
    assert set(resumed.devices) == set(range(8)) - {3}


def test_where_it_cannot_go_on_every_port_is_free_again(bundle: Bundle, life: Life) -> None:
    """The standby process let the devices go meanwhile: they are brought up as ever, by this very process."""
    life.live(700)
    with pytest.raises(JournalError, match="let devices go"):
        resume(bundle, life, Line([], lost=()).without_devices())
    for wire in life.wires:
        SerialPort(wire.device.port.path, wire.device.port.baud).close()


def test_a_byte_that_flipped_anywhere_in_use_is_noticed() -> None:
    journal = Journal()
    for tick in range(1200):
        if tick % 100 == 0:
            journal.tell({"tick": tick, "ticks": tick + 1, "clock": "of a device" * 300}, tick * PERIOD_NS)
        journal.read(tick % 8, bytes([tick % 7]) * 66, tick * PERIOD_NS + 1)
        journal.woke(tick * PERIOD_NS + 2)
    past = journals.load(journal.descriptor, 0)
    noticed = 0
    for bank in range(journals.BANKS):
        for place in (*range(24), *range(24, 15_000, 499)):
            at = bank * journals.BANK_BYTES + place
            original = os.pread(journal.descriptor, 1, at)
            os.pwrite(journal.descriptor, bytes([original[0] ^ 0x10]), at)
            try:
                assert journals.load(journal.descriptor, 0) == past
            except JournalError as error:
                assert "journal" in str(error)
                noticed += 1
            os.pwrite(journal.descriptor, original, at)
    assert noticed > 100
    assert journals.load(journal.descriptor, 0) == past
    journal.close()


def test_an_empty_journal_is_no_ground_to_go_on_from(life: Life) -> None:
    with pytest.raises(JournalError, match="empty"):
        journals.load(life.journal.descriptor, 0)


def test_after_a_short_life_the_frames_settle_as_ever(bundle: Bundle, life: Life) -> None:
    life.live(30)
    life.writes = False
    life.reads.clear()
    life.live(100)
    newest, there = resume(bundle, life, Line(life.reads)).frames[-1], life.frames[-1]
    assert (newest.seq, newest.state) == (there.seq, "settling")
    assert there.settling_ms <= newest.settling_ms < there.settling_ms + 50.0


def test_what_is_not_told_in_the_journal_ends_its_use(life: Life) -> None:
    """A device that came or went, another wearer: what was before is not gone on from."""
    life.live(700)
    assert journals.load(life.journal.descriptor, 0).records
    life.journal.spoil()
    with pytest.raises(JournalError, match="empty"):
        journals.load(life.journal.descriptor, 0)
    spoilt = life.tick
    life.live(200)
    assert journals.load(life.journal.descriptor, 0).state["tick"] >= spoilt
