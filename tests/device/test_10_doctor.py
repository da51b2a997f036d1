"""10: `second-skin doctor` has nothing against the suit and its machine, before the service runs and beside it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from running import Service, command


def _examined(config: Path, state: Path, *words: str) -> list[dict[str, Any]]:
    _, said = command("doctor", "--config", str(config), "--state", str(state), "--json", *words)
    checks = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    for check in checks:
        print(f"{check['state']:8} {check['name']}: {check['text']}; {check['remedy']}".rstrip("; "))
    return checks


def _failed(checks: list[dict[str, Any]]) -> list[str]:
    return [f"{check['name']}: {check['text']}" for check in checks if check["state"] == "failed"]


def test_before_the_service_runs(suit_path: Path, tmp_path: Path, own_machine: bool) -> None:
    """Every port is opened and closed again, the model is loaded and tried."""
    checks = _examined(suit_path, tmp_path)
    assert {"config", "model", "engine", "service", "imu_back", "insole_l"} <= {c["name"] for c in checks}
    suit = [
        c for c in checks if c["name"].startswith(("config", "model", "engine", "imu", "insole", "wearer"))
    ]
    assert not _failed(checks if own_machine else suit)


def test_beside_the_running_service_and_the_support_archive(
    service: Service, tmp_path: Path, own_machine: bool
) -> None:
    service.until_valid()
    archive = tmp_path / "support.tar.gz"
    checks = _examined(service.config_path, service.state, "--bundle", str(archive))
    told = next(check for check in checks if check["name"] == "service")
    assert "frames/s, up for" in told["text"], told
    if own_machine:
        assert told["state"] == "ok", told
    with tarfile.open(archive) as content:
        names = content.getnames()
        text = b"".join(file.read() for name in names if (file := content.extractfile(name)) is not None)
    print(f"support archive: {', '.join(names)}, {archive.stat().st_size / 1e3:.0f} kB")
    assert b"secret-key = " not in text
