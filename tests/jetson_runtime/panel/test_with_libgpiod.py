"""libgpiod as it is, below the service and the panel.

Against the kernel's interface in a preloaded library, and against the kernel's own simulated chip where there is one.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from technician import PanelProcess
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from drivers.gpio.chips import open_lines
from drivers.gpio.lines import Line, LineError

PATIENCE_S = 60.0
CHIP = "/dev/gpiochip7"
# linux/gpio.h
ACTIVE_LOW, INPUT, OUTPUT, RISING, FALLING, PULL_UP, REALTIME = (1 << bit for bit in (1, 2, 3, 4, 5, 8, 11))
_ATTRIBUTES = 10
_REQUEST = struct.Struct(f"=64I32sQI20s{_ATTRIBUTES * 24}sII20si")
_ATTRIBUTE = struct.Struct("=IIQQ")
_VALUES = struct.Struct("=QQ")
_EVENT = struct.Struct("=QIIII24x")
_CONFIGFS = Path("/sys/kernel/config/gpio-sim")


class Request(NamedTuple):
    consumer: str
    flags: dict[int, int]
    buffer: int


class Kernel:
    """What the preloaded chip was asked for, and its edges."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "gpio-log"
        self._events = folder / "gpio-events"
        self._numbers = 0
        os.mkfifo(self._events)
        self._fifo = os.open(self._events, os.O_RDWR)

    def asked(self) -> tuple[list[Request], list[tuple[int, int]]]:
        """Requests for lines, and (bits, mask) of each change of outputs."""
        data = self._log.read_bytes() if self._log.exists() else b""
        requests, changes = [], []
        while data:
            tag, data = data[:3], data[4:]
            if tag == b"REQ":
                requests.append(_request(_REQUEST.unpack(data[: _REQUEST.size])))
                data = data[_REQUEST.size :]
            else:
                changes.append(_VALUES.unpack(data[: _VALUES.size]))
                data = data[_VALUES.size :]
        return requests, changes

    def edge(self, offset: int, rising: bool, at_ns: int) -> None:
        self._numbers += 1
        event = _EVENT.pack(at_ns, 1 if rising else 2, offset, self._numbers, self._numbers)
        assert os.write(self._fifo, event) == len(event) == 48

    def close(self) -> None:
        os.close(self._fifo)


def _request(fields: tuple[object, ...]) -> Request:
    offsets, (consumer, default, count, _, attributes, lines, buffer, _, _) = fields[:64], fields[64:]
    assert isinstance(attributes, bytes) and isinstance(consumer, bytes)
    assert isinstance(lines, int) and isinstance(count, int) and isinstance(default, int)
    assert isinstance(buffer, int)
    flags = {}
    for place in range(lines):
        flag = default
        for which, _, value, mask in list(_ATTRIBUTE.iter_unpack(attributes))[:count]:
            if which == 1 and mask >> place & 1:
                flag = value
        offset = offsets[place]
        assert isinstance(offset, int)
        flags[offset] = flag
    return Request(consumer.rstrip(b"\0").decode(), flags, buffer)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """Every process that is started from here on has the chip."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/gpio.h").exists():
        pytest.skip("no C compiler or no linux/gpio.h is here (apt install gcc linux-libc-dev)")
    library = tmp_path / "gpio_kernel.so"
    source = Path(__file__).parent / "gpio_kernel.c"
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    kernel = Kernel(tmp_path)
    for name, value in {
        "GPIO_CHIP": CHIP,
        "GPIO_LOG": str(tmp_path / "gpio-log"),
        "GPIO_EVENTS": str(tmp_path / "gpio-events"),
        "LD_PRELOAD": str(library),
    }.items():
        monkeypatch.setenv(name, value)
    yield kernel
    kernel.close()


@pytest.fixture
def suit(tmp_path: Path) -> Iterator[WornSuit]:
    with Bench() as bench:
        yield WornSuit(tmp_path, bench, ())


def test_the_service_s_sync_line_through_libgpiod(suit: WornSuit, kernel: Kernel) -> None:
    sync = f'[sync]\nchip = "{CHIP}"\nline = "LINE12"\nactive_low = true'
    service = ServiceProcess(suit.write_config(extra=sync), suit.endpoint)
    try:
        assert until(lambda: kernel.asked()[0], PATIENCE_S), service.log
        # Rising as the config means it; stamped on the monotonic clock, which is no flag.
        (request,) = kernel.asked()[0]
        assert request.flags == {12: INPUT | RISING | ACTIVE_LOW}
        assert (request.consumer, request.buffer) == ("second-skin sync", 256)
        at_ns = time.monotonic_ns() - 5_000_000
        for later in range(3):
            kernel.edge(12, True, at_ns + later)
        assert until(lambda: (service.status.get("sync") or {}).get("edges") == 3, PATIENCE_S)
        told = {"edges": 3, "lost": 0, "last_ns": at_ns + 2, "edge": "rising"}
        assert service.status["sync"] == told
    finally:
        service.stop()


def test_the_panel_s_lines_through_libgpiod(suit: WornSuit, kernel: Kernel) -> None:
    lines = 'red = 1\ngreen = "LINE2"\nbuzzer = 3\nbutton = 4\nactive_low = ["red", "button"]'
    panel = PanelProcess(suit.write_config(extra=f'[panel]\nchip = "{CHIP}"\n{lines}'))
    try:
        assert until(lambda: kernel.asked()[1], PATIENCE_S), panel.log
        (request,) = kernel.asked()[0]
        assert request.flags == {
            1: OUTPUT | ACTIVE_LOW,
            2: OUTPUT,
            3: OUTPUT,
            4: INPUT | RISING | FALLING | ACTIVE_LOW | PULL_UP,
        }
        assert not any(flags & REALTIME for flags in request.flags.values())
        # No service: red is on, the others off; places in the order of the request.
        assert kernel.asked()[1][0] == (0b001, 0b111)
        for down in (True, False):
            kernel.edge(4, down, time.monotonic_ns())
            time.sleep(0.3)
        assert until(lambda: "tare" in panel.log, PATIENCE_S)
    finally:
        assert panel.stop() == 0
    assert kernel.asked()[1][-1][0] == 0


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("red = 31", "another program holds one of its lines; gpioinfo says which"),
        ('red = "PQ.05"', "has no line PQ.05; gpioinfo lists its lines"),
        ("red = 99", "correct the lines in the config"),
        ('red = 1\ngreen = "LINE1"', "correct the lines in the config"),
    ],
)
def test_what_libgpiod_refuses_is_told_with_what_to_do(
    suit: WornSuit, kernel: Kernel, lines: str, why: str
) -> None:
    panel = PanelProcess(suit.write_config(extra=f'[panel]\nchip = "{CHIP}"\n{lines}'))
    try:
        assert panel.process.wait(60.0) == 2
    finally:
        panel.stop()
    assert f"[panel]: {CHIP}: " in panel.log and why in panel.log


def test_a_chip_that_is_not_there_or_is_none() -> None:
    for chip in ("/dev/gpiochip99", "no-such-label", "/dev/null"):
        with pytest.raises(LineError, match=r"; |correct"):
            open_lines(chip, {"sync": Line(0, "rising")}, "test")


@pytest.fixture
def simulated() -> Iterator[tuple[str, Path]]:
    """The label of a chip of the kernel's module gpio-sim, and the folder of its lines."""
    if os.geteuid() != 0 or not _CONFIGFS.is_dir():
        pytest.skip("this kernel has no gpio-sim (modprobe gpio-sim, configfs mounted), or this is not root")
    device = _CONFIGFS / "second-skin"
    bank = device / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text("8")
    (bank / "label").write_text("second-skin-sim")
    (device / "live").write_text("1")
    names = [
        (folder / name).read_text().strip() for folder, name in ((device, "dev_name"), (bank, "chip_name"))
    ]
    yield "second-skin-sim", Path("/sys/devices/platform", *names)
    (device / "live").write_text("0")
    bank.rmdir()
    device.rmdir()


def test_the_kernel_s_simulated_chip(simulated: tuple[str, Path]) -> None:
    label, folder = simulated
    lines = open_lines(label, {"button": Line(2, "both"), "red": Line(3, "output")}, "test")
    before_ns = time.monotonic_ns()
    for pull in ("pull-up", "pull-down"):
        (folder / "sim_gpio2" / "pull").write_text(pull)
    edges = []
    assert until(lambda: edges.extend(lines.read()) or len(edges) == 2, PATIENCE_S)
    assert [(edge.line, edge.rising, edge.number) for edge in edges] == [
        ("button", True, 1),
        ("button", False, 2),
    ]
    assert before_ns < edges[0].at_ns < edges[1].at_ns < time.monotonic_ns()
    lines.set({"red": True})
    assert (folder / "sim_gpio3" / "value").read_text().strip() == "1"
    lines.close()
