"""A server that asks for a user and a password over TLS, and lets each suit write its own subjects alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from live_stream import Ticker, publishing, until
from nats_process import BridgeProcess, NatsProcess

from jetson_runtime.fleet import batches

PATIENCE_S = 180.0
_CONFIG = """
tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key" }}
authorization {{ users: [
  {{ user: "s1", password: "one", permissions: {{
    publish: ["secondskin.lab.s1.>", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.SECONDSKIN",
              "$JS.API.STREAM.MSG.GET.SECONDSKIN",
              "$JS.API.STREAM.CREATE.SECONDSKIN"],
    subscribe: ["_INBOX.>"] }} }},
  {{ user: "lab", password: "two" }}
] }}
"""


def certificate(folder: Path) -> None:
    """server.pem and server.key for 127.0.0.1, which is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    words += [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        f"{folder}/server.key",
        "-out",
        f"{folder}/server.pem",
    ]
    subprocess.run(words, check=True, capture_output=True)


def login(folder: Path, name: str, words: str) -> Path:
    path = folder / f"{name}.login"
    path.write_text(words, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_tls_and_a_login_with_just_the_rights_that_the_guide_names(tmp_path: Path) -> None:
    pytest.importorskip("nats")
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server is not here (apt install nats-server)")
    certificate(tmp_path)
    config = tmp_path / "server.conf"
    config.write_text(_CONFIG.format(folder=tmp_path), encoding="utf-8")
    server = NatsProcess(tmp_path / "nats", "-c", str(config))
    trusted = ("--tls-ca", str(tmp_path / "server.pem"), "--login")
    address = f"ipc://{tmp_path}/public"
    try:
        server.start()
        with publishing(public=address) as publisher:
            ticker = Ticker(publisher)
            try:
                stranger = login(tmp_path, "stranger", "s1 wrong")
                bridge = BridgeProcess(tmp_path, address, server.url, "s1", *trusted, str(stranger))
                assert until(lambda: "uthorization" in bridge.log, PATIENCE_S), bridge.log
                bridge.stop()
                known = login(tmp_path, "s1", "s1 one")
                bridge = BridgeProcess(tmp_path, address, server.url, "s1", *trusted, str(known))
                assert until(lambda: "connected" in bridge.log, PATIENCE_S), bridge.log
                store = bridge.store / "cursor"
                assert until(lambda: store.exists() and b'"sent": 0' not in store.read_bytes(), PATIENCE_S), (
                    bridge.log
                )
                assert bridge.stop() == 0, bridge.log
            finally:
                ticker.stop()
        words = [*trusted, str(login(tmp_path, "lab", "lab two")), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "models.cli", "fleet", "--server", server.url, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert '"suit": "s1"' in done.stdout, done.stderr
        refused = server.kept("s1", batches.FRAMES)
        assert refused == [], "nobody reads it without a password"
    finally:
        server.kill()
