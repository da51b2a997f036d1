"""The vendor's own client (MSCL) against the device on the port given: what it read, as one JSON line.

A process of its own: MSCL's blocking calls hold the interpreter's lock, which the emulator needs.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import mscl

IMU = mscl.MipTypes.CLASS_AHRS_IMU
FILTER = mscl.MipTypes.CLASS_ESTFILTER
FIELDS = (
    mscl.MipTypes.CH_FIELD_SENSOR_SCALED_ACCEL_VEC,
    mscl.MipTypes.CH_FIELD_SENSOR_SCALED_GYRO_VEC,
    mscl.MipTypes.CH_FIELD_SENSOR_ORIENTATION_QUATERNION,
    mscl.MipTypes.CH_FIELD_SENSOR_GPS_CORRELATION_TIMESTAMP,
)


def main(port: str, seconds: float) -> dict[str, Any]:
    node = mscl.InertialNode(mscl.Connection.Serial(port, 115_200))
    told: dict[str, Any] = {"ping": node.ping()}
    node.setToIdle()
    told["info"] = [node.modelName(), node.modelNumber(), node.serialNumber(), str(node.firmwareVersion())]
    told["base_rates"] = [node.getDataRateBase(IMU), node.getDataRateBase(FILTER)]
    channels = mscl.MipChannels()
    for field in FIELDS:
        channels.append(mscl.MipChannel(field, mscl.SampleRate.Hertz(200)))
    node.setActiveChannelFields(IMU, channels)
    told["format"] = [(c.channelField(), c.sampleRate().samples()) for c in node.getActiveChannelFields(IMU)]
    node.enableDataStream(IMU)
    packets = collect(node, seconds)
    node.setToIdle()
    return told | {"packets": packets}


def collect(node: Any, seconds: float) -> list[dict[str, float]]:
    """The values of every data packet of so many seconds; MSCL hands out what came before the format was set too."""
    packets = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for packet in node.getDataPackets(50):
            values = {point.channelName(): point for point in packet.data()}
            packets.append({name: read(point) for name, point in values.items() if "Flags" not in name})
    return packets


def read(point: Any) -> float:
    if point.storedAs() == mscl.valueType_Vector:
        return float(point.as_Vector().as_floatAt(0))
    return float(point.as_double())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], float(sys.argv[2]))) + "\n")
