"""The links a suit is wired with, and the constant delay of each, from sampling to receipt.

No clock estimate can see this part, so it is subtracted: delay = the device's own loop (0.05 ms) + what it prepares
+ packet bytes x 10 bits / baud (a UART, also the one behind a USB bridge) + the wait for the host to fetch it, as much
of it as the clock's line keeps (it runs along the lower side of the delays) + 0.1 ms of transfer on USB + 0.05 ms until
the reader wakes; to a tenth of a millisecond, because the parts are known no better. What is left is to be measured on
the suit with a motion that all its sensors share, and told as `delay_ms`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

LinkName = Literal[
    "usb_cdc", "ftdi_1ms", "ftdi_16ms", "uart_115200", "uart_230400", "uart_460800", "uart_921600"
]
LINK_NAMES: tuple[LinkName, ...] = get_args(LinkName)

_BITS_PER_BYTE = 10
_FIRMWARE_NS = 50_000
_WAKE_UP_NS = 50_000
_TENTH_NS = 100_000


class LinkDelay(NamedTuple):
    """What makes it.

    baud: of the UART, None on USB alone. prepare_ns: inside the device. wait_ns: for the host, with its transfer.
    """

    summary: str
    baud: int | None
    prepare_ns: int
    wait_ns: int


class Packets(NamedTuple):
    """A kind of device: samples a second, and bytes of its packets, the fullest first."""

    rate_hz: int
    sizes: tuple[int, ...]


# An IMU's packets with and without the quaternion; an insole's frames with 235 pressures and without.
_PACKETS = {"imu": Packets(200, (66, 48)), "insole": Packets(80, (524, 54))}


def _uart(baud: int) -> LinkDelay:
    return LinkDelay(f"a plain serial line at {baud} baud", baud, 0, 100_000)


LINKS: dict[LinkName, LinkDelay] = {
    "usb_cdc": LinkDelay("the device's own USB port: fetched in the next 1 ms frame", None, 300_000, 500_000),
    "ftdi_1ms": LinkDelay("a USB bridge at 921600 baud, its latency_timer set to 1 ms", 921_600, 0, 600_000),
    "ftdi_16ms": LinkDelay(
        "a USB bridge at 921600 baud, its latency_timer as delivered", 921_600, 0, 800_000
    ),
    "uart_115200": _uart(115_200),
    "uart_230400": _uart(230_400),
    "uart_460800": _uart(460_800),
    "uart_921600": _uart(921_600),
}
DEFAULT_LINK: dict[str, LinkName] = {"imu": "usb_cdc", "insole": "ftdi_1ms"}


def delay_ns(kind: str, link: LinkName | None = None) -> int:
    """The constant delay of a device of this kind (imu, insole) on `link`, None: on its default link."""
    told = LINKS[link or DEFAULT_LINK[kind]]
    total = _FIRMWARE_NS + told.prepare_ns + _wire_ns(told.baud, _PACKETS[kind]) + told.wait_ns + _WAKE_UP_NS
    return round(total / _TENTH_NS) * _TENTH_NS


def _wire_ns(baud: int | None, packets: Packets) -> int:
    """Serialisation of the fullest packet for which the line is fast enough."""
    if baud is None:
        return 0
    times = [size * _BITS_PER_BYTE * 1_000_000_000 // baud for size in packets.sizes]
    return next((time for time in times if time * packets.rate_hz < 1_000_000_000), times[-1])
