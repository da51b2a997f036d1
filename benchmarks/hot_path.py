"""What one second of the suit costs at each station between the serial port and the engine, in milliseconds of CPU.

    .venv/bin/python benchmarks/hot_path.py [--seconds 20]

Bytes of eight devices are made beforehand; every station is the service's own code.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from drivers.microstrain.codec import MipField, MipParser, build_packet
from drivers.samples import ImuSample, InsoleSample
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, Wearer
from jetson_runtime.suit.signals import CHANNEL_FILL, PERIOD_NS, STREAMS
from jetson_runtime.timing.timebase import ClockEstimator


class NoNetwork:
    """Stands where the engine stands; benchmarks/engines.py measures engines."""

    name = "none"
    batch = 2
    history = 248
    fill = CHANNEL_FILL

    def step(self, rows: np.ndarray, out: np.ndarray) -> None:
        out[:] = 0.0

    def reset(self) -> None:
        """Holds nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=20)
    seconds = parser.parse_args().seconds
    print(f"{'MIP parser, one IMU at 200 Hz':45} {_parser(seconds):7.2f} ms/s")
    print(f"{'clock of one IMU at 200 Hz':45} {_clock(seconds):7.2f} ms/s")
    print(f"{'eight streams: clock, mounting, ring, grid, legs':45} {_pipeline(seconds):7.2f} ms/s")


def _parser(seconds: int) -> float:
    fields = [
        MipField(0x04, bytes(12)),
        MipField(0x05, bytes(12)),
        MipField(0x0A, bytes(16)),
        MipField(0x12, bytes(12)),
    ]
    packet = build_packet(0x80, fields)
    parser = MipParser()
    start = time.process_time()
    for k in range(200 * seconds):
        parser.feed(packet, k)
    return (time.process_time() - start) / seconds * 1e3


def _clock(seconds: int) -> float:
    clock = ClockEstimator()
    start = time.process_time()
    for k in range(200 * seconds):
        clock.update(k * PERIOD_NS, k * PERIOD_NS + 1_000_000)
    return (time.process_time() - start) / seconds * 1e3


def _pipeline(seconds: int) -> float:
    streams = {stream.name: StreamConfig(port=f"/dev/{stream.name}") for stream in STREAMS}
    config = SuitConfig(
        wearer=Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.1),
        model=ModelTable(bundle=Path(".")),
        streams=streams,
    )
    network = NoNetwork()
    pipeline = Pipeline(config, network, network)
    for i in range(len(STREAMS)):
        pipeline.attach(i, period_ns=PERIOD_NS)
    still = (0.0, 9.8, 0.0)
    start = time.process_time()
    for k in range(200 * seconds):
        at = (k + 1000) * PERIOD_NS
        for i, stream in enumerate(STREAMS):
            if stream.kind == "imu":
                pipeline.feed(i, [ImuSample(at, at + 500_000, still, still, None)])
            elif k % 5 in (0, 2):
                pipeline.feed(
                    i,
                    [
                        InsoleSample(
                            at, at + 500_000, k, 0, 300.0, 0.0, 0.0, still, still, None, b"", 4000, 30.0
                        )
                    ],
                )
        pipeline.step(at + 1_000_000)
    return (time.process_time() - start) / seconds * 1e3


if __name__ == "__main__":
    main()
