"""The suit from --suit: the config of the real one, or `emulated`; without it every step is skipped. And the report."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jetson_runtime" / "service"))

import own_config
from broken_suit import BrokenSuit
from finding import port_of
from hands import Hands
from person import Person
from running import Service
from worn_suit import serial_of

from drivers.emulator.bench import Bench
from drivers.serial_port import SerialPort
from jetson_runtime import __version__
from jetson_runtime.suit.config import SuitConfig, load
from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS

HERE = Path(__file__).parent
EMULATED = "emulated"
_seen: list[str] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the steps of this folder and skips them where no suit is named."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.device)
            if config.getoption("--suit") is None:
                item.add_marker(pytest.mark.skip(reason="on-device step: name the suit's config with --suit"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Each step's outcome and what it printed, for --report."""
    if report.when != "call" and report.outcome == "passed":
        return
    reason = str(report.longrepr[-1]) if report.skipped and isinstance(report.longrepr, tuple) else ""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = (crash.message if crash else str(report.longrepr)).strip().splitlines()[0]
    head = f"- {report.outcome.upper()} `{report.nodeid.rpartition('/')[2]}` {report.duration:.1f} s {reason}"
    _seen.append("\n".join([head.rstrip(), *(f"      {line}" for line in report.capstdout.splitlines())]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--report")
    if path is None:
        return
    head = (
        f"# Device run of {time.strftime('%Y-%m-%d %H:%M:%S%z')}\n\nSecond Skin {__version__},"
        f" Python {platform.python_version()}, {platform.platform()}, suit {session.config.getoption('--suit')}\n\n"
    )
    path.write_text(head + "\n".join(_seen) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def emulated(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrokenSuit | None]:
    """A whole emulated suit; None where the suit is real."""
    if pytestconfig.getoption("--suit") != EMULATED:
        yield None
        return
    with ExitStack() as stack:
        suit = BrokenSuit(tmp_path_factory.mktemp("suit"), stack.enter_context(Bench()))
        _as_shipped(suit)
        yield suit


@pytest.fixture(scope="session")
def named_path(pytestconfig: pytest.Config, emulated: BrokenSuit | None) -> Path:
    """The config that --suit names: the installed service's."""
    return Path(pytestconfig.getoption("--suit")) if emulated is None else emulated.config


@pytest.fixture(scope="session")
def suit_path(named_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same suit, for services that steps start themselves."""
    return own_config.write(named_path, tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def own_machine(emulated: BrokenSuit | None) -> bool:
    """Whether limits in milliseconds mean anything: a machine that emulates the suit is shared with others."""
    return emulated is None


@pytest.fixture(scope="session")
def suit(suit_path: Path) -> SuitConfig:
    return load(suit_path)


@pytest.fixture(scope="session")
def person(emulated: BrokenSuit | None) -> Person:
    """Who stands still in the emulated suit, and does what the hands are told."""
    person = Person()
    for name, outlet in (emulated.outlets if emulated else {}).items():
        stream = STREAMS[STREAM_INDEX[name]]
        outlet.feel(person.motion(stream.part) if stream.kind == "imu" else person.load(stream.side))
    return person


@pytest.fixture
def hands(emulated: BrokenSuit | None, person: Person, capsys: pytest.CaptureFixture[str]) -> Hands:
    def say(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return Hands({} if emulated is None else emulated.outlets, person, say)


@pytest.fixture
def service(suit_path: Path, tmp_path: Path) -> Iterator[Service]:
    service = Service(suit_path, tmp_path / "state")
    yield service
    service.close()


@pytest.fixture(scope="session")
def found() -> dict[str, str]:
    """Port by stream, once it has been searched for."""
    return {}


@pytest.fixture
def open_port(suit: SuitConfig, found: dict[str, str]) -> Iterator[Callable[[str], SerialPort]]:
    """Opens the port of a stream of the suit; closes all of them after the step."""
    ports: list[SerialPort] = []

    def open_stream(name: str) -> SerialPort:
        if name not in found:
            found[name] = port_of(suit, name)
        ports.append(SerialPort(found[name], suit.streams[name].baud))
        return ports[-1]

    yield open_stream
    for port in ports:
        port.close()


def _as_shipped(suit: BrokenSuit) -> None:
    """As systemd/suit.toml: serial numbers alone, links as udev makes them, sockets in a folder that the unit makes."""
    links = suit.folder / "links"
    links.mkdir()
    for number, name in enumerate(STREAM_INDEX):
        kind = STREAMS[STREAM_INDEX[name]].kind
        link = f"imu-0000__{serial_of(name)}" if kind == "imu" else f"ftdi-A{number}"
        (links / link).symlink_to(suit.path(name))
    suit.write_config(
        streams={name: f'serial = "{serial_of(name)}"' for name in STREAM_INDEX},
        extra=f'[discovery]\nports = ["{links}/*"]',
    )
    text = suit.config.read_text(encoding="utf-8")
    suit.config.write_text(
        text.replace("ipc://", "ipc:///run/second-skin-of-a-stopped-unit"), encoding="utf-8"
    )
