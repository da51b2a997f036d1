"""`second-skin bench scale`: how the cost grows with outcomes, legs, channels, and with the rate of the devices.

Networks of random weights are timed by `scale_networks.py`. The devices' bytes go through parser, clock, mounting, ring
and grid in time that is told, not waited for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetson_runtime.bench import machine, report, scale_networks, wires
from jetson_runtime.bench.scale_networks import ENGINES, SHAPES, Shape
from jetson_runtime.bench.ways import one_thread
from jetson_runtime.stream.text import number
from jetson_runtime.suit.config import Precision
from jetson_runtime.suit.signals import CHANNEL_FILL, PERIOD_NS, RATE_HZ, STREAMS

RATES_HZ = (200, 250, 500, 1000)
_ROUNDS = 3
_SECONDS = 5.0


class NoNetwork:
    """Stands where the engine stands when the way to it is measured."""

    name = "none"
    batch = 2
    precision: Precision = "fp32"
    history = 248
    fill = CHANNEL_FILL

    def step(self, rows: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        out[:] = 0.0

    def reset(self) -> None:
        """Holds nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench scale`."""
    add = parser.add_argument
    add("--rounds", type=report.count, default=_ROUNDS, metavar="N", help=f"of each network ({_ROUNDS})")
    add(
        "--seconds",
        type=report.positive,
        default=_SECONDS,
        metavar="S",
        help=f"of each device rate ({_SECONDS:.0f})",
    )
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0."""
    about = machine.Machine()
    networks = _networks(options.rounds)
    devices = [device_rate(rate_hz, options.seconds) for rate_hz in RATES_HZ]
    result = {"networks": networks, "devices": devices, "machine": about.facts()}
    report.put(result, _network_table(networks), _device_table(devices), as_json=options.json)
    return 0


def _networks(rounds: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", scale_networks.__name__, str(rounds)]
    said = subprocess.run(command, env=one_thread(), check=True, stdout=subprocess.PIPE, text=True).stdout
    networks: list[dict[str, Any]] = json.loads(said.splitlines()[-1])
    return networks


def device_rate(rate_hz: int, seconds: float) -> dict[str, float]:
    """ms of processor time for a second of six IMUs at `rate_hz` and two insoles, one sample a read, no network."""
    suit = wires.make(rate_hz)
    packets = sorted(
        (k * wire.period_ns + wires.DELAY_NS, i, wire.packet(k * wire.period_ns))
        for i, wire in enumerate(suit)
        for k in range(1, round(seconds * 1e9) // wire.period_ns)
    )
    parsed, parse_s = [], {"imu": 0.0, "insole": 0.0}
    for kind in parse_s:
        start_s = time.process_time()
        for receive_ns, i, packet in packets:
            if STREAMS[i].kind == kind:
                parsed.append((receive_ns, i, suit[i].device.feed(packet, receive_ns)))
        parse_s[kind] = time.process_time() - start_s
    parsed.sort(key=lambda one: one[:2])
    network = NoNetwork()
    pipeline = wires.attached(suit, wires.suit_config(Path()), network, network)
    for wire in suit:
        wire.close()
    pipeline_s, tick_ns = time.process_time(), 0
    for receive_ns, i, samples in parsed:
        pipeline.feed(i, samples)
        if receive_ns >= tick_ns:
            tick_ns += PERIOD_NS
            pipeline.step(receive_ns)
    pipeline_s = time.process_time() - pipeline_s
    return {
        "rate_hz": rate_hz,
        "imu_parse_us": parse_s["imu"] * 1e6 / sum(STREAMS[i].kind == "imu" for _, i, _ in parsed),
        "insole_parse_us": parse_s["insole"] * 1e6 / sum(STREAMS[i].kind == "insole" for _, i, _ in parsed),
        "parse_ms_per_s": sum(parse_s.values()) / seconds * 1e3,
        "align_ms_per_s": pipeline_s / seconds * 1e3,
        "samples": len(parsed),
        "ticks": pipeline.ticks,
    }


def _network_table(networks: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in ENGINES if any(one["engine"] == name for one in networks)]
    rows = []
    for shape in SHAPES:
        cells = [str(value) for value in shape]
        for name in names:
            one = next(
                n
                for n in networks
                if n["engine"] == name and all(n[k] == v for k, v in shape._asdict().items())
            )
            cells += [number(one["hot_us"], 0), number(one["paced_us"], 0)]
        rows.append(cells)
    head = [*Shape._fields, *(f"{name} {kind} us" for name in names for kind in ("hot", "paced"))]
    return report.table(head, rows)


def _device_table(devices: Sequence[Mapping[str, float]]) -> str:
    rows = [
        (
            f"{one['rate_hz']:.0f} Hz",
            number(one["imu_parse_us"], 1),
            number(one["insole_parse_us"], 1),
            number(one["parse_ms_per_s"], 1),
            number(one["align_ms_per_s"], 1),
            number((one["parse_ms_per_s"] + one["align_ms_per_s"]) / RATE_HZ * 1e3, 0),
        )
        for one in devices
    ]
    head = ("IMUs", "us an IMU sample", "us an insole's", "parsing, ms/s", "clock to grid, ms/s", "us a tick")
    return report.table(head, rows) + "\nof processor time, six IMUs and two insoles at 80 Hz"
