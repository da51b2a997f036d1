"""The suit's devices as bytes made beforehand and written into pseudo-terminals when wanted, no emulator takes part;
and the pipeline that is told what they are."""

from __future__ import annotations

import os
import struct
import tty
from collections.abc import Sequence
from pathlib import Path

from drivers.microstrain.codec import build_packet
from drivers.microstrain.fields import ACCEL, GYRO, IMU_DATA, QUATERNION, TIME
from drivers.microstrain.imu import BaseRates, Imu, ImuInfo
from drivers.microstrain.plan import plan_stream
from drivers.microstrain.reader import ImuReader
from drivers.serial_port import SerialPort
from drivers.xsensor import codec
from drivers.xsensor.insole import Insole
from drivers.xsensor.pressure import LoadSwitch
from drivers.xsensor.reader import InsoleReader
from jetson_runtime.inference.engines.base import Engine
from jetson_runtime.inference.pipeline import ModelFacts, Pipeline
from jetson_runtime.suit.config import ModelTable, StreamConfig, SuitConfig, Wearer
from jetson_runtime.suit.signals import RATE_HZ, STREAMS, Stream

INSOLE_HZ = 80
# From sampling to receipt.
DELAY_NS = 1_000_000
_ROWS, _COLUMNS, _LIVE = 31, 11, 235
_NS_PER_US = 1_000


class Wire:
    """One device of `stream` at `rate_hz`, streaming: `send` puts its sample of a time on the wire."""

    def __init__(self, stream: Stream, rate_hz: int) -> None:
        self.period_ns = round(1e9 / rate_hz)
        self._far, near = os.openpty()
        tty.setraw(near)
        self._near = near
        port = SerialPort(os.ttyname(near))
        self._side = codec.RIGHT if stream.side == "r" else codec.LEFT
        self._is_imu = stream.kind == "imu"
        self.device: Imu | Insole = (
            _imu(port, rate_hz) if self._is_imu else _insole(port, self._side, rate_hz)
        )
        self._cells = _pressed_cells()
        self._sequence = 0

    def send(self, device_ns: int) -> int:
        """Writes the sample of device time `device_ns`; the number of bytes."""
        return os.write(self._far, self.packet(device_ns))

    def packet(self, device_ns: int) -> bytes:
        """The bytes of the sample of device time `device_ns`."""
        if self._is_imu:
            return imu_packet(device_ns)
        self._sequence += 1
        body = codec.encode_sample(self._cells._replace(accel=(self._sequence % 7, 2, 3)))
        time_us = device_ns // _NS_PER_US
        return codec.build_frame(
            codec.SAMPLE, self._side, body, flags=1, sequence=self._sequence, device_us=time_us
        )

    def close(self) -> None:
        """Takes the device away."""
        self.device.port.close()
        os.close(self._far)
        os.close(self._near)


def make(imu_hz: int = RATE_HZ) -> list[Wire]:
    """The whole suit's, in the order of STREAMS."""
    return [Wire(stream, imu_hz if stream.kind == "imu" else INSOLE_HZ) for stream in STREAMS]


def suit_config(bundle: Path) -> SuitConfig:
    """A config of devices whose samples arrive DELAY_NS after they were taken, worn by somebody."""
    streams = {s.name: StreamConfig(port=f"/dev/{s.name}", delay_ms=DELAY_NS * 1e-6) for s in STREAMS}
    wearer = Wearer(mass_kg=70.0, foot_length_m=0.27, foot_width_m=0.1)
    return SuitConfig(wearer=wearer, model=ModelTable(bundle=bundle), streams=streams)


def attached(wires: Sequence[Wire], config: SuitConfig, model: ModelFacts, engine: Engine) -> Pipeline:
    """A pipeline to which the devices of all wires are attached."""
    pipeline = Pipeline(config, model, engine)
    for i, wire in enumerate(wires):
        pipeline.attach(i, period_ns=wire.period_ns)
    return pipeline


def imu_packet(device_ns: int) -> bytes:
    """A level, nearly still sensor with all that the driver asks a 3DM-GX5-25 for."""
    wiggle = device_ns // 1_000_000 % 7 * 0.01
    fields = [
        (ACCEL, struct.pack(">3f", 0.01, wiggle, -1.0)),
        (GYRO, struct.pack(">3f", wiggle, 0.02, 0.03)),
        (QUATERNION, struct.pack(">4f", 1.0, 0.0, 0.0, 0.0)),
        (TIME, struct.pack(">dHH", device_ns * 1e-9, 0, 6)),
    ]
    return build_packet(IMU_DATA, fields)


def _imu(port: SerialPort, rate_hz: int) -> Imu:
    plan = plan_stream(1000, rate_hz, quaternion=True, baud=None)
    reader = ImuReader(1000 / plan.decimation, plan.descriptors)
    return Imu(port, ImuInfo(0, "", "", "", "", ""), BaseRates(1000, None), reader, ())


def _insole(port: SerialPort, side: int, rate_hz: int) -> Insole:
    live = tuple(i < _LIVE for i in range(_ROWS * _COLUMNS))
    info = codec.Info("", "", _ROWS, _COLUMNS, 8609, 100 * rate_hz, live)
    return Insole(port, InsoleReader(side, info, LoadSwitch(35, 21)))


def _pressed_cells() -> codec.Sample:
    """A foot of which every other cell is pressed."""
    pressures = struct.pack(f"<{_LIVE}H", *(0 if k % 2 else 300 + 29 * k for k in range(_LIVE)))
    return codec.Sample((1, 2, 3), (4, 5, 6), (7, 8, 9, 10), 10_000, 600, 1600, 3700, 250, pressures)
