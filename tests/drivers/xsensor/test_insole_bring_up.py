"""Bring-up of emulated insoles, and of lines on which no insole or another one answers."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from drivers.emulator.bench import Bench
from drivers.emulator.clock import DeviceClock
from drivers.emulator.motion import standing
from drivers.emulator.pty_port import PtyPort
from drivers.emulator.transport import make_transport
from drivers.emulator.xsensor import EmulatedInsole, InsoleIdentity
from drivers.errors import CommandRejected, PortLost, ReplyTimeout, UnsupportedDevice, WrongDevice
from drivers.samples import InsoleSample
from drivers.serial_port import SerialPort
from drivers.xsensor import codec
from drivers.xsensor.codec import Command, Info, InsoleParser, Reply, build_frame
from drivers.xsensor.insole import Insole, bring_up

if TYPE_CHECKING:
    from conftest import Pty


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as running:
        yield running


def plug_in(
    bench: Bench, link: Path, side: int = codec.RIGHT, *, rate_hz: float = 80.0, streaming: bool = True
) -> EmulatedInsole:
    device = EmulatedInsole(
        standing(350.0),
        DeviceClock.seeded(5, time.monotonic_ns()),
        make_transport("cdc", 5),
        identity=InsoleIdentity(side=side, serial="X4-5"),
        rate_hz=rate_hz,
        streaming=streaming,
    )
    bench.add(PtyPort(link), device)
    return device


def start(
    link: Path | str,
    side: Literal["r", "l"] = "r",
    *,
    serial: str | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Insole:
    port = SerialPort(str(link))
    try:
        return bring_up(port, side=side, serial=serial, load_on_n=35.0, load_off_n=21.0, log=log)
    except Exception:
        port.close()
        raise


def collect(insole: Insole, n: int) -> list[InsoleSample]:
    samples: list[InsoleSample] = []
    while len(samples) < n and insole.port.wait(2.0):
        samples += insole.feed(*insole.port.read())
    return samples


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("side", [codec.RIGHT, codec.LEFT])
def test_comes_up_streaming_or_not_on_either_foot(
    bench: Bench, tmp_path: Path, side: int, streaming: bool
) -> None:
    plug_in(bench, tmp_path / "insole", side, streaming=streaming)
    lines: list[str] = []
    insole = start(tmp_path / "insole", "r" if side == codec.RIGHT else "l", serial="X4-5", log=lines.append)
    samples = collect(insole, 25)
    assert (insole.info.rows, insole.info.columns, insole.info.live_cells) == (31, 11, 235)
    assert insole.rate_hz == 80.0
    assert {b.sequence - a.sequence for a, b in itertools.pairwise(samples)} == {1}
    assert all(sample.force_n == pytest.approx(350, abs=1) for sample in samples)
    assert all(abs(s.cop_ap_m) < 1e-4 and abs(s.cop_ml_m) < 1e-4 for s in samples)
    assert samples[0].accel == pytest.approx((0.0, 9.80665, 0.0), abs=0.01)
    counters = insole.counters()
    assert counters["lost"] == counters["refused"] == counters["discarded_bytes"] == 0
    assert counters["force_disagreements"] == counters["centre_disagreements"] == 0
    assert len(lines) == 1
    insole.port.close()


def test_the_device_s_own_rate_is_kept(bench: Bench, tmp_path: Path) -> None:
    plug_in(bench, tmp_path / "insole", rate_hz=50.0)
    insole = start(tmp_path / "insole")
    samples = collect(insole, 10)
    assert (insole.rate_hz, insole.notes) == (50.0, ())
    assert {round((b.device_ns - a.device_ns) / 1e6) for a, b in itertools.pairwise(samples)} == {20}
    insole.port.close()


def test_a_second_start_after_a_crash(bench: Bench, tmp_path: Path) -> None:
    plug_in(bench, tmp_path / "insole")
    start(tmp_path / "insole").port.close()
    insole = start(tmp_path / "insole")
    assert len(collect(insole, 5)) >= 5
    insole.port.close()


@pytest.mark.parametrize("streaming", [True, False])
def test_the_other_foot_is_named(bench: Bench, tmp_path: Path, streaming: bool) -> None:
    plug_in(bench, tmp_path / "insole", codec.LEFT, streaming=streaming)
    with pytest.raises(WrongDevice, match="X4-5 is not a right one"):
        start(tmp_path / "insole", "r")


def test_wrong_serial_number(bench: Bench, tmp_path: Path) -> None:
    plug_in(bench, tmp_path / "insole")
    with pytest.raises(WrongDevice, match=r"X4-5.*X4-9"):
        start(tmp_path / "insole", serial="X4-9")


def test_unplugged_while_streaming(bench: Bench, tmp_path: Path) -> None:
    plug_in(bench, tmp_path / "insole")
    insole = start(tmp_path / "insole")
    collect(insole, 3)
    bench.do(bench.ports[0].unplug)
    with pytest.raises(PortLost):
        collect(insole, 1000)
    insole.port.close()


class ScriptedInsole:
    """Answers commands by a table, apart from the emulator; `received` lists them."""

    def __init__(self, pty: Pty, info: Info | None) -> None:
        self.received: list[Command] = []
        self.statuses: dict[int, list[int]] = {}
        self._pty = pty
        self._info = info
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> ScriptedInsole:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        parser = InsoleParser()
        while not self._stop.is_set():
            data = self._pty.read(0.005)
            if not data:
                time.sleep(0.0005)
            for frame in parser.feed(data, 0):
                self._obey(codec.decode_command(frame.body))

    def _obey(self, command: Command) -> None:
        self.received.append(command)
        statuses = self.statuses.get(command.op, [0])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status >= 0:
            if command.op == codec.OP_IDENTIFY and self._info is not None:  # INFO may come before the REPLY
                self._pty.write(build_frame(codec.INFO, codec.RIGHT, codec.encode_info(self._info)))
            stale = Reply(command.op, (command.tag + 7) & 0xFF, codec.STATUS_FAILED)
            for reply in (stale, Reply(command.op, command.tag, status)):
                self._pty.write(build_frame(codec.REPLY, codec.RIGHT, codec.encode_reply(reply)))


GRID = Info("X4", "S-1", 2, 2, 8609, 7513, (True,) * 4)


def test_commands_go_out_in_this_order_with_their_tags_matched(pty: Pty) -> None:
    with ScriptedInsole(pty, GRID) as device:
        start(pty.name).port.close()
    assert [command.op for command in device.received] == [1, 2]
    assert len({command.tag for command in device.received}) == 2


def test_a_busy_insole_and_a_lost_reply_are_asked_again(pty: Pty) -> None:
    with ScriptedInsole(pty, GRID) as device:
        device.statuses = {codec.OP_START: [codec.STATUS_BUSY, -1, codec.STATUS_OK]}
        start(pty.name).port.close()
    assert [command.op for command in device.received] == [1, 2, 2, 2]


def test_a_refusal_names_command_and_reason(pty: Pty) -> None:
    with ScriptedInsole(pty, GRID) as device:
        device.statuses = {codec.OP_START: [codec.STATUS_FAILED]}
        with pytest.raises(CommandRejected, match=rf"{pty.name}.*start \(2\).*failed"):
            start(pty.name)


def test_a_silent_line_is_given_up_after_three_questions_and_one_to_the_other_foot(pty: Pty) -> None:
    with ScriptedInsole(pty, GRID) as device:
        device.statuses = {codec.OP_IDENTIFY: [-1]}
        with pytest.raises(ReplyTimeout, match=r"identify \(1\).*3 tries"):
            start(pty.name)
    assert [command.op for command in device.received] == [1, 1, 1, 1]


UNUSABLE = {
    "no grid": Info("X4", "S-1", 0, 0, 0, 7513, ()),
    "no live cell": GRID._replace(mask=(False,) * 4),
    "a rate of 0 Hz": GRID._replace(rate_centihz=0),
}


def test_an_insole_that_tells_nothing_about_itself_is_refused(pty: Pty) -> None:
    with ScriptedInsole(pty, None), pytest.raises(ReplyTimeout):
        start(pty.name)


@pytest.mark.parametrize("lacking", list(UNUSABLE))
def test_an_insole_whose_samples_could_not_be_read_is_refused(pty: Pty, lacking: str) -> None:
    with ScriptedInsole(pty, UNUSABLE[lacking]), pytest.raises(UnsupportedDevice, match=lacking):
        start(pty.name)
