"""Bring-up of one stream on pseudo-terminals, and what keeps two streams off one device."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from worn_suit import WornSuit, make_device, serial_of, until

from drivers.emulator.bench import Bench
from drivers.emulator.mip_commands import ImuIdentity
from drivers.errors import PortBusy, WrongDevice
from jetson_runtime.service.bringup import BringUp, Claims, Device, candidates
from jetson_runtime.service.faults import Fault
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.signals import STREAM_INDEX, STREAMS

MakeBringUp = Callable[[WornSuit, str], BringUp]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture
def make_bring_up() -> Iterator[MakeBringUp]:
    """Bring-ups that share one table of claims; all end with the test."""
    claims, stop = Claims(), threading.Event()

    def make(suit: WornSuit, name: str) -> BringUp:
        config = configs.load(suit.config)
        return BringUp(STREAMS[STREAM_INDEX[name]], config, claims, stop, lambda _: None, lambda *_: None)

    yield make
    stop.set()


def in_background(bring_up: BringUp, lost: Device | None = None) -> list[Device | None]:
    """Runs it in a thread; the list gets its result."""
    results: list[Device | None] = []
    threading.Thread(target=lambda: results.append(bring_up.run(lost)), daemon=True).start()
    return results


def fault(bring_up: BringUp) -> Fault | None:
    return bring_up.problem.fault if bring_up.problem else None


def test_one_port_under_two_names_serves_one_stream(
    tmp_path: Path, bench: Bench, make_bring_up: MakeBringUp
) -> None:
    suit = WornSuit(tmp_path, bench, ("imu_back",))
    suit.path("imu_pelvis").symlink_to(suit.path("imu_back"))
    suit.write_config()
    first = make_bring_up(suit, "imu_back")
    device = first.run()
    assert device is not None
    second = make_bring_up(suit, "imu_pelvis")
    results = in_background(second)
    assert until(lambda: fault(second) is Fault.PORT_BUSY)
    assert "imu_back" in str(second.problem)
    assert results == []
    device.port.close()


def test_two_devices_of_one_serial_number_serve_one_stream(
    tmp_path: Path, bench: Bench, make_bring_up: MakeBringUp
) -> None:
    suit = WornSuit(tmp_path, bench, ("imu_back", "imu_pelvis"))
    suit.devices["imu_pelvis"].commands.identity = ImuIdentity(serial=serial_of("imu_back"))  # type: ignore[union-attr]
    suit.write_config()
    device = make_bring_up(suit, "imu_back").run()
    assert device is not None
    second = make_bring_up(suit, "imu_pelvis")
    in_background(second)
    assert until(lambda: fault(second) is Fault.WRONG_DEVICE)
    assert "imu_back" in str(second.problem)
    device.port.close()


def test_a_lost_device_is_closed_and_found_again(
    tmp_path: Path, bench: Bench, make_bring_up: MakeBringUp
) -> None:
    suit = WornSuit(tmp_path, bench, ("imu_back",))
    suit.write_config()
    bring_up = make_bring_up(suit, "imu_back")
    lost = bring_up.run()
    assert lost is not None
    assert bring_up.problem is None
    suit.unplug("imu_back")
    results = in_background(bring_up, lost)
    assert until(lambda: fault(bring_up) is Fault.PORT_MISSING)
    suit.replug("imu_back")
    assert until(lambda: bool(results))
    assert results[0] is not None
    assert results[0].info.serial == serial_of("imu_back")
    results[0].port.close()


def test_a_device_that_is_no_imu_is_asked_and_told(
    tmp_path: Path, bench: Bench, make_bring_up: MakeBringUp
) -> None:
    suit = WornSuit(tmp_path, bench, ())
    suit.plug_in("imu_back", make_device(STREAMS[STREAM_INDEX["insole_r"]]))
    suit.write_config()
    bring_up = make_bring_up(suit, "imu_back")
    in_background(bring_up)
    assert until(lambda: fault(bring_up) is Fault.NO_REPLY)
    assert "[streams.imu_back]" in str(bring_up.problem)


def test_claims_are_kept_until_released() -> None:
    claims = Claims()
    claims.take_port("/dev/a", "imu_back")
    claims.take_port("/dev/a", "imu_back")
    claims.take_device("1", "/dev/a", "imu_back")
    with pytest.raises(PortBusy, match="imu_back"):
        claims.take_port("/dev/a", "imu_pelvis")
    with pytest.raises(WrongDevice, match="imu_back"):
        claims.take_device("1", "/dev/b", "imu_pelvis")
    claims.release("imu_back")
    claims.take_port("/dev/a", "imu_pelvis")
    claims.take_device("1", "/dev/a", "imu_pelvis")


def test_candidates_by_name_first_and_never_a_promised_port(tmp_path: Path) -> None:
    for name in ("usb-other-if00", "usb-3DM_6253.7-if00", "promised"):
        (tmp_path / name).touch()
    (tmp_path / "alias").symlink_to(tmp_path / "promised")
    found = candidates((f"{tmp_path}/*",), "6253.7", (str(tmp_path / "promised"),))
    assert [Path(path).name for path in found] == ["usb-3DM_6253.7-if00", "usb-other-if00"]


def test_a_device_is_looked_for_first_where_another_search_met_it_and_last_where_others_are() -> None:
    claims = Claims()
    claims.meet("2", "/dev/a")
    claims.meet("1", "/dev/c")
    assert claims.by_promise(["/dev/a", "/dev/b", "/dev/c"], "1") == ["/dev/c", "/dev/b", "/dev/a"]


def test_two_searches_that_hold_each_other_s_port_find_both(
    tmp_path: Path, bench: Bench, make_bring_up: MakeBringUp
) -> None:
    """Insoles by serial number alone, as in the shipped config: the right one's search comes upon the left one first,
    and the left one's must go on to the right one meanwhile."""
    names = ("insole_r", "insole_l")
    suit = WornSuit(tmp_path, bench, names)
    suit.write_config(
        streams={name: f'serial = "{serial_of(name)}"' for name in names},
        extra=f'[discovery]\nports = ["{tmp_path}/ports/*"]',
    )
    found = []
    for name in names:
        found.append(in_background(make_bring_up(suit, name)))
        time.sleep(0.05)
    assert until(lambda: all(found))
    assert [device[0].info.serial for device in found if device[0]] == [serial_of(name) for name in names]


def test_links_that_come_and_go_while_they_are_looked_at_are_no_defect(tmp_path: Path) -> None:
    """A battery swap takes all of them away and brings them back; a look falls between two steps of that."""
    links = [tmp_path / f"link{number}" for number in range(4)]
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for link in links:
                link.symlink_to("/dev/null")
            for link in links:
                link.unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(3000):
            assert len(candidates((f"{tmp_path}/*",), "1", ("/dev/zero",))) <= len(links)
    finally:
        ended.set()
        thread.join()
