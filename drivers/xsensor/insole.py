"""One insole: from whatever state it is in to streaming, then bytes to samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from drivers.errors import ReplyTimeout, UnsupportedDevice, WrongDevice
from drivers.serial_port import SerialPort
from drivers.xsensor import codec
from drivers.xsensor.codec import Info
from drivers.xsensor.commands import CommandLink
from drivers.xsensor.pressure import LoadSwitch
from drivers.xsensor.reader import InsoleReader, lacking

Side = Literal["r", "l"]

_SIDE_CODES = {"r": codec.RIGHT, "l": codec.LEFT}
_SIDE_WORDS = {codec.RIGHT: "right", codec.LEFT: "left"}


class Insole:
    """A configured, streaming insole; `feed` turns what `port` reads into samples (`InsoleReader.feed`)."""

    clock_facts = InsoleReader.clock_facts
    full_scale = InsoleReader.full_scale

    def __init__(self, port: SerialPort, reader: InsoleReader) -> None:
        """reader: of what the device announced."""
        self.port = port
        self.notes: tuple[str, ...] = ()
        self.reader = reader
        self.feed = self.reader.feed
        self.counters = self.reader.counters
        self.set_load = self.reader.set_load

    @property
    def info(self) -> Info:
        """What the device says about itself now."""
        return self.reader.info

    @property
    def serial(self) -> str:
        """Of the insole."""
        return self.reader.serial

    @property
    def rate_hz(self) -> float:
        """As the newest INFO says it; another than before means that the device was set to it while streaming."""
        return self.reader.info.rate_hz


def bring_up(
    port: SerialPort,
    *,
    side: Side,
    serial: str | None = None,
    load_on_n: float,
    load_off_n: float,
    log: Callable[[str], None],
) -> Insole:
    """Identify, configure and start the insole on `port`; blocks for about 1 s at the most when it is silent.

    `serial`: what the device must say it is; its rate is kept. `load_on_n`, `load_off_n`: from which force on the
    centre of pressure is defined when loading, below which no more when unloading. Raises DriverError.
    """
    switch = LoadSwitch(load_on_n, load_off_n)
    link = CommandLink(port, _SIDE_CODES[side])
    info = _identify(link, serial)
    link.send(codec.OP_START)
    log(
        f"{port.path}: {info.model} {info.serial}, {_SIDE_WORDS[link.side]} foot, {info.live_cells} cells, "
        f"{info.rate_hz:g} Hz"
    )
    return Insole(port, InsoleReader(link.side, info, switch, link.parser.pending))


def _identify(link: CommandLink, serial: str | None) -> Info:
    try:
        side, info = link.identify()
    except ReplyTimeout:
        _refuse_other_side(link)
        raise
    if side != link.side:
        raise _wrong_side(link, info)
    if serial is not None and info.serial != serial:
        raise WrongDevice(
            f"{link.port.path}: this is {info.model} with serial number {info.serial}, the config asks for {serial}",
            info.serial,
        )
    if defect := lacking(info):
        raise UnsupportedDevice(f"{link.port.path}: {info.model} {info.serial} announces {defect}")
    return info


def _refuse_other_side(link: CommandLink) -> None:
    """WrongDevice if the insole on this port answers to the other side's name."""
    other = CommandLink(link.port, codec.LEFT if link.side == codec.RIGHT else codec.RIGHT)
    try:
        side, info = other.identify(tries=1)
    except ReplyTimeout:
        return
    if side != link.side:
        raise _wrong_side(link, info)


def _wrong_side(link: CommandLink, info: Info) -> WrongDevice:
    return WrongDevice(
        f"{link.port.path}: insole {info.serial} is not a {_SIDE_WORDS[link.side]} one; "
        "swap the two insoles' ports in the config",
        info.serial,
    )
