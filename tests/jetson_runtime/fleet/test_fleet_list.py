"""`second-skin-lab fleet`: every suit in it, whatever is wrong with one of them or with the server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from live_stream import until
from nats_process import NatsProcess

from jetson_runtime.fleet import batches

PATIENCE_S = 120.0
COMMAND = (sys.executable, "-m", "models.cli", "fleet", "--json", "--server")
STRANGE = {"kind": "status", "session": "s"}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no batch",
        batches.pack({**STRANGE, "messages": 3}, "x", 1),
        batches.pack({**STRANGE, "bridge": [1]}, "x", 1),
    ],
)
def test_a_suit_whose_status_cannot_be_read_hides_no_other(nats: NatsProcess, payload: bytes) -> None:
    status = batches.of_messages(batches.STATUS, "s", [{"publish_ns": 1, "state": "running"}], 0)
    nats.put("s1", [payload], batches.STATUS)
    nats.put("s2", [batches.pack(status, "x", 1)], batches.STATUS)
    done = subprocess.run([*COMMAND, nats.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert (first["suit"], first["state"], first["age_s"]) == ("s1", "unreadable", None)
    assert "none of a bridge" in first["bridge"]
    assert (second["suit"], second["state"]) == ("s2", "running")
    assert (
        "unreadable"
        in subprocess.run(
            [*COMMAND[:4], "--server", nats.url], capture_output=True, text=True, check=True
        ).stdout
    )


def test_who_watches_sees_the_suits_again_when_the_server_is_back(nats: NatsProcess, tmp_path: Path) -> None:
    nats.put("s1", [b"anything"], batches.STATUS)
    seen, said = tmp_path / "seen", tmp_path / "said"
    with seen.open("w") as out, said.open("w") as err:
        process = subprocess.Popen([*COMMAND, nats.url, "--watch"], stdout=out, stderr=err)
    try:
        assert until(lambda: "s1" in seen.read_text(), PATIENCE_S), said.read_text()
        nats.kill()
        assert until(lambda: "is the server up" in said.read_text(), PATIENCE_S)
        before = seen.read_text()
        nats.start()
        assert until(lambda: len(seen.read_text()) > len(before), PATIENCE_S), said.read_text()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
