"""What reading costs (the service has about 1,200 IMU and 160 insole samples a second): best of seven runs."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable

from drivers.microstrain.codec import MipParser, build_packet
from drivers.microstrain.commands import CommandLink as ImuLink
from drivers.microstrain.imu import BaseRates, Imu, ImuInfo
from drivers.microstrain.plan import plan_stream
from drivers.serial_port import SerialPort
from drivers.xsensor import codec
from drivers.xsensor.commands import CommandLink as InsoleLink
from drivers.xsensor.insole import Insole
from drivers.xsensor.pressure import LoadSwitch

REPEATS = 7
N = 2000


def main() -> None:
    """Print the three figures."""
    packets = [_imu_packet(i) for i in range(N)]
    frames = [_insole_frame(i) for i in range(N // 4)]
    joined = b"".join(packets)
    print(
        f"MIP parser, 66-byte packets in one chunk: {1e6 / _best_us(lambda: _parse(joined)):9.0f} packets/s"
    )
    print(f"IMU sample, one packet a read:            {_best_us(lambda: _imu_samples(packets)):9.1f} us")
    print(f"insole sample, 235 cells, one a read:     {_best_us(lambda: _insole_samples(frames)):9.1f} us")


def _best_us(work: Callable[[], int]) -> float:
    """CPU microseconds for each item that `work` says it did."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        done = work()
        best = min(best, (time.process_time() - start) / done)
    return best * 1e6


def _parse(data: bytes) -> int:
    return len(MipParser().feed(data, 0))


def _imu_samples(packets: list[bytes]) -> int:
    port = _port()
    info = ImuInfo(0, "", "", "", "", "")
    plan = plan_stream(1000, 200, quaternion=True, baud=None)
    imu = Imu(ImuLink(port), info, BaseRates(1000, None), plan, ())
    done = sum(len(imu.feed(packet, 0)) for packet in packets)
    port.close()
    return done


def _insole_samples(frames: list[bytes]) -> int:
    port = _port()
    info = codec.Info("", "", 31, 11, 8609, 7513, tuple(i < 235 for i in range(341)))
    insole = Insole(InsoleLink(port, codec.RIGHT), info, LoadSwitch(35, 21))
    done = sum(len(insole.feed(frame, 0)) for frame in frames)
    port.close()
    return done


def _imu_packet(i: int) -> bytes:
    three = struct.pack(">3f", 0.1, 0.2, i % 10)
    fields = [(0x04, three), (0x05, three), (0x0A, struct.pack(">4f", 1, 0, 0, 0))]
    return build_packet(0x80, [*fields, (0x12, struct.pack(">dHH", i * 0.005, 0, 6))])


def _insole_frame(i: int) -> bytes:
    """A foot of which every other cell is pressed."""
    cells = struct.pack("<235H", *(0 if k % 2 else 300 + 97 * k + i for k in range(235)))
    sample = codec.Sample((1, 2, 3), (4, 5, 6), (7, 8, 9, 10), 10_000, 600, 1600, 3700, 250, cells)
    return codec.build_frame(codec.SAMPLE, codec.RIGHT, codec.encode_sample(sample), sequence=i, flags=1)


def _port() -> SerialPort:
    _, slave = os.openpty()
    return SerialPort(os.ttyname(slave))


if __name__ == "__main__":
    main()
