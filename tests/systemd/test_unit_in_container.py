"""The real unit under a real systemd: what it is granted, and that no fault keeps frames away for long."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from installed_service import Installed
from nspawn import UNIT, until


def test_the_unit_starts_is_ready_and_its_frames_are_valid(service: Installed) -> None:
    assert until(lambda: service.state() == "running"), service.container.journal()
    shown = service.container.show("ActiveState", "SubState", "Type", "StatusText", "User")
    assert (shown["ActiveState"], shown["SubState"], shown["Type"]) == ("active", "running", "notify")
    assert shown["User"] == "second-skin"
    assert until(lambda: "running, " in service.container.show("StatusText")["StatusText"])


def test_real_time_rights_survive_the_hardening(service: Installed) -> None:
    """SCHED_FIFO, the reactor the highest; locked memory; the service's own user."""
    process = Path("/proc") / str(_on_the_host(service))
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    assert int(status["Uid"].split()[0]) != 0
    assert int(status["VmLck"].split()[0]) > 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    tasks = [int(task.name) for task in (process / "task").iterdir()]
    assert {os.sched_getscheduler(task) for task in tasks} == {os.SCHED_FIFO}
    priorities = sorted((os.sched_getparam(task).sched_priority for task in tasks), reverse=True)
    assert priorities[:3] == [50, 49, 48]
    assert "not permitted" not in service.container.show("StatusText")["StatusText"]


def test_processors_named_in_a_drop_in_are_kept_to(service: Installed) -> None:
    run = service.container.run
    folder = f"/run/systemd/system/{UNIT}.d"
    run("mkdir", "-p", folder)
    run("sh", "-c", f"printf '[Service]\\nCPUAffinity=0\\n' > {folder}/processors.conf")
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "restart", UNIT)
        process = Path("/proc") / str(_on_the_host(service))
        assert {frozenset(os.sched_getaffinity(int(t.name))) for t in (process / "task").iterdir()} == {
            frozenset({0})
        }
    finally:
        run("rm", "-r", folder)
        run("systemctl", "daemon-reload")


def test_sigkill_brings_a_new_session(service: Installed, record_property: pytest.RecordProperty) -> None:
    before, pid = service.session(), service.pid()
    killed_s = time.monotonic()
    service.container.run("kill", "-KILL", str(pid))
    assert until(lambda: service.state() and service.client.session != before), service.container.journal()
    record_property("seconds_from_sigkill_to_frames", round(time.monotonic() - killed_s, 2))
    newest = service.client.latest
    assert newest is not None
    assert until(lambda: service.state() == "running")
    assert service.pid() != pid


def test_row_18_after_a_sigkill_the_installed_service_goes_on_with_what_the_standby_unit_held(
    service: Installed,
) -> None:
    """Cold only where the host took so long that the ports had been let go, and then it says so."""
    run = service.container.run
    assert run("systemctl", "is-active", "second-skin-standby.service").strip() == "active"
    told = []
    for _ in range(4):
        assert until(lambda: service.state() == "running"), service.container.journal()
        time.sleep(2.0)
        pid = service.pid()
        run("kill", "-KILL", str(pid))
        assert until(lambda old=pid: service.pid() not in (old, 0)), service.container.journal()
        assert until(lambda: service.state() and (service.client.status or {}).get("start"))
        assert service.client.status is not None
        told.append(service.client.status["start"])
        if told[-1]["warm"]:
            assert "8 devices" in told[-1]["text"]
            return
        assert "let devices go" in told[-1]["text"], told
    pytest.fail(f"never warm: {told}")


def test_twenty_kills_in_a_row_never_end_in_failed(service: Installed) -> None:
    states: set[str] = set()
    seen: set[int] = set()

    def another() -> bool:
        shown = service.container.show("MainPID", "ActiveState")
        states.add(shown["ActiveState"])
        pid = int(shown["MainPID"])
        if pid in seen or pid == 0:
            return False
        seen.add(pid)
        service.container.run("kill", "-KILL", str(pid), check=False)
        return True

    for _ in range(20):
        assert until(another), service.container.journal()
    assert until(service.runs), service.container.journal()
    assert "failed" not in states
    assert "start request repeated too quickly" not in service.container.journal().lower()


def test_a_stuck_model_is_ended_by_the_watchdog(service: Installed) -> None:
    stacks = _ended_by_the_watchdog(service, "model")
    assert "stuck_in_the_model" in stacks


def test_a_stalled_publisher_is_ended_by_the_watchdog(service: Installed) -> None:
    stacks = _ended_by_the_watchdog(service, "publisher")
    assert "stuck_publisher" in stacks


def test_a_hung_main_thread_is_ended_by_the_watchdog(service: Installed) -> None:
    """Frames still leave, but nobody would bring a lost device back."""
    stacks = _ended_by_the_watchdog(service, "main")
    assert "stuck_main_thread" in stacks


def test_a_reactor_that_spins_for_ever_is_ended_by_the_watchdog(service: Installed) -> None:
    """At real-time priority: the machine stays reachable, or systemd could not be asked here."""
    stacks = _ended_by_the_watchdog(service, "spin")
    assert "spins_for_ever" in stacks


def test_a_leak_ends_in_a_restart(service: Installed) -> None:
    """By MemoryMax=, or where the container has no memory controller, by a limit that the test sets beside it."""
    before, pid = service.session(), service.pid()
    group = None if _limits_memory(service) else _limit_memory(_on_the_host(service))
    try:
        service.plant("leak")
        assert until(lambda: service.pid() not in (pid, 0)), service.container.journal()
        service.remove_faults()
        assert until(lambda: service.state() and service.client.session != before)
        journal = service.container.journal()
        assert "status=9/KILL" in journal or "oom-kill" in journal
    finally:
        if group is not None:
            assert until(lambda: not (group / "cgroup.procs").read_text())
            group.rmdir()


def test_a_flood_of_lines_is_cut_off_and_frames_go_on(service: Installed) -> None:
    before = service.session()
    service.plant("flood")
    assert until(lambda: "Suppressed" in service.container.run("journalctl", "--no-pager", check=False))
    service.remove_faults()
    assert service.session() == before
    assert service.container.journal().count("a line of a flood") < 20_000


def test_without_any_device_it_is_ready_and_waits(service: Installed) -> None:
    service.write_config(ports="/dev/nothing")
    service.container.run("systemctl", "restart", UNIT)
    assert until(lambda: service.state() == "waiting"), service.container.journal()
    restarts = service.container.show("NRestarts")["NRestarts"]
    assert until(lambda: "waiting, " in service.container.show("StatusText")["StatusText"])
    status = service.container.show("StatusText", "ActiveState", "NRestarts")
    assert status["ActiveState"] == "active"
    assert "/dev/nothing/imu_back" in status["StatusText"]
    assert status["NRestarts"] == restarts, "no restart loop"


def test_without_a_model_it_tries_for_ever_and_says_why_in_one_line(service: Installed) -> None:
    service.write_config(bundle="/opt/second-skin/no-such-bundle")
    service.container.run("systemctl", "restart", "--no-block", UNIT)
    states: set[str] = set()

    def tried(times: int) -> bool:
        shown = service.container.show("NRestarts", "ActiveState")
        states.add(shown["ActiveState"])
        return int(shown["NRestarts"]) >= times

    assert until(lambda: tried(3)), service.container.journal()
    assert until(lambda: "no-such-bundle" in service.container.show("StatusText")["StatusText"])
    assert "failed" not in states
    service.write_config()
    assert until(service.runs), "it goes on by itself once the model is there"


def test_a_stop_is_in_order_and_in_time(service: Installed) -> None:
    service.container.run("systemctl", "stop", UNIT)
    shown = service.container.show("ActiveState", "Result", "ExecMainStatus", "ExecMainCode")
    assert shown == {
        "ActiveState": "inactive",
        "Result": "success",
        "ExecMainStatus": "0",
        "ExecMainCode": "1",
    }
    assert "timed out. Killing" not in service.container.journal()
    assert service.container.run("ls", "/run/second-skin", check=False).count("public") == 0


def _ended_by_the_watchdog(service: Installed, fault: str) -> str:
    """What the journal said meanwhile: the stack of every thread, systemd's word and Python's."""
    before, pid = service.session(), service.pid()
    lines = len(service.container.journal().splitlines())

    def said() -> str:
        return "\n".join(service.container.journal().splitlines()[lines:])

    service.plant(fault)
    assert until(lambda: service.pid() not in (pid, 0)), service.container.journal()
    service.remove_faults()
    assert until(lambda: service.state() and service.client.session != before), service.container.journal()
    # Each as soon as the journal has it; Python's stands behind the stacks.
    for line in ("where each thread is", "Watchdog timeout", "Fatal Python error: Aborted"):
        assert until(lambda line=line: line in said()), f"{line!r} is missing in\n{said()}"  # type: ignore[misc]
    return said()


def _on_the_host(service: Installed) -> int:
    """The service's process as the host counts; the last number of NSpid is the container's (proc(5))."""
    inside = service.pid()
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
        if len(numbers) > 1 and numbers[-1] == str(inside) and "python" in lines[0].lower():
            return int(path.parent.name)
    raise AssertionError(f"process {inside} of the container is not found")


def _limits_memory(service: Installed) -> bool:
    """Whether the kernel counts the unit's memory, so that MemoryMax= is more than a wish."""
    return service.container.show("MemoryCurrent")["MemoryCurrent"].isdigit()


def _limit_memory(pid: int) -> Path:
    """A memory group of its own for the process, with far less than it needs to leak in."""
    controller = Path("/sys/fs/cgroup/memory")
    if not controller.is_dir():
        pytest.skip("neither the container nor this test can limit memory here")
    group = controller / f"second-skin-leak-{pid}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(200_000_000))
    (group / "cgroup.procs").write_text(str(pid))
    return group
