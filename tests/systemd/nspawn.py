"""A container with a real systemd as process 1 (systemd-nspawn on the host's own /usr), and the unit in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT, RECORDER = "second-skin.service", "second-skin-record.service"
DASHBOARD = "second-skin-dashboard.service"
# Nothing of this waits for a time to come true: it is how long a busy machine may take before a test gives up.
PATIENCE_S = 60.0
_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def missing() -> str:
    """Why no container can be had here; '' where one can."""
    if os.geteuid() != 0:
        return "a container with systemd needs root"
    for tool, package in (("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux")):
        if shutil.which(tool) is None:
            return f"{tool} is not here (apt install {package})"
    if not Path("/usr/lib/systemd/systemd").exists():
        return "systemd is not installed on this machine"
    return ""


def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
    """Waits for `condition`; False where it does not come true."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Container:
    """Boots at once; folders and devices of the host are bound in as `binds` says: path in there -> path here. It may
    write to devices, and to the folders of `writable`."""

    def __init__(self, folder: Path, binds: dict[str, Path], writable: dict[str, Path]) -> None:
        self.log_path = folder / "console"
        options = [f"--bind-ro={here}:{there}" for there, here in binds.items() if not here.is_char_device()]
        options += [f"--bind={here}:{there}" for there, here in binds.items() if here.is_char_device()]
        options += [f"--bind={here}:{there}" for there, here in writable.items()]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "systemd-nspawn",
                    *("--quiet", "--directory=/", "--volatile=yes", "--boot", "--register=no", "--keep-unit"),
                    *("--console=pipe", f"--machine=second-skin-{os.getpid()}", *options),
                    "--capability=CAP_SYS_RESOURCE,CAP_IPC_LOCK",  # as process 1 of a machine has them
                    *("systemd.firstboot=off", "systemd.mask=systemd-firstboot.service"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.leader = 0
        if not until(self._booted):
            self.stop()
            pytest.fail(f"the container does not boot: {self.log_path.read_text(errors='replace')}")

    def run(self, *command: str, check: bool = True) -> str:
        """What the command says when it is run in the container; fails where it fails."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", "--", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=5 * PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0 or not check, f"{' '.join(command)}: status {done.returncode}\n{output}"
        return output

    def show(self, *properties: str, unit: str = UNIT) -> dict[str, str]:
        """Properties of a unit."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, unit: str = UNIT) -> str:
        """All that a unit and systemd said of it."""
        return self.run("journalctl", "--no-pager", "--output=short-monotonic", f"--unit={unit}", check=False)

    def stop(self) -> int:
        """Powers it off in order, and at last by force; the exit status of its process 1."""
        if self.process.poll() is None and self.leader:
            self.run("systemctl", "poweroff", "--no-block", check=False)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            return self.process.wait(10.0)

    def _booted(self) -> bool:
        if self.process.poll() is not None:
            return True
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            return False
        self.leader = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")


def program_binds() -> dict[str, Path]:
    """This checkout, the Python that runs the tests, and its packages."""
    binds = {"/opt/checkout": ROOT, "/opt/packages": Path(sysconfig.get_path("purelib"))}
    if not sys.base_prefix.startswith("/usr"):
        binds["/opt/python"] = Path(sys.base_prefix)
    return binds


def make_release(folder: Path) -> Path:
    """A release as install.sh takes one with --from, that runs this checkout (see `planted.py`)."""
    prefix = sys.base_prefix if sys.base_prefix.startswith("/usr") else "/opt/python"
    program = folder / "bin" / "second-skin"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\nexport PYTHONPATH=/opt/checkout:/opt/packages\n"
        # Its libpython is where it was built; another of the same version may lack what its modules were built with.
        f"export LD_LIBRARY_PATH={prefix}/lib\n"
        f'exec {prefix}/bin/{_PYTHON} /opt/checkout/tests/systemd/planted.py "$@"\n'
    )
    program.chmod(0o755)
    shutil.copytree(ROOT / "systemd", folder / "share" / "systemd")
    shutil.copytree(ROOT / "models" / "bundles" / "demo", folder / "share" / "bundle")
    return folder
