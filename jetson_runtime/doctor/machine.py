"""The machine: versions, real-time rights, clock, adapters, temperature. None of it needs a config."""

from __future__ import annotations

import datetime
import os
import platform
import resource
import shutil
import sys
from pathlib import Path

import zmq

from jetson_runtime import __version__
from jetson_runtime.doctor.check import Check, Checks, failed, ok, warning
from jetson_runtime.service import power
from jetson_runtime.stream.messages import clock_synchronised
from jetson_runtime.suit.config import PowerTable, Realtime

_JETPACK = Path("/etc/nv_tegra_release")
# An FTDI bridge holds bytes back for so many ms; 16 are three ticks.
_MOST_LATENCY_MS = 1
_OLDEST_YEAR = 2024


def versions() -> Checks:
    """What is installed; nothing is wrong with any of it."""
    jetpack = _line(_JETPACK) or "no Jetson"
    python = ".".join(map(str, sys.version_info[:3]))
    yield ok("version", f"second-skin {__version__}, Python {python}, libzmq {zmq.zmq_version()}")
    yield ok(
        "machine", f"{platform.machine()}, Linux {platform.release()}, {os.cpu_count()} processors, {jetpack}"
    )


def real_time(settings: Realtime) -> Checks:
    """Whether a service started by this user could run at its priority and keep its memory."""
    if settings.priority == 0:
        yield ok("real time", "not asked for ([realtime] priority = 0)")
        return
    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    if os.geteuid() == 0:
        yield ok(
            "real time",
            f"SCHED_FIFO {settings.priority} is permitted to root; the service tells where it is not",
        )
    elif limit != resource.RLIM_INFINITY and limit < settings.priority:
        yield warning(
            "real time",
            f"this user may not run SCHED_FIFO {settings.priority} (limit {limit})",
            "run the service by its unit, which may, or raise rtprio in /etc/security/limits.d",
        )
    else:
        yield ok("real time", f"SCHED_FIFO {settings.priority} is permitted")
    throttle = _line(Path("/proc/sys/kernel/sched_rt_runtime_us"))
    if throttle == "-1":
        yield warning(
            "real-time throttle",
            "the kernel's brake on real-time threads is off: a hang would freeze the machine",
            "sysctl kernel.sched_rt_runtime_us=950000",
        )
    beyond = [cpu for cpu in settings.cpus if cpu not in os.sched_getaffinity(0)]
    if beyond:
        yield failed(
            "processors", f"processors {beyond} cannot be had", "correct [realtime] cpus in suit.toml"
        )


def clock() -> Checks:
    """The wall clock: nothing in the stream hangs on it, recordings are dated by it."""
    year = datetime.datetime.now(tz=datetime.timezone.utc).year
    if year < _OLDEST_YEAR:
        yield warning("clock", f"says it is {year}", "connect a network for NTP, or timedatectl set-time")
    elif clock_synchronised() is False:
        yield warning("clock", "not synchronised", "connect a network, or leave it: only dates are wrong")
    else:
        yield ok("clock", "set" if clock_synchronised() is None else "synchronised")


def latency_timers(sys: Path = power.SYS) -> Checks:
    """Each FTDI bridge that is plugged in."""
    for timer in sorted(sys.glob("bus/usb-serial/devices/*/latency_timer")):
        name, value = timer.parent.name, _line(timer)
        if value.isdigit() and int(value) > _MOST_LATENCY_MS:
            yield warning(
                f"latency of {name}",
                f"holds bytes back for {value} ms",
                f"install the udev rules (systemd/install.sh), or echo 1 > {timer}",
            )
        else:
            yield ok(f"latency of {name}", f"{value} ms")


def heat(settings: PowerTable) -> Checks:
    """Temperature, throttling, supply."""
    hot, slow = power.hot(settings.hot_c, settings.sys), power.throttled(settings.sys)
    degrees = power.read(settings.sys)["temperature"]
    if hot or slow:
        yield warning(
            "temperature",
            "; ".join(
                [
                    *(f"{name} {value:.0f} °C" for name, value in hot.items()),
                    *(f"{name} slowed" for name in slow),
                ]
            ),
            "let air to the computer; out of the sun",
        )
    elif degrees:
        yield ok("temperature", f"at most {max(degrees.values()):.0f} °C")
    for alarm in power.alarms(settings.sys):
        yield failed("supply", f"the power monitor raises {alarm}", "check battery, plug and regulator")


def disk(name: str, folder: Path, least_mb: int) -> Checks:
    """Whether `folder` can be written to and has room."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_mb = shutil.disk_usage(there).free // 1_000_000
    if not os.access(there, os.W_OK):
        yield _unwritable(name, there)
    elif free_mb < least_mb:
        yield failed(name, f"{folder}: {free_mb} MB free, {least_mb} must stay", "remove old recordings")
    else:
        yield ok(name, f"{folder}: {free_mb} MB free")


def _unwritable(name: str, folder: Path) -> Check:
    return warning(
        name,
        f"{folder}: this user cannot write to it",
        "ask again as the service's user: sudo -u second-skin second-skin doctor",
    )


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")[0].strip("# ")
    except OSError:
        return ""
