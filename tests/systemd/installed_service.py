"""The service installed in a container, on a whole emulated suit of the host whose ports are bound in."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

from nspawn import ROOT, UNIT, Container, make_release, program_binds, until

sys.path.insert(0, str(ROOT / "tests" / "jetson_runtime" / "service"))

from worn_suit import WEARER, WornSuit

from jetson_runtime.client import FrameClient
from jetson_runtime.suit.signals import STREAM_NAMES

CONFIG = "/etc/second-skin/suit.toml"
RECORDINGS = "/var/lib/second-skin/recordings"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installed:
    """The service and its recorder in their container, a suit for it, and a client outside.

    recordings: the folder here of what is recorded there.
    """

    def __init__(self, folder: Path, suit: WornSuit) -> None:
        self._faults = folder / "faults"
        self._faults.mkdir()
        self.recordings = folder / "recordings"
        self.recordings.mkdir()
        for name in ("1.0", "1.1"):
            make_release(folder / "releases" / name)
        self.config = folder / "suit.toml"
        self.port, self.page = _free_port(), _free_port()
        self._suit = suit
        self.client = FrameClient(f"tcp://127.0.0.1:{self.port}")
        self.boot()

    def boot(self) -> None:
        """A fresh container with the service installed in it."""
        folder = self.config.parent
        binds = {f"/dev/suit/{name}": self._suit.path(name).resolve() for name in STREAM_NAMES}
        binds |= {"/faults": self._faults, "/releases": folder / "releases", "/suit": folder}
        self.container = Container(folder, binds | program_binds(), {RECORDINGS: self.recordings})
        try:
            self._install()
        except BaseException:
            self.container.stop()
            raise

    def write_config(self, ports: str = "/dev/suit", bundle: str = "/opt/second-skin/bundle") -> None:
        """The service's config; `ports` is the folder of its devices."""
        lines = [f'[model]\nbundle = "{bundle}"\nengine = "numpy"', WEARER]
        lines += [f'[streams.{name}]\nport = "{ports}/{name}"' for name in STREAM_NAMES]
        lines += [f'[output]\npublic = ["tcp://127.0.0.1:{self.port}", "ipc:///run/second-skin/public"]']
        lines += ['latest = ["ipc:///run/second-skin/latest"]', 'local = ["ipc:///run/second-skin/local"]']
        lines += ["[recording]", "keep_free_mb = 0"]
        lines += ["[standby]", 'socket = "/run/second-skin-standby/socket"']
        lines += ["[dashboard]", f"port = {self.page}"]
        self.config.write_text("\n".join(lines))
        self.container.run("mkdir", "-p", "/etc/second-skin")
        self.container.run("cp", "/suit/suit.toml", CONFIG)
        self.container.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/second-skin.conf", check=False)

    def permit_real_time(self) -> None:
        """Where this machine withholds CAP_SYS_RESOURCE, systemd cannot raise the limits that the unit asks for: the
        same rights as capabilities, so that what the hardening leaves of them can be seen."""
        limits = self.container.run("sh", "-c", f"cat /proc/{self.pid()}/limits")
        if re.search(r"Max realtime priority +98", limits):
            return
        rights = "CAP_SYS_NICE CAP_IPC_LOCK"
        text = f"[Service]\nCapabilityBoundingSet={rights}\nAmbientCapabilities={rights}\n"
        (self.config.parent / "granted.conf").write_text(text)
        self.container.run("cp", "/suit/granted.conf", f"/etc/systemd/system/{UNIT}.d/")
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "restart", UNIT)

    def plant(self, fault: str) -> None:
        (self._faults / fault).touch()

    def remove_faults(self) -> None:
        for path in self._faults.iterdir():
            path.unlink()

    def pid(self) -> int:
        """The service's process, as the container counts; 0 while there is none."""
        return int(self.container.show("MainPID")["MainPID"])

    def state(self) -> str:
        """Of the newest frame since the last call; '' where there is none."""
        frames = self.client.recv_all(0)
        return frames[-1].state if frames else ""

    def session(self) -> str:
        """Of the stream that comes in now."""
        self.client.recv_all(0)
        assert until(self.state), self.container.journal()
        return self.client.session or ""

    def runs(self) -> bool:
        """Whether frames come in, and systemd has the unit for active."""
        return bool(self.state()) and self.container.show("ActiveState")["ActiveState"] == "active"

    def _install(self) -> None:
        group = int(self.container.run("getent", "group", "dialout").split(":")[2])
        for name in STREAM_NAMES:
            os.chown(self._suit.path(name), 0, group)
            os.chmod(self._suit.path(name), 0o660)
        self.write_config()
        self.container.run("systemd-sysusers", "/opt/checkout/systemd/sysusers.conf")
        self.container.run("chown", "-R", "second-skin:second-skin", RECORDINGS)
        self.container.run("/opt/checkout/systemd/install.sh", "--from", "/releases/1.0")
        self.permit_real_time()
