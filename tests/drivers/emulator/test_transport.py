from __future__ import annotations

import numpy as np
import pytest

from drivers.emulator.transport import TRANSPORTS, Transport, TransportName, make_transport

START_NS = 7_000_000_000_123
MS = 1_000_000


def arrivals(
    transport: Transport, count: int = 2000, size: int = 66, block: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Sampling and arrival times of a 200 Hz stream, asked for in blocks as a device does."""
    sampled = START_NS + np.arange(count) * 5 * MS
    blocks = [transport.arrivals(sampled[i : i + block], size) for i in range(0, count, block)]
    return sampled, np.concatenate(blocks)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_nothing_arrives_early_or_out_of_order(name: TransportName) -> None:
    sampled, arrived = arrivals(make_transport(name, 3))
    assert (arrived >= sampled).all()
    assert (np.diff(arrived) >= 0).all()


@pytest.mark.parametrize(
    ("name", "least_ms", "most_ms"),
    [("cdc", 0.4, 1.6), ("ftdi1", 0.7, 3.3), ("ftdi16", 0.7, 18.5), ("rs232", 0.7, 10.0), ("none", 0.0, 0.0)],
)
def test_delays_are_those_of_the_link(name: TransportName, least_ms: float, most_ms: float) -> None:
    sampled, arrived = arrivals(make_transport(name, 5))
    delay_ms = (arrived - sampled) / MS
    assert least_ms <= delay_ms.min()
    assert delay_ms.max() <= most_ms


def test_usb_packets_come_with_the_frames_of_their_controller() -> None:
    _, one = arrivals(make_transport("cdc", 1, bus_seed=9))
    _, other = arrivals(make_transport("cdc", 2, bus_seed=9))
    _, elsewhere = arrivals(make_transport("cdc", 1, bus_seed=8))

    def phase(times: np.ndarray) -> np.ndarray:
        return (times - START_NS) % MS

    assert np.ptp(phase(one)) < 0.2 * MS  # 15 ppm over 10 s
    assert abs(int(np.median(phase(one))) - int(np.median(phase(other)))) < 10_000
    assert abs(int(np.median(phase(one))) - int(np.median(phase(elsewhere)))) > 10_000


def test_a_slow_bridge_hands_over_several_packets_at_once() -> None:
    _, arrived = arrivals(make_transport("ftdi16", 4))
    together = np.unique(arrived, return_counts=True)[1]
    assert 3 <= np.median(together) <= 4
    assert np.median(np.diff(np.unique(arrived))) == pytest.approx(16 * MS, rel=0.1)


def test_a_wire_takes_the_time_of_its_bits() -> None:
    _, slow = arrivals(make_transport("rs232", 6, baud=115_200), size=48)
    _, fast = arrivals(make_transport("rs232", 6, baud=921_600), size=48)
    bits_ms = 480 / 115_200 * 1e3
    assert (slow - fast).mean() / MS == pytest.approx(bits_ms * 7 / 8, rel=0.01)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_stream_that_starts_again_earlier_than_computed_is_not_held_back(name: TransportName) -> None:
    transport = make_transport(name, 2)
    arrivals(transport, count=50)
    sampled = START_NS + 10 * MS + np.arange(50) * 5 * MS
    assert (transport.arrivals(sampled, 66) - sampled).max() < 60 * MS
