"""The dashboard's process over its wire: what a page is sent, downloads, refusals at its start, and its end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from shown_suit import PORTS, Dashboard, ShownSuit, messages
from websockets.sync.client import ClientConnection
from worn_suit import WornSuit, until

from jetson_runtime.recording.mcap_file import RecordingFile
from jetson_runtime.suit.signals import STREAM_NAMES


def fetched(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=60.0) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def accounts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["account"] for message in found if message.get("account")]


def lives(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["live"] for message in found if message.get("live")]


def heard(live: ClientConnection, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what comes now."""
    found.extend(messages(live, 0.5))
    return found


def test_a_browser_is_sent_all_that_the_page_shows(suit: ShownSuit) -> None:
    with suit.dashboard.live() as live:
        found = messages(live, 1.0)
        assert until(lambda: any(one["card"] for one in accounts(heard(live, found))), 60.0), (
            suit.dashboard.log
        )
        found += messages(live, 3.0)
    newest, account = lives(found)[-1], accounts(found)[-1]
    assert newest["headline"]["word"] == "RUNNING", newest["headline"]
    assert newest["silent_s"] is None
    assert set(newest["figure"]) == {"leg_r", "leg_l", "trunk"}
    assert all(newest["feet"][side]["force_n"] > 0 for side in ("r", "l"))
    assert [sensor["name"] for sensor in account["sensors"]] == list(STREAM_NAMES)
    assert len(account["charts"]) == 8
    assert any(row["name"] == "Trained on" for row in accounts(found)[-1]["card"])
    points = [point for live in lives(found) for point in live["points"]]
    times = [t for t, _ in points]
    assert times == sorted(set(times))
    # A quarter of 200 a second, of 3 s of a machine that may be busy.
    assert 60 < len([t for t in times if t > times[-1] - 3.0]) <= 152
    assert all(len(values) == 14 for _, values in points)


def test_while_nobody_looks_it_listens_to_nothing(suit: ShownSuit) -> None:
    with suit.dashboard.live() as live:
        assert messages(live, 1.0)
        assert until(lambda: suit.service.status["clients"]["connected"] > 1)
    assert until(lambda: suit.service.status["clients"]["connected"] == 1)


def test_a_recording_is_downloaded_as_it_is_and_nothing_else_can_be_had(suit: ShownSuit) -> None:
    path = suit.recordings / "20260101T000000Z_x_1.mcap"
    recording = RecordingFile(path, {})
    recording.add("frame", 1, os.urandom(100_000))
    recording.close()
    (suit.recordings / "notes.txt").write_text("no")
    assert fetched(f"{suit.dashboard.url}/recordings/{path.name}") == (200, path.read_bytes())
    for name in (
        "notes.txt",
        "..%2Fsuit.toml",
        "%2e%2e/suit.toml",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "x.mcap",
    ):
        code, content = fetched(f"{suit.dashboard.url}/recordings/{name}")
        assert code == 404, name
        assert b"[streams" not in content and b"root:" not in content


def test_the_support_archive_holds_the_report_and_the_status(suit: ShownSuit) -> None:
    code, content = fetched(f"{suit.dashboard.url}/support")
    assert code == 200
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
        report = archive.extractfile("second-skin/doctor.json")
        assert report is not None and b'"name": "service"' in report.read()
    assert {"second-skin/status.json", "second-skin/suit.toml", "second-skin/journal.txt"} <= set(names)


def test_it_stands_behind_everything_else(suit: ShownSuit) -> None:
    tasks = [int(name) for name in os.listdir(f"/proc/{suit.dashboard.process.pid}/task")]
    assert not {os.sched_getscheduler(task) for task in tasks} & {os.SCHED_FIFO, os.SCHED_RR}
    assert min(os.getpriority(os.PRIO_PROCESS, task) for task in tasks) >= 10


def test_the_service_does_not_notice_that_its_page_is_killed(suit: ShownSuit, tmp_path: Path) -> None:
    config = tmp_path / "suit.toml"
    port = next(PORTS)
    config.write_text(
        suit.config.read_text().replace("[dashboard]\nport = ", f"[dashboard]\nport = {port} #")
    )
    other = Dashboard(config, port)
    assert until(other.is_ready, 60.0), other.log
    live = other.live()
    assert messages(live, 2.0)
    session, sent = suit.service.client.session, suit.service.status["publisher"]["sent"]
    other.process.kill()
    other.process.wait()
    assert until(lambda: suit.service.status["publisher"]["sent"] > sent + 200)
    assert suit.service.client.session == session
    assert suit.service.status["clients"]["connected"] >= 1


def told(config: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jetson_runtime.cli", "dashboard", "--config", str(config), *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )


def config_with(folder: Path, dashboard: str) -> Path:
    """Of a suit that nobody has plugged in."""
    from drivers.emulator.bench import Bench

    with Bench() as bench:
        return WornSuit(folder, bench, ()).write_config(extra=f"[dashboard]\n{dashboard}\n")


@pytest.mark.parametrize(
    ("dashboard", "words"),
    [
        ('listen = "0.0.0.0"', ("password_file", "--set-password")),
        ('listen = "0.0.0.0"\npassword_file = "absent"', ("absent: is not there", "--set-password")),
    ],
)
def test_a_start_that_must_not_be_is_refused_in_one_line(
    tmp_path: Path, dashboard: str, words: tuple[str, ...]
) -> None:
    config = config_with(tmp_path, dashboard)
    done = told(config)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_an_address_that_no_interface_has_yet_is_served_once_one_has(tmp_path: Path) -> None:
    """As at a start before the network is there."""
    late, port = "198.18.43.11", next(PORTS)  # for measurements between networks (RFC 2544): nobody's
    config = config_with(tmp_path, f'listen = "{late}"\nport = {port}\npassword_file = "kept"')
    assert told(config, "--set-password", stdin="correct horse\n").returncode == 0
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    page = Dashboard(config, port, late)
    address = ["ip", "address"]
    try:
        assert until(lambda: f"http://{late}:{port}" in page.log, 60.0), page.log
        assert page.log.count("no network interface has this address yet") == 1
        added = subprocess.run([*address, "add", f"{late}/32", "dev", "lo"], capture_output=True, check=False)
        if added.returncode:
            pytest.skip(f"no address can be added here: {added.stderr.decode()}")
        try:
            assert until(page.is_ready, 60.0), page.log
        finally:
            subprocess.run([*address, "delete", f"{late}/32", "dev", "lo"], check=False)
        assert page.log.count("no network interface has this address yet") == 1
    finally:
        assert page.stop() == 0, page.log


def test_a_port_that_another_program_has_is_told(suit: ShownSuit) -> None:
    done = told(suit.config)
    assert (done.returncode, "choose another listen or port" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_with_a_browser_on_it(suit: ShownSuit, tmp_path: Path, number: int) -> None:
    port = next(PORTS)
    config = tmp_path / "suit.toml"
    config.write_text(
        suit.config.read_text().replace("[dashboard]\nport = ", f"[dashboard]\nport = {port} #")
    )
    other = Dashboard(config, port)
    assert until(other.is_ready, 60.0), other.log
    with other.live() as live:
        assert messages(live, 1.0)
        # Where the tests run behind a shell that ignores it, Python leaves SIGINT ignored; the command takes it anyway.
        other.process.send_signal(number)
        assert other.process.wait(20.0) == 0, other.log
    assert "Traceback" not in other.log


def test_a_page_that_never_reads_costs_the_others_nothing(suit: ShownSuit) -> None:
    stuck = suit.dashboard.live()
    with suit.dashboard.live() as live:
        messages(live, 1.0)
        time.sleep(1.0)
        assert len(lives(messages(live, 2.0))) > 10
    stuck.close()


def test_row_24_the_page_is_served_with_the_copy_of_a_damaged_config_and_says_so(tmp_path: Path) -> None:
    port = next(PORTS)
    config = config_with(tmp_path, f"port = {port}")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "suit.toml.last-good").write_bytes(config.read_bytes())
    config.write_bytes(config.read_bytes()[:40])
    page = Dashboard(config, port)
    try:
        assert until(page.is_ready, 60.0), page.log
        assert "its last good copy" in page.log
    finally:
        assert page.stop() == 0, page.log
