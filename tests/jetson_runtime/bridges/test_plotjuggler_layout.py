"""What PlotJuggler makes of the stream: its MessagePack reader on live payloads, and the layout in examples/."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import msgpack
import pytest
import zmq
from bridged_suit import BridgedSuit, same

ROOT = Path(__file__).parents[3]
LAYOUT = ROOT / "examples" / "plotjuggler" / "second-skin.xml"
SOURCE = Path(__file__).with_name("plotjuggler_reader.cpp")
PAYLOADS = 50


@pytest.fixture(scope="module")
def payloads(suit: BridgedSuit) -> list[bytes]:
    """As the plugin gets them from `latest`: each message has one part."""
    found = []
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.LINGER, 0)
        sub.subscribe("")
        sub.connect(f"ipc://{suit.folder}/latest")
        while len(found) < PAYLOADS:
            parts = sub.recv_multipart()
            assert len(parts) == 1
            found.append(parts[0])
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler (apt install g++)")
    there = subprocess.run(
        [compiler, "-E", "-x", "c++", "-"],
        input="#include <nlohmann/json.hpp>",
        text=True,
        capture_output=True,
        check=False,
    )
    if there.returncode:
        pytest.skip("needs PlotJuggler's MessagePack library (apt install nlohmann-json3-dev)")
    out = tmp_path_factory.mktemp("reader") / "plotjuggler_reader"
    subprocess.run([compiler, "-std=c++17", "-O1", "-o", str(out), str(SOURCE)], check=True)
    return out


def read(reader: Path, payloads: list[bytes]) -> subprocess.CompletedProcess[str]:
    given = b"".join(struct.pack("<I", len(payload)) + payload for payload in payloads)
    done = subprocess.run([str(reader)], input=given, capture_output=True, check=False)
    return subprocess.CompletedProcess([], done.returncode, done.stdout.decode(), done.stderr.decode())


def curves(prefix: str, value: object) -> dict[str, float]:
    """The plugin's names for the numbers of a message."""
    if isinstance(value, dict):
        return {
            name: number
            for key, item in value.items()
            for name, number in curves(f"{prefix}/{key}", item).items()
        }
    if isinstance(value, list):
        return {
            name: number
            for i, item in enumerate(value)
            for name, number in curves(f"{prefix}[{i}]", item).items()
        }
    return {prefix: float(value)} if isinstance(value, bool | int | float) else {}


def layout_curves() -> list[str]:
    return [curve.attrib["name"] for curve in ElementTree.parse(LAYOUT).iter("curve")]


def test_its_reader_takes_every_payload_whole_and_finds_every_number(reader, payloads):
    done = read(reader, payloads)
    assert done.returncode == 0, done.stderr
    told = done.stdout.strip().split("\n\n")
    assert len(told) == PAYLOADS
    for lines, payload in zip(told, payloads, strict=True):
        first, *rest = lines.splitlines()
        message = msgpack.unpackb(payload)
        assert float(first) == message["t"] == pytest.approx(message["t_ns"] * 1e-9)
        found = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in rest)}
        wanted = curves("", message)
        assert found.keys() == wanted.keys()
        assert all(same(found[name], wanted[name]) for name in wanted)


def test_it_refuses_bytes_behind_the_map_as_the_plugin_does(reader, payloads):
    """So that the test above would see them."""
    done = read(reader, [payloads[0] + b"\x00"])
    assert done.returncode == 4
    assert "parse error" in done.stderr


def test_each_curve_of_the_layout_is_in_every_live_frame(payloads):
    named = layout_curves()
    assert len(named) == len(set(named)) > 20
    for payload in payloads:
        assert set(named) <= curves("", msgpack.unpackb(payload)).keys()


def test_the_layout_shows_every_outcome_and_velocity(payloads):
    message = msgpack.unpackb(payloads[0])
    outcomes = [f"/{group}/{name}" for group in ("angle", "moment", "velocity") for name in message[group]]
    assert len(outcomes) == 21
    assert set(outcomes) <= set(layout_curves())
