"""Rows 27 and 28: the supply gives in, the machine gets too hot. The kernel's files are laid out in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime.service import power
from jetson_runtime.service.supply import ESTIMATE, GAUGE, Supply
from jetson_runtime.suit.config import PowerTable


class Kernel:
    """A tree as /sys: a power monitor of 15 W, a thermal zone, something that cools."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("class/hwmon/hwmon3/name", "ina3221")
        self.rail(19.0, 0.8)
        self.write("class/hwmon/hwmon3/curr1_crit_alarm", "0")
        self.write("class/thermal/thermal_zone0/type", "cpu-thermal")
        self.write("class/thermal/thermal_zone0/trip_point_0_type", "active")
        self.write("class/thermal/thermal_zone0/trip_point_0_temp", "50000")
        self.write("class/thermal/thermal_zone0/trip_point_1_type", "passive")
        self.write("class/thermal/thermal_zone0/trip_point_1_temp", "95000")
        self.zone(55.0)
        self.write("class/thermal/cooling_device0/type", "pwm-fan")
        self.write("class/thermal/cooling_device0/cur_state", "3")
        self.write("class/thermal/cooling_device1/type", "cpufreq-cpu0")
        self.write("class/thermal/cooling_device1/cur_state", "0")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def rail(self, volts: float, amperes: float) -> None:
        self.write("class/hwmon/hwmon3/in1_input", f"{volts * 1000:.0f}")
        self.write("class/hwmon/hwmon3/curr1_input", f"{amperes * 1000:.0f}")

    def zone(self, degrees: float) -> None:
        self.write("class/thermal/thermal_zone0/temp", f"{degrees * 1000:.0f}")

    def battery(self, **values: str) -> None:
        for name, text in {"type": "Battery", "present": "1", **values}.items():
            self.write(f"class/power_supply/bq27z561/{name}", text)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "sys")


@pytest.fixture
def service(tmp_path: Path, kernel: Kernel) -> Iterator[ServiceProcess]:
    """On a suit without a device, which publishes all the same."""
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ())
        config = suit.write_config(extra=f'[power]\nlow_v = 17.5\nsys = "{kernel.root}"')
        service = ServiceProcess(config, suit.endpoint)
        try:
            assert until(lambda: service.status, 60.0), service.log
            yield service
        finally:
            service.stop()


def faults(service: ServiceProcess) -> dict[int, str]:
    return {fault["number"]: fault["text"] for fault in service.status["faults"]}


def test_row_27_low_voltage_is_told_with_an_event_to_the_recorder_and_recovers(
    service: ServiceProcess, kernel: Kernel
) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as listener:
        listener.setsockopt(zmq.LINGER, 0)
        listener.subscribe("event")
        listener.connect(service.client.endpoint)
        assert until(lambda: service.status["supply"]["low"] is False)
        kernel.rail(17.1, 0.9)
        assert listener.poll(10_000)
        event = msgpack.unpackb(listener.recv_multipart()[1])
        assert (event["kind"], event["volts"]) == ("power_low", pytest.approx(17.1))
        assert until(lambda: 40 in faults(service))
        assert faults(service)[40] == "power is low: the input is at 17.10 V, below 17.50 V"
        kernel.rail(17.6, 0.9)
        assert not until(lambda: 40 not in faults(service), 2.5)  # a step of the load is no recovery
        kernel.rail(19.0, 0.8)
        assert until(lambda: 40 not in faults(service))
        assert not listener.poll(0)


def test_row_28_heat_and_throttling_are_told_and_frames_go_on(
    service: ServiceProcess, kernel: Kernel
) -> None:
    assert until(lambda: service.status["temperature"] == {"cpu-thermal": 55.0})
    assert not {42, 43} & set(faults(service))
    kernel.zone(96.0)
    kernel.write("class/thermal/cooling_device1/cur_state", "2")
    assert until(lambda: {42, 43} <= set(faults(service)))
    assert faults(service)[42] == "too hot: cpu-thermal 96 °C"
    assert faults(service)[43] == "slowed down to cool it: cpufreq-cpu0"
    before = service.status["publisher"]["sent"]
    assert until(lambda: service.status["publisher"]["sent"] > before + 200)
    kernel.zone(60.0)
    kernel.write("class/thermal/cooling_device1/cur_state", "0")
    assert until(lambda: not {42, 43} & set(faults(service)))


def look(kernel: Kernel, **settings: Any) -> tuple[Supply, Any]:
    """A supply, and a look at it so many seconds after its first."""
    supply = Supply(PowerTable.model_validate({"sys": str(kernel.root), **settings}))

    def at(seconds: float) -> Any:
        told, problems = supply.look(round(seconds * 1e9))
        return told["supply"], {int(problem.fault): problem.text for problem in problems}

    return supply, at


def test_row_27_one_sag_is_no_low_supply_and_an_alarm_of_the_monitor_is_one(kernel: Kernel) -> None:
    supply, at = look(kernel, low_v=17.5)
    at(0)
    kernel.rail(16.0, 3.0)
    at(1)
    kernel.rail(19.0, 0.8)
    at(2)
    assert not supply.low
    kernel.write("class/hwmon/hwmon3/curr1_crit_alarm", "1")
    at(3)
    assert 40 in at(4)[1]
    assert supply.news == {"volts": 19.0, "why": "the power monitor raises curr1_crit_alarm"}
    at(5)
    assert supply.news is None


def test_row_27_minutes_left_are_the_gauge_s_or_are_called_an_estimate(kernel: Kernel) -> None:
    _, at = look(kernel)
    assert (at(0)[0]["minutes"], at(1)[0]["minutes_from"]) == (None, None)
    _, at = look(kernel, pack_wh=15.2)
    assert at(0)[0]["minutes"] == pytest.approx(60.0)
    told, found = at(1800)
    assert told["used_wh"] == pytest.approx(7.6)
    assert (told["minutes"], told["minutes_from"]) == (pytest.approx(30.0), ESTIMATE)
    assert 41 not in found
    assert at(3100)[1][41] == f"8 minutes left ({ESTIMATE})"
    kernel.battery(capacity="81", time_to_empty_now="7200", voltage_now="18500000")
    told, found = at(3200)
    assert (told["minutes"], told["minutes_from"], told["percent"]) == (120.0, GAUGE, 81.0)
    assert 41 not in found


def test_row_27_a_battery_that_is_not_there_is_no_gauge(kernel: Kernel) -> None:
    kernel.battery(present="0", capacity="0")
    assert power.gauge(kernel.root) is None
