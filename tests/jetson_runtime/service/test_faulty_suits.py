"""What the service says and does when it starts on a suit, a config or a bundle that is not right."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from worn_suit import BUNDLE, ServiceProcess, WornSuit, make_device, run_service, serial_of, until

from drivers.emulator.bench import Bench
from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS

HOLD = """
import serial, sys
port = serial.Serial(sys.argv[1], exclusive=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Callable[[WornSuit], ServiceProcess]:
    def start(suit: WornSuit) -> ServiceProcess:
        service = ServiceProcess(suit.config, suit.endpoint)
        request.addfinalizer(service.stop)
        return service

    return start


def test_each_device_that_is_not_right_is_named_with_its_remedy(
    tmp_path: Path, bench: Bench, start: Callable[[WornSuit], ServiceProcess]
) -> None:
    """Absent, held by another process, another serial number, the other foot, not worn; the good ones go on."""
    suit = WornSuit(tmp_path, bench, ("imu_back", "imu_pelvis", "imu_thigh_r", "imu_thigh_l", "insole_l"))
    suit.write_config(
        wearer="",
        streams={
            "imu_thigh_r": f'port = "{suit.path("imu_thigh_r")}"\nserial = "6253.999"',
            "insole_r": f'port = "{suit.path("insole_l")}"',
            "insole_l": "",
            "imu_shank_l": "",
        },
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(suit.path("imu_thigh_l"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    service = start(suit)
    assert until(lambda: service.stream("insole_r").get("detail", "").find("right") > 0), service.log
    status = service.status
    numbers = {
        fault["stream"]: fault["number"] for fault in status["faults"] if fault["number"] not in (21, 22)
    }
    assert numbers == {
        "": 20,
        "imu_thigh_r": 6,
        "imu_thigh_l": 2,
        "imu_shank_r": 1,
        "imu_shank_l": 10,
        "insole_r": 6,
        "insole_l": 10,
    }
    details = {name: stream["detail"] for name, stream in status["streams"].items()}
    assert serial_of("imu_thigh_r") in details["imu_thigh_r"]
    assert "6253.999" in details["imu_thigh_r"]
    assert str(holder.pid) in details["imu_thigh_l"]
    assert str(suit.path("imu_shank_r")) in details["imu_shank_r"]
    assert "[streams.insole_l]" in details["insole_l"]
    assert (details["imu_back"], details["imu_pelvis"]) == ("", "")
    assert service.state() == "degraded"
    frame = service.client.latest
    assert frame is not None
    assert frame.missing == tuple(
        stream.name for stream in STREAMS if stream.name not in ("imu_back", "imu_pelvis")
    )
    assert not frame.valid

    holder.communicate("")
    suit.plug_in("imu_shank_r", make_device(STREAMS[STREAM_INDEX["imu_shank_r"]]))
    for name in ("imu_thigh_l", "imu_shank_r"):
        assert until(lambda name=name: service.stream(name)["valid"]), service.log


def test_devices_are_found_by_serial_number(
    tmp_path: Path, bench: Bench, start: Callable[[WornSuit], ServiceProcess]
) -> None:
    """On ports whose names say nothing, crosswise, and with a port that another stream is promised left alone."""
    suit = WornSuit(tmp_path, bench, ("imu_back", "imu_pelvis", "imu_thigh_r"))
    suit.write_config(
        streams={
            "imu_thigh_r": f'serial = "{serial_of("imu_pelvis")}"',
            "imu_thigh_l": f'serial = "{serial_of("imu_thigh_r")}"',
            "imu_pelvis": "",
            "imu_shank_r": 'serial = "6253.404"',
        },
        extra=f'[discovery]\nports = ["{tmp_path}/ports/*"]',
    )
    service = start(suit)
    found = {"imu_thigh_r": "imu_pelvis", "imu_thigh_l": "imu_thigh_r", "imu_back": "imu_back"}
    for name, port in found.items():
        assert until(lambda name=name: service.stream(name).get("valid")), service.log
        assert service.stream(name)["port"] == str(suit.path(port))
    assert until(lambda: "6253.404" in service.stream("imu_shank_r")["detail"])
    assert 9 in [fault["number"] for fault in service.status["faults"]]


def test_no_device_at_all_still_gives_frames(
    tmp_path: Path, bench: Bench, start: Callable[[WornSuit], ServiceProcess]
) -> None:
    suit = WornSuit(tmp_path, bench, ())
    suit.write_config()
    service = start(suit)
    assert until(lambda: service.state() == "waiting"), service.log
    frame = service.client.latest
    assert frame is not None
    assert frame.missing == tuple(stream.name for stream in STREAMS)
    assert until(lambda: len(service.status.get("faults", [])) >= 8)


def _refused(config: Path) -> str:
    """What a service that must not start writes to stderr."""
    service = run_service(config, subprocess.PIPE)
    _, errors = service.communicate(timeout=10)
    assert service.returncode == 2
    assert "Traceback" not in errors
    return errors


def test_a_config_with_three_mistakes_names_all_three(tmp_path: Path, bench: Bench) -> None:
    suit = WornSuit(tmp_path, bench, ())
    text = suit.write_config().read_text()
    text = text.replace("mass_kg = 70.0", "mass_kg = 7000.0")
    text = text.replace('engine = "numpy"', 'engine = "torch"')
    suit.config.write_text(text.replace("[streams.imu_back]", "[streams.imu_neck]"))
    errors = _refused(suit.config)
    assert str(suit.config) in errors
    for key in ("wearer.mass_kg", "model.engine", "streams.imu_neck"):
        assert key in errors


def test_a_damaged_bundle_is_refused(tmp_path: Path, bench: Bench) -> None:
    """The devices' threads, started before, do not keep the process from ending."""
    suit = WornSuit(tmp_path, bench, ("imu_back",))
    damaged = tmp_path / "bundle"
    shutil.copytree(BUNDLE, damaged)
    weights = bytearray((damaged / "weights.bin").read_bytes())
    weights[1000] ^= 0x10
    (damaged / "weights.bin").write_bytes(weights)
    text = suit.write_config().read_text()
    suit.config.write_text(text.replace(str(BUNDLE), str(damaged)))
    errors = _refused(suit.config)
    assert "weights.bin" in errors
    assert not (tmp_path / "public").exists()


def test_sigterm_during_bring_up_ends_it(tmp_path: Path, bench: Bench) -> None:
    """A port that never answers keeps its thread in a command's timeout."""
    suit = WornSuit(tmp_path, bench, ("imu_back",))
    suit.write_config(streams={"insole_r": f'port = "{suit.path("imu_back")}"', "imu_back": ""})
    service = ServiceProcess(suit.config, suit.endpoint)
    assert until(lambda: service.state() != ""), service.log
    before_s = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - before_s < 4.0
