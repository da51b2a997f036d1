"""What can be told of the unit, the scripts and the config without starting them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jetson_runtime.cli import BAD_INPUT
from jetson_runtime.service.notify import BEAT_PERIOD_NS, FRAME_AGE_LIMIT_NS
from jetson_runtime.service.standby import PRIORITY as STANDBY_PRIORITY
from jetson_runtime.suit.config import DEFAULT_CACHE, load
from jetson_runtime.suit.signals import STREAM_NAMES

FOLDER = Path(__file__).resolve().parents[2] / "systemd"
UNIT = FOLDER / "second-skin.service"
PANEL = FOLDER / "second-skin-panel.service"
STANDBY = FOLDER / "second-skin-standby.service"
UNITS = sorted(FOLDER.glob("*.service"))
DROP_INS = sorted((FOLDER / "drop-ins").glob("*.conf"))
SCRIPTS = sorted(FOLDER.glob("*.sh"))
LARGEST_EXPOSURE = 2.0


def setting(key: str) -> str:
    """The one value of a key of the unit."""
    (value,) = re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return str(value)


def tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not here (apt install {package})")
    return path


def exposure(unit: Path) -> float:
    words = ("security", "--offline=true", "--no-pager", str(unit))
    command = [tool("systemd-analyze", "systemd"), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    (level,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", told)
    return float(level)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_exposure_is_low(unit: Path) -> None:
    assert exposure(unit) <= LARGEST_EXPOSURE


def test_the_exposure_is_low_with_all_that_a_jetson_adds(tmp_path: Path) -> None:
    whole = tmp_path / UNIT.name
    whole.write_text("\n".join(path.read_text() for path in (UNIT, *DROP_INS)))
    assert exposure(whole) <= LARGEST_EXPOSURE


def test_the_drivers_of_usb_ports_are_loaded_before_the_unit_starts() -> None:
    """systemd asks /proc/devices for their numbers once: a driver that comes later is shut out."""
    drivers = {"ttyACM": "cdc_acm", "ttyUSB": "ftdi_sio"}
    allowed = re.findall(r"^DeviceAllow=char-(\w+) rw$", UNIT.read_text(), re.MULTILINE)
    loaded = [
        line for line in (FOLDER / "modules-load.conf").read_text().splitlines() if not line.startswith("#")
    ]
    assert sorted(loaded) == sorted(drivers[name] for name in allowed if name in drivers)
    assert "/etc/modules-load.d/second-skin.conf" in (FOLDER / "install.sh").read_text()


def test_on_a_jetson_no_list_of_devices_is_left_that_would_shut_out_all_others() -> None:
    """systemd 249 (JetPack 6) adds devices of its own behind the drop-ins where one of these asks for it."""
    lines = [line for path in (UNIT, *DROP_INS) for line in path.read_text().splitlines()]
    settings = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    assert [value for key, value in settings if key == "DevicePolicy"][-1] == "auto"
    allowed = [value for key, value in settings if key == "DeviceAllow"]
    assert "" in allowed, "gpu.conf empties the list"
    assert not allowed[len(allowed) - allowed[::-1].index("") :], "and nothing behind it adds to it"
    adds = {"ProtectClock", "PrivateDevices", "RootImage", "MountImages", "ExtensionImages"}
    assert not adds & {key for key, _ in settings}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_libzmq_may_do_what_it_would_abort_the_process_for(unit: Path) -> None:
    filters = re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(), re.MULTILINE)
    assert not any("@resources" in words for words in filters) or filters[-1] == "sched_setscheduler"


def test_the_watchdog_waits_longer_than_the_oldest_frame_that_still_feeds_it() -> None:
    seconds = float(setting("WatchdogSec").removesuffix("s"))
    assert seconds > 2 * (BEAT_PERIOD_NS + FRAME_AGE_LIMIT_NS) * 1e-9


def test_what_a_backpack_needs_is_asked_for() -> None:
    assert (setting("Type"), setting("Restart"), setting("StartLimitIntervalSec")) == (
        "notify",
        "always",
        "0",
    )
    assert setting("LimitMEMLOCK") == "infinity"
    assert int(setting("LimitRTPRIO")) >= 98, "as high as [realtime] priority may be"
    assert "RestrictRealtime" not in re.findall(r"^(\w+)=", UNIT.read_text(), re.MULTILINE)
    assert Path("/var/cache") / setting("CacheDirectory") == DEFAULT_CACHE
    devices = re.findall(r"^DeviceAllow=char-(\w+) rw$", UNIT.read_text(), re.MULTILINE)
    assert {"ttyACM", "ttyUSB", "ttyTHS"} <= set(devices)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_no_unit_fails_where_the_kernel_refuses_it_real_time(unit: Path) -> None:
    """The programs ask by themselves, and go on without (CONFIG_RT_GROUP_SCHED)."""
    keys = set(re.findall(r"^(\w+)=", unit.read_text(), re.MULTILINE))
    assert "CPUSchedulingPolicy" not in keys
    assert not keys & {"CPUWeight", "CPUQuota", "CPUShares"}, "they take real time from the service's group"
    if unit == STANDBY:
        (limit,) = re.findall(r"^LimitRTPRIO=(\d+)$", unit.read_text(), re.MULTILINE)
        assert int(limit) >= STANDBY_PRIORITY


def test_the_panel_ends_without_the_service_noticing_and_may_open_gpio_chips_alone() -> None:
    text = PANEL.read_text()
    assert not re.findall(r"^(Requires|BindsTo|PartOf|Wants)=", text, re.MULTILINE)
    assert re.findall(r"^Restart=(.*)$", text, re.MULTILINE) == ["on-failure"]
    assert "DeviceAllow" not in re.findall(r"^(\w+)=", text, re.MULTILINE)
    allowed = re.findall(r"^DeviceAllow=(.*)$", (FOLDER / "drop-ins" / "gpio.conf").read_text(), re.MULTILINE)
    assert allowed == ["char-gpiochip rw"]


def test_the_dashboard_ends_without_the_service_noticing_and_is_behind_everything_else() -> None:
    text = (FOLDER / "second-skin-dashboard.service").read_text()
    assert not re.findall(r"^(Requires|BindsTo|PartOf|Wants)=", text, re.MULTILINE)
    told = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    assert (told["Restart"], told["Nice"], told["RestrictRealtime"]) == ("on-failure", "10", "yes")
    assert told["RestartPreventExitStatus"] == str(BAD_INPUT)


def test_the_bridge_to_a_fleet_is_behind_everything_else_and_never_started_unasked() -> None:
    text = (FOLDER / "second-skin-fleet.service").read_text()
    assert not re.findall(r"^(Requires|BindsTo|PartOf|Wants)=", text, re.MULTILINE)
    told = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    assert (told["Restart"], told["Nice"], told["RestrictRealtime"]) == ("on-failure", "10", "yes")
    assert told["RestartPreventExitStatus"] == str(BAD_INPUT)
    script = (FOLDER / "install.sh").read_text()
    (line,) = (line for line in script.splitlines() if "start_beside" in line and "$fleet" in line)
    assert "is-enabled" in line


def test_the_guide_tries_the_panel_with_the_group_that_its_unit_has() -> None:
    """The service's user is no member of it: a shell of that user may not open the chip."""
    (group,) = re.findall(
        r"^SupplementaryGroups=(\w+)$", (FOLDER / "drop-ins" / "gpio.conf").read_text(), re.MULTILINE
    )
    guide = (FOLDER.parent / "docs" / "jetson.md").read_text().replace("\\\n", " ")
    (line,) = (line for line in guide.splitlines() if "panel --config" in line and "--test" in line)
    assert f"SupplementaryGroups={group} " in line


def test_the_example_config_is_read_and_names_every_stream() -> None:
    config = load(FOLDER / "suit.toml")
    assert set(config.streams) == set(STREAM_NAMES)
    assert config.wearer is None, "nobody's mass is a default"


def test_udev_names_by_serial_number_and_takes_the_waiting_out_of_ftdi_bridges() -> None:
    rules = [
        line
        for line in (FOLDER / "61-second-skin.rules").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    for rule in rules:
        assert re.fullmatch(r'(\w+(\{[\w/]+\})?(==|=|\+=)"[^"]*"(, )?)+', rule), rule
    linked = [rule for rule in rules if "SYMLINK" in rule]
    assert all("$env{ID_SERIAL_SHORT}" in rule and 'GROUP="dialout"' in rule for rule in linked)
    assert any('ATTR{latency_timer}="1"' in rule for rule in rules)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    command = [tool("shellcheck", "shellcheck"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
