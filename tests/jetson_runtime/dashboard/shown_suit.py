"""For tests of the dashboard: a person who stands in an emulated suit, the service, and the page as a process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench

PATIENCE_S = 120.0
PORTS = iter(range(18_431, 18_530))
# Nothing here is about real time.
CALM = "[realtime]\npriority = 0\n"


class Dashboard:
    """`second-skin dashboard` on a config; what it wrote is in `log`."""

    def __init__(self, config: Path, port: int, host: str = "127.0.0.1") -> None:
        self.port = port
        self.url = f"http://{host}:{port}"
        self._log_path = config.parent / f"dashboard-{time.monotonic_ns()}"
        with self._log_path.open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jetson_runtime.cli", "dashboard"),
                    *("--config", str(config), "--state", str(config.parent / "state")),
                ],
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            with urllib.request.urlopen(f"{self.url}/", timeout=5.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def live(self) -> ClientConnection:
        """What a browser's page listens to."""
        return connect(f"ws://127.0.0.1:{self.port}/live", origin=None, compression=None, max_size=2**22)

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(10.0)
        finally:
            self.process.kill()


class ShownSuit:
    """The suit, its service, its page."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.worn = WornSuit(folder, bench)
        self.recordings = folder / "recordings"
        self.recordings.mkdir()
        port = next(PORTS)
        self.config = self.worn.write_config(
            extra=f'{CALM}[dashboard]\nport = {port}\n[recording]\nfolder = "{self.recordings}"\n'
            "keep_free_mb = 0\n"
        )
        # A browser wants both processors of a small machine: the service is to take as little as it can.
        self.config.write_text(self.config.read_text().replace('engine = "numpy"', 'engine = "auto"'))
        self.start_service()
        self.dashboard = Dashboard(self.config, port)

    def start_service(self) -> None:
        self.service = ServiceProcess(self.config, self.worn.endpoint)

    def is_calm(self) -> bool:
        """Every sensor well, frames valid."""
        streams = self.service.status.get("streams", {})
        fine = streams and all(stream["valid"] and not stream["detail"] for stream in streams.values())
        return bool(fine and self.service.state() == "running")


@contextmanager
def shown(folder: Path) -> Iterator[ShownSuit]:
    """A page that can be opened, of a suit that runs."""
    with Bench() as bench:
        suit = ShownSuit(folder, bench)
        try:
            assert until(suit.dashboard.is_ready, PATIENCE_S), suit.dashboard.log
            assert until(suit.is_calm, PATIENCE_S), suit.service.log
            yield suit
        finally:
            suit.dashboard.stop()
            suit.service.stop()


def messages(live: ClientConnection, seconds: float) -> list[dict[str, Any]]:
    """What comes within this time."""
    end_s, found = time.monotonic() + seconds, []
    while (left_s := end_s - time.monotonic()) > 0:
        try:
            found.append(json.loads(live.recv(timeout=left_s)))
        except TimeoutError:
            break
    return found
