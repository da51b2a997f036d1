"""The emulated suit, the service and the recorder, each as a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from logged_process import SECOND_SKIN, LoggedProcess
from worn_suit import ServiceProcess, WornSuit, until

from drivers.emulator.bench import Bench


class RecorderProcess(LoggedProcess):
    """`second-skin record` on a config; `program` instead of it, as Python is told."""

    def __init__(self, config: Path, program: tuple[str, ...] = (*SECOND_SKIN, "record", "--config")) -> None:
        super().__init__(config.parent, *program, str(config))


class RecordedSuit:
    """A whole suit and its service; recordings go to `folder`/recordings unless told."""

    def __init__(self, folder: Path, bench: Bench, recording: str = "keep_free_mb = 0") -> None:
        self.folder = folder / "recordings"
        self.suit = WornSuit(folder, bench)
        extra = f'[recording]\nfolder = "{self.folder}"\n{recording}'
        self.config = self.suit.write_config(extra=extra)
        self.service = ServiceProcess(self.config, self.suit.endpoint)
        self.recorders: list[RecorderProcess] = []

    def record(self, program: tuple[str, ...] | None = None) -> RecorderProcess:
        self.recorders.append(RecorderProcess(self.config, *([program] if program else [])))
        return self.recorders[-1]

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.mcap"))

    def runs(self) -> bool:
        return self.service.state() == "running"

    def frames_pass(self, count: int) -> bool:
        """Waits for so many more frames."""
        client = self.service.client
        before = client.frames

        def passed() -> bool:
            client.recv_all(20)
            return client.frames > before + count

        return until(passed, 180.0)

    def told(self) -> Mapping[str, Any]:
        """What the status says of the recorder; empty where it says nothing."""
        return self.service.status.get("recording") or {}

    def close(self) -> None:
        for recorder in self.recorders:
            if recorder.process.poll() is None:
                recorder.stop()
        self.service.stop()
