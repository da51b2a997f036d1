"""Commands to a running service on a whole suit: tare, zero, wearer, mark; what is refused, and what outlives it."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import zmq
from person import Person, PersonsSuit
from worn_suit import ServiceProcess, until

from drivers.emulator.bench import Bench
from jetson_runtime import cli
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit.errors import CommandRefused
from jetson_runtime.suit.signals import STANDARD_GRAVITY
from jetson_runtime.suit.state import StateFolder

# What an emulated device has computed ahead is felt for so long.
_AHEAD_S = 0.3


class Running:
    """A person in the suit, the service, and somebody who gives it commands."""

    def __init__(self, suit: PersonsSuit) -> None:
        self.suit = suit
        self.person = suit.person
        self.start()

    def start(self) -> None:
        self.service = ServiceProcess(self.suit.config, self.suit.endpoint)
        self.control = ControlClient(self.suit.control)
        assert until(lambda: self.service.state() == "running", 30.0), self.service.log

    def kill(self) -> None:
        self.service.process.send_signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.control.close()
        self.service.stop()

    def stand(self) -> None:
        self.person.pitch_deg, self.person.swing_deg = {}, {}
        self.person.force_n = {"r": 350.0, "l": 350.0}
        time.sleep(_AHEAD_S)
        assert until(lambda: self.service.state() == "running")

    def tare(self) -> str:
        """Again where the machine is so busy that a sensor goes missing, or is still moving, for a moment."""
        for _ in range(5):
            try:
                return str(self.control.ask("tare", seconds=0.5)["tare_id"])
            except CommandRefused as refusal:
                assert "missing" in refusal.text or "stand still" in refusal.text
                time.sleep(_AHEAD_S)
        raise AssertionError(self.service.log)

    def angle_imu(self) -> dict[str, float]:
        self.service.client.recv_all(0)
        newest = self.service.client.latest
        return newest.angle_imu if newest else {}

    def hello(self) -> dict[str, Any]:
        self.service.client.recv_all(0)
        return self.service.client.hello or {}

    def status(self, key: str) -> Any:
        return self.service.status.get(key)

    def faults(self) -> set[int]:
        return {fault["number"] for fault in self.service.status.get("faults", [])}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Bench() as bench:
        suit = PersonsSuit(tmp_path_factory.mktemp("suit"), bench, Person())
        suit.write_config()
        found = Running(suit)
        try:
            yield found
        finally:
            found.close()


def test_without_a_tare_no_angle_of_the_imus_is_known(running: Running) -> None:
    assert until(lambda: running.status("tare") is None and running.angle_imu())
    assert all(math.isnan(value) for value in running.angle_imu().values())
    assert running.hello()["tare_id"] is None


def test_after_a_tare_the_imus_tell_angles_of_their_own(running: Running) -> None:
    running.stand()
    # How the sensors are strapped on, not how the person stands.
    running.person.pitch_deg = {"shank_r": 5.0, "back": -4.0}
    time.sleep(_AHEAD_S)
    tare_id = running.tare()
    running.person.pitch_deg = {"shank_r": 5.0 - 20.0, "back": -4.0, "thigh_r": 30.0}
    assert until(lambda: abs(running.angle_imu().get("knee_angle_r", 0.0) - 50.0) < 1.0), running.angle_imu()
    angles = running.angle_imu()
    expected = {"hip_flexion_r": 30.0, "knee_angle_r": 50.0, "ankle_angle_r": 20.0}
    for name, value in angles.items():
        assert value == pytest.approx(expected.get(name, 0.0), abs=1.0), name
    assert until(lambda: running.hello()["tare_id"] == tare_id)
    assert until(lambda: (running.status("tare") or {}).get("tare_id") == tare_id)
    tare = running.status("tare")
    assert (tare["stale"], tare["without_heading"], tare["other_device"]) == (False, [], [])


def test_the_angles_are_of_the_frames_own_time(running: Running) -> None:
    """A swinging thigh is nowhere near where its sample of some milliseconds ago was: 40 deg at 0.8 Hz, 200 deg/s."""
    running.stand()
    running.tare()
    running.person.swing_deg = {"thigh_l": 40.0}
    assert until(lambda: abs(running.angle_imu()["hip_flexion_l"]) > 20.0)
    frames = running.service.client.recv_all(1000)
    while len(frames) < 100:
        frames += running.service.client.recv_all(1000)
    errors = sorted(
        abs(frame.angle_imu["hip_flexion_l"] - 40.0 * math.sin(2 * math.pi * 0.8 * frame.t))
        for frame in frames
        if not frame.missing
    )
    assert errors[round(0.9 * len(errors))] < 0.3  # 1.5 ms of the fastest swing
    running.stand()


def test_row_52_a_tare_while_moving_is_refused_by_name_and_the_old_one_kept(running: Running) -> None:
    running.stand()
    tare_id = running.tare()
    running.person.swing_deg = {"thigh_l": 30.0, "back": 20.0}
    assert until(lambda: abs(running.angle_imu()["hip_flexion_l"]) > 10.0)
    with pytest.raises(CommandRefused) as refused:
        running.control.ask("tare", seconds=1.0)
    assert refused.value.code == "refused"
    assert {"imu_thigh_l", "imu_back"} <= {reason.partition(":")[0] for reason in refused.value.reasons}
    assert "imu_shank_r" not in refused.value.text
    assert until(lambda: running.hello()["tare_id"] == tare_id)
    running.stand()


def test_row_52_a_tare_with_a_sensor_missing_is_refused_by_name_and_the_old_one_kept(
    running: Running,
) -> None:
    running.stand()
    tare_id = running.tare()
    running.suit.unplug("imu_shank_l")
    assert until(lambda: running.service.state() == "degraded")
    with pytest.raises(CommandRefused) as refused:
        running.control.ask("tare", seconds=0.5)
    assert any(reason == "imu_shank_l is missing" for reason in refused.value.reasons)
    running.suit.replug("imu_shank_l")
    assert until(lambda: running.service.state() == "running")
    assert running.hello()["tare_id"] == tare_id


def test_a_power_cycled_imu_loses_its_heading_and_not_its_gravity_tare(running: Running) -> None:
    running.stand()
    running.tare()
    device = running.suit.devices["imu_pelvis"]
    running.suit.bench.do(lambda: device.restart(time.monotonic_ns()))
    assert until(lambda: running.service.state() != "running")
    assert until(lambda: running.service.state() == "running", 20.0), running.service.log
    assert until(lambda: running.status("tare")["without_heading"] == ["pelvis"]), running.status("tare")
    assert all(abs(value) < 1.0 for value in running.angle_imu().values())
    running.tare()
    assert until(lambda: running.status("tare")["without_heading"] == [])


def test_another_device_in_a_sensors_place_has_no_tare(running: Running) -> None:
    running.stand()
    running.tare()
    device = running.suit.devices["imu_shank_r"]
    before = device.serial

    def exchange(serial: str) -> None:
        running.suit.unplug("imu_shank_r")
        device.serial = serial
        running.suit.replug("imu_shank_r")

    exchange("6253.999")
    assert until(lambda: 34 in running.faults(), 20.0), running.service.log
    assert running.status("tare")["other_device"] == ["shank_r"]
    assert until(lambda: math.isnan(running.angle_imu()["knee_angle_r"]))
    assert math.isfinite(running.angle_imu()["hip_flexion_r"])
    exchange(before)
    assert until(lambda: 34 not in running.faults(), 20.0)
    assert until(lambda: math.isfinite(running.angle_imu()["knee_angle_r"]))


def exchange(running: Running, name: str, serial: str) -> None:
    """Out with the device, in with another."""
    running.suit.unplug(name)
    running.suit.devices[name].serial = serial
    running.suit.replug(name)


@pytest.mark.parametrize(
    ("name", "serial", "op", "arguments"),
    [
        ("imu_shank_r", "6253.998", "tare", {}),
        ("insole_r", "X4.998", "zero_insoles", {"sides": ["r"]}),
    ],
)
def test_a_device_that_is_exchanged_in_mid_command_refuses_it_by_both_numbers(
    running: Running, name: str, serial: str, op: str, arguments: dict[str, Any]
) -> None:
    """An average over two devices is neither's. Again where the machine is so busy that the other is not up in time."""
    running.stand()
    tare_id = running.tare()
    running.person.force_n["r"] = 20.0
    before = running.suit.devices[name].serial
    for _ in range(4):
        other = threading.Timer(0.5, exchange, (running, name, serial))
        other.start()
        with pytest.raises(CommandRefused) as refused:
            running.control.ask(op, timeout_s=60.0, seconds=8.0, **arguments)
        other.join()
        exchange(running, name, before)
        assert until(lambda: running.service.stream(name).get("serial") == before, 30.0)
        if refused.value.reasons != (f"{name} is missing",):
            break
    told = f"{name}: another device than at the beginning ({serial}, was {before})"
    assert refused.value.reasons == (told,)
    assert until(lambda: running.hello()["tare_id"] == tare_id)
    assert running.status("insole_zero") == {}
    running.stand()


def test_insoles_are_zeroed_only_where_nobody_stands_on_them(running: Running) -> None:
    running.stand()
    with pytest.raises(CommandRefused) as refused:
        running.control.ask("zero_insoles", seconds=0.5)
    assert [reason.partition(" carries")[0] for reason in refused.value.reasons] == ["insole_r", "insole_l"]
    running.person.force_n = {"r": 20.0, "l": 350.0}
    client = running.service.client
    weight_n = 70.0 * STANDARD_GRAVITY

    def vgrf(side: str) -> float:
        client.recv_all(0)
        return client.latest.ground[side].vgrf * weight_n if client.latest else math.nan

    assert until(lambda: abs(vgrf("r") - 20.0) < 2.0)
    told = running.control.ask("zero_insoles", sides=["r"], seconds=0.5)
    assert told["sides"]["r"]["force_n"] == pytest.approx(20.0, abs=2.0)
    assert until(lambda: vgrf("r") == 0.0)
    running.person.force_n["r"] = 370.0
    assert until(lambda: abs(vgrf("r") - 350.0) < 4.0)
    assert abs(vgrf("l") - 350.0) < 4.0


def test_the_wearer_is_set_while_the_suit_is_worn(running: Running) -> None:
    running.stand()
    client = running.service.client
    wearer = {"mass_kg": 140.0, "foot_length_m": 0.27, "foot_width_m": 0.10}
    before = client.latest.ground["l"].vgrf
    assert running.control.ask("set_wearer", wearer=wearer)["fit"] == "outdated"
    assert until(lambda: client.recv_all(0) and abs(client.latest.ground["l"].vgrf - before / 2) < 0.01)
    assert until(lambda: running.hello()["body_mass_kg"] == 140.0)
    assert until(lambda: 35 in running.faults())
    with pytest.raises(CommandRefused, match="another session"):
        running.control.ask("tell_fit", found=[], session="00ff00ff")
    begin_ns = time.monotonic_ns()
    running.control.ask("set_wearer", wearer={**wearer, "mass_kg": 139.0})
    with pytest.raises(CommandRefused, match="wearer was set"):
        running.control.ask("tell_fit", found=[], session=client.session, begin_ns=begin_ns)
    running.control.ask("tell_fit", found=[], session=client.session, begin_ns=time.monotonic_ns())
    assert until(lambda: 35 not in running.faults() and running.status("fit")["verdict"] == "passed")
    running.control.ask("set_wearer", wearer={**wearer, "mass_kg": 70.0})
    assert until(lambda: 35 in running.faults() and running.status("fit")["verdict"] == "outdated")


def test_a_foot_counts_as_loaded_from_the_force_on_that_is_the_new_wearer_s(running: Running) -> None:
    """.06 bodyweights of 45 kg are .039 of 70 kg, who wore it at the start: a centre of pressure for the one alone."""
    running.stand()
    client = running.service.client
    light = {"mass_kg": 45.0, "foot_length_m": 0.27, "foot_width_m": 0.10}

    def centre() -> float:
        client.recv_all(0)
        return client.latest.ground["l"].cop_ap if client.latest else math.nan

    running.person.force_n = {"r": 350.0, "l": 0.0}
    assert until(lambda: math.isnan(centre()))
    running.person.force_n = {"r": 350.0, "l": 0.06 * 45.0 * STANDARD_GRAVITY}
    time.sleep(_AHEAD_S)
    assert math.isnan(centre())
    try:
        running.control.ask("set_wearer", wearer=light)
        assert until(lambda: math.isfinite(centre()))
    finally:
        running.control.ask("set_wearer", wearer={**light, "mass_kg": 70.0})
    running.stand()


def test_a_mark_is_told_to_who_follows_events(running: Running) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as events:
        events.setsockopt(zmq.RCVTIMEO, 5000)
        events.subscribe("event")
        events.connect(running.suit.endpoint)
        told: list[dict[str, Any]] = []

        def heard() -> bool:
            running.control.ask("mark", task="L3", repetition=2)
            while events.poll(50):
                told.append(msgpack.unpackb(events.recv_multipart()[1]))
            return bool(told)

        assert until(heard)
    mark = told[0]
    assert (mark["topic"], mark["kind"], mark["task"], mark["repetition"]) == ("event", "mark", "L3", 2)
    assert mark["at_ns"] <= mark["publish_ns"]
    with pytest.raises(CommandRefused, match="says nothing"):
        running.control.ask("mark")


def test_a_mark_behind_a_tare_is_of_the_instant_at_which_it_came(running: Running) -> None:
    """What waits in front of it averages for two seconds; the mark is of its first half."""
    running.stand()
    with zmq.Context() as context, context.socket(zmq.DEALER) as both:
        both.setsockopt(zmq.LINGER, 0)
        both.connect(running.suit.control)
        begin_ns = time.monotonic_ns()
        both.send(msgpack.packb({"op": "tare", "id": 1, "seconds": 2.0}))
        both.send(msgpack.packb({"op": "mark", "id": 2, "text": "behind it"}))
        replies = []
        while len(replies) < 2:
            assert both.poll(30_000)
            replies.append(msgpack.unpackb(both.recv()))
        end_ns = time.monotonic_ns()
    assert [reply["id"] for reply in replies] == [1, 2]
    assert begin_ns < replies[1]["result"]["at_ns"] < (begin_ns + end_ns) // 2


def test_row_18_tare_wearer_and_zero_outlive_a_kill(running: Running) -> None:
    running.stand()
    tare_id = running.tare()
    running.control.ask("set_wearer", wearer={"mass_kg": 75.0, "foot_length_m": 0.27, "foot_width_m": 0.10})
    running.person.force_n = {"r": 20.0, "l": 350.0}
    time.sleep(_AHEAD_S)
    running.control.ask("zero_insoles", sides=["r"], seconds=0.5)
    session = running.service.client.session
    running.kill()
    running.start()
    assert running.service.client.session != session
    tare = running.status("tare")
    assert (tare["tare_id"], tare["stale"], tare["without_heading"]) == (tare_id, False, [])
    assert 0.0 < tare["age_s"] < 600.0
    assert until(lambda: all(abs(value) < 1.0 for value in running.angle_imu().values()))
    assert running.status("wearer")["mass_kg"] == 75.0
    assert running.status("insole_zero")["r"]["force_n"] == pytest.approx(20.0, abs=2.0)


def test_row_24_after_damage_the_state_before_is_used_and_the_tare_is_stale(running: Running) -> None:
    running.stand()
    first = running.tare()
    running.tare()
    running.kill()
    path = running.suit.folder / "state" / "state.json"
    path.write_bytes(path.read_bytes()[:200])
    running.start()
    assert until(lambda: {31, 33} <= running.faults()), running.service.status
    tare = running.status("tare")
    assert (tare["tare_id"], tare["stale"]) == (first, True)
    running.control.ask("set_wearer", wearer={"mass_kg": 70.0, "foot_length_m": 0.27, "foot_width_m": 0.1})
    running.kill()
    running.start()
    assert until(lambda: 33 in running.faults() and 31 not in running.faults()), running.service.status
    assert running.status("tare")["stale"]
    running.tare()
    assert until(lambda: not running.status("tare")["stale"] and 33 not in running.faults())


@pytest.mark.parametrize("left", [0.0, 0.5], ids=["empty", "cut off"])
def test_row_24_a_damaged_config_gives_way_to_its_last_good_copy(running: Running, left: float) -> None:
    good = running.suit.config.read_bytes()
    running.kill()
    running.suit.config.write_bytes(good[: round(left * len(good))])
    try:
        running.start()
        assert until(lambda: 30 in running.faults())
        assert running.service.state() == "running"
    finally:
        running.suit.config.write_bytes(good)
    running.kill()
    running.start()
    assert until(lambda: (running.faults() and 30 not in running.faults()) or running.status("streams"))
    assert 30 not in running.faults()


def test_row_24_a_mistake_in_the_config_is_refused_and_no_copy_hides_it(running: Running) -> None:
    good = running.suit.config.read_bytes()
    running.suit.config.write_bytes(good.replace(b"mass_kg = 70.0", b"mass_kg = 7.0"))
    try:
        service = ServiceProcess(running.suit.config, running.suit.endpoint)
        assert service.process.wait(20.0) == 2
        assert "wearer.mass_kg" in service.log
        service.stop()
    finally:
        running.suit.config.write_bytes(good)


def test_the_state_is_a_file_that_another_version_can_read(running: Running) -> None:
    content = json.loads((running.suit.folder / "state" / "state.json").read_text())
    assert content["format"] == 1
    assert StateFolder(running.suit.folder / "state").load().state.tare is not None


def test_the_commands_of_the_terminal(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    running.stand()

    def say(*words: str) -> tuple[int, str]:
        status = cli.main([*words, "--control", running.suit.control])
        told = capsys.readouterr()
        return status, told.out + told.err

    status, line = say("tare", "--seconds", "0.5")
    assert (status, line.partition(":")[2][:10]) == (0, " 8 sensors"), line
    assert say("mark", "hello", "--repetition", "3")[0] == 0
    wearer = ("--foot-length-m", "0.27", "--foot-width-m", "0.10")
    assert "weighs 70 kg" in say("wearer", "set", "--mass-kg", "70", *wearer)[1]
    status, line = say("wearer", "set", "--mass-kg", "7", *wearer)
    assert (status, "wearer.mass_kg" in line) == (2, True)
    status, line = say("zero-insoles", "--seconds", "0.5", "--side", "left")
    assert (status, "insole_l carries" in line, "lift the feet" in line) == (2, True, True)
    status, line = say("ping", "--json")
    assert status == 0
    assert abs(json.loads(line)["offset_ms"]) <= json.loads(line)["within_ms"]
