"""`second-skin doctor`: each thing that is wrong has its line and its remedy, and no secret leaves the machine."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from worn_suit import BUNDLE, ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench
from jetson_runtime import cli
from jetson_runtime.doctor import machine
from jetson_runtime.doctor.check import guarded
from jetson_runtime.stream import curve, key_files
from jetson_runtime.suit.config import PowerTable, Realtime


def doctor(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and checks."""
    status = cli.main(["doctor", "--config", str(config), "--state", str(config.parent), "--json", *words])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def of(checks: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = [check for check in checks if check["name"] == name]
    assert len(found) == 1, checks
    return found[0]


def test_without_a_service_it_opens_the_ports_and_tries_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    key_files.init(keys)
    key_files.add(keys, "tablet", tmp_path)
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench)
        config = suit.write_config(
            streams={"imu_back": 'port = "/dev/nowhere"', "imu_pelvis": 'serial = "6253.9"', "insole_l": ""},
            extra=f'[discovery]\nports = ["{tmp_path}/nothing/*"]\n[security]\nkeys = "keys"',
        )
        status, checks = doctor(capsys, config)
        assert status == 1
        assert of(checks, "imu_thigh_r")["state"] == "ok"
        for name, text in (
            ("imu_back", "/dev/nowhere: no such port"),
            ("imu_pelvis", "no port for serial number 6253.9"),
            ("insole_l", "not in suit.toml"),
        ):
            check = of(checks, name)
            assert (check["state"], check["text"][: len(text)]) == ("failed", text)
            assert check["remedy"]
        assert of(checks, "service")["state"] == "warning"
        assert of(checks, "engine")["state"] == of(checks, "model")["state"] == "ok"
        assert of(checks, "keys")["text"] == "1 clients may connect: tablet"
        assert {"version", "machine", "recordings", "state", "clock"} <= {check["name"] for check in checks}
        assert all(check["remedy"] for check in checks if check["state"] != "ok")


def test_with_a_service_it_asks_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ("imu_back", "imu_pelvis"))
        service = ServiceProcess(suit.write_config(), suit.endpoint)
        try:
            assert until(lambda: service.stream("imu_back").get("alive"), 60.0), service.log
            _, checks = doctor(capsys, suit.config)
            assert "frames/s" in of(checks, "service")["text"]
            assert "6253.100" in of(checks, "imu_back")["text"]
            assert [check["text"] for check in checks if check["name"] == "fault 1 of imu_thigh_r"] != []
            assert "model" not in {check["name"] for check in checks}
            assert service.stream("imu_back")["alive"]
        finally:
            service.stop()


def test_a_config_with_mistakes_has_a_line_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "suit.toml"
    config.write_text(
        '[model]\nbundle = "x"\n[streams.imu_foot]\nport = "/dev/a"\n[limits]\nimu_fresh_ms = 1.0\n'
    )
    status, checks = doctor(capsys, config)
    assert status == 1
    told = [check["text"] for check in checks if check["name"] == "config"]
    assert len(told) == 2
    assert any("streams.imu_foot" in text for text in told) and any("imu_fresh_ms" in text for text in told)
    status, checks = doctor(capsys, tmp_path / "none.toml")
    assert of(checks, "config")["remedy"].startswith("check the path")


def test_a_damaged_model_and_a_key_that_others_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    weights = tmp_path / "bundle" / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1])
    secret = key_files.init(tmp_path / "keys")
    secret.chmod(0o644)
    config = tmp_path / "suit.toml"
    config.write_text(
        '[model]\nbundle = "bundle"\n[security]\nkeys = "keys"\n[streams]\n[output]\npublic = ["ipc://p"]\n'
    )
    status, checks = doctor(capsys, config)
    assert status == 1
    assert "weights.bin" in of(checks, "model")["text"]
    assert "others can read" in of(checks, "keys")["text"]
    assert f"chmod 600 {secret}" in of(checks, "keys")["remedy"]


def test_the_archive_holds_what_a_helper_needs_and_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    key_files.init(keys)
    client = key_files.add(keys, "tablet", tmp_path)
    secrets = [curve.load_server(keys).secret, curve.load_client(client).pair.secret, b"hunter2"]
    config = tmp_path / "suit.toml"
    config.write_text(
        f'# wifi-password = "hunter2"\n[model]\nbundle = "{BUNDLE}"\nengine = "numpy"\n'
        '[security]\nkeys = "keys"\n[streams]\n[output]\npublic = ["ipc://p"]\n'
    )
    path = tmp_path / "support.tar.gz"
    doctor(capsys, config, "--bundle", str(path))
    with tarfile.open(path) as archive:
        contents = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        texts = {name: content.read() for name, content in contents.items() if content}
    assert {
        f"second-skin/{name}" for name in ("doctor.json", "status.json", "suit.toml", "journal.txt")
    } <= set(texts)
    assert b"[security]" in texts["second-skin/suit.toml"]
    assert not [name for name, text in texts.items() for secret in secrets if secret in text]
    assert cli.main(["doctor", "--config", str(config), "--json", "--bundle", str(path)]) == cli.BAD_INPUT
    assert "is there already" in capsys.readouterr().err


def test_adapters_heat_and_alarms_of_a_machine(tmp_path: Path) -> None:
    files = {
        "bus/usb-serial/devices/ttyUSB0/latency_timer": "16",
        "bus/usb-serial/devices/ttyUSB1/latency_timer": "1",
        "class/hwmon/hwmon0/name": "ina3221",
        "class/hwmon/hwmon0/in1_lcrit_alarm": "1",
        "class/thermal/thermal_zone0/type": "soc",
        "class/thermal/thermal_zone0/temp": "91000",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    slow, quick = machine.latency_timers(tmp_path)
    assert (slow.name, slow.state, quick.state) == ("latency of ttyUSB0", "warning", "ok")
    assert "latency_timer" in slow.remedy
    warm, alarm = machine.heat(PowerTable.model_validate({"sys": str(tmp_path)}))
    assert (warm.state, warm.text) == ("warning", "soc 91 °C")
    assert (alarm.state, alarm.text) == ("failed", "the power monitor raises in1_lcrit_alarm")


def test_processors_that_are_not_there_and_a_defect_of_a_check() -> None:
    *_, last = machine.real_time(Realtime(cpus=(4095,)))
    assert last.text == "processors [4095] cannot be had"
    (told,) = guarded("x", lambda: (_ for _ in [1 / 0]))
    assert (told.state, told.name) == ("failed", "x")
