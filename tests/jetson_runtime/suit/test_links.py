"""The constant delays of the links, against what the clock makes of the emulated ones."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from drivers.emulator.transport import TransportName, make_transport
from drivers.xsensor import codec
from jetson_runtime.suit.links import DEFAULT_LINK, LINK_NAMES, LINKS, LinkName, delay_ns
from jetson_runtime.timing.timebase import ClockEstimator

WAKE_UP_NS = 50_000
RATE_HZ = {"imu": 200.0, "insole": 75.13}
SIZE = {"imu": 66, "insole": 524}


def _seen_ns(transport: TransportName, baud: int, kind: str, size: int, skew: float) -> float:
    """How much later than the truth the clock puts the samples of an emulated link, after a minute."""
    count = round(RATE_HZ[kind] * 90)
    device = np.rint(np.arange(count) * 1e9 / RATE_HZ[kind]).astype(np.int64)
    host = 7_000_000_000_123 + np.rint(device * (1 + skew)).astype(np.int64)
    link = make_transport(transport, 3, bus_seed=1, baud=baud)
    arrivals = [link.arrivals(host[i : i + 50], size) for i in range(0, count, 50)]
    receive = np.concatenate(arrivals) + WAKE_UP_NS
    clock = ClockEstimator()
    mapped = [clock.update(d, r) for d, r in zip(device.tolist(), receive.tolist(), strict=True)]
    return float(np.median((np.array(mapped) - host)[count * 2 // 3 :]))


@pytest.mark.parametrize("kind", ["imu", "insole"])
def test_the_default_links_have_the_default_delays(kind: str) -> None:
    assert delay_ns(kind) == delay_ns(kind, DEFAULT_LINK[kind]) == {"imu": 900_000, "insole": 6_400_000}[kind]


def test_every_name_has_its_link() -> None:
    assert tuple(LINKS) == LINK_NAMES == get_args(LinkName)


@pytest.mark.parametrize("kind", ["imu", "insole"])
@pytest.mark.parametrize(
    ("name", "transport", "baud"),
    [
        ("usb_cdc", "cdc", 921_600),
        ("ftdi_1ms", "ftdi1", 921_600),
        ("ftdi_16ms", "ftdi16", 921_600),
        ("uart_921600", "rs232", 921_600),
    ],
)
def test_emulated_links_agree_with_the_table(
    name: LinkName, transport: TransportName, baud: int, kind: str
) -> None:
    seen = np.mean([_seen_ns(transport, baud, kind, SIZE[kind], skew) for skew in (70e-6, -55e-6)])
    assert abs(seen - delay_ns(kind, name)) < 200_000


def test_a_slow_line_carries_the_smaller_packet() -> None:
    assert abs(_seen_ns("rs232", 115_200, "imu", 48, 60e-6) - delay_ns("imu", "uart_115200")) < 200_000
    assert delay_ns("imu", "uart_230400") > delay_ns("imu", "uart_460800") > delay_ns("imu", "uart_921600")


def test_the_frame_with_a_whole_map_is_as_long_as_the_table_has_it() -> None:
    sample = codec.Sample((0, 0, 0), (0, 0, 0), (0, 0, 0, 0), 0, 0, 0, 0, 0, bytes(2 * 235))
    assert len(codec.build_frame(codec.SAMPLE, codec.RIGHT, codec.encode_sample(sample))) == SIZE["insole"]
