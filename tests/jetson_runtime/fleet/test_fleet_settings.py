"""fleet.toml and the options of the bridge: refused with what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jetson_runtime.fleet import settings
from jetson_runtime.fleet.server import Access
from jetson_runtime.suit.errors import ConfigError, EndpointError, KeyFileError

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = (ROOT / "systemd" / "fleet.toml").read_text(encoding="utf-8")
WHOLE = re.sub(r"^# (?=\w+ = )", "", EXAMPLE, flags=re.MULTILINE)


def test_the_example_is_read_and_names_every_key(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    for text in (EXAMPLE, WHOLE):
        path.write_text(text, encoding="utf-8")
        found = settings.load(path, {})
        assert (found.site, found.suit) == ("lab", "suit-1")
    assert set(re.findall(r"^(\w+) = ", WHOLE, re.MULTILINE)) == set(settings.FleetSettings.model_fields)
    assert found.tls_ca == tmp_path / "keys" / "fleet-ca.pem"


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    found = settings.load(path, {"suit": "s2", "store_mb": 5, "site": None})
    assert (found.suit, found.store_mb, found.site) == ("s2", 5, "lab")


@pytest.mark.parametrize(
    "wrong", [{"site": "a.b"}, {"suit": "s *"}, {"suit": ""}, {"store_mb": 0}, {"server": []}]
)
def test_a_mistake_is_told_with_its_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        settings.load(None, {"server": ["nats://127.0.0.1:4222"], "site": "a", "suit": "b", **wrong})


def test_a_mistake_says_what_to_do(tmp_path: Path) -> None:
    given = {"server": ["nats://127.0.0.1:4222"], "site": "a.b", "suit": "Käse"}
    with pytest.raises(ConfigError) as refused:
        settings.load(None, given)
    for key in ("site", "suit"):
        assert f"{key}: {given[key]!r} is no word; write 1 to 40 of" in str(refused.value)
    path = tmp_path / "suit.toml"
    path.write_text("[wearer]\nmass_kg = 70.0\n[model]\nbundle = 'x'\n")
    with pytest.raises(ConfigError) as refused:
        settings.load(path, {"site": "a", "suit": "b"})
    _, server, others = str(refused.value).splitlines()
    assert "server: is missing; write it there, or name it with --server" in server
    assert "wearer, model: no key of fleet.toml; is it the right file? there are server, site" in others


def test_a_certificate_that_is_none_is_told_with_its_file(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.pem", "No such file"), (tmp_path / "empty.pem", "")):
        with pytest.raises(KeyFileError, match=f"tls_ca {path}: cannot be used: .*{why}.*; name PEM files"):
            Access(tls_ca=path).options()
        (tmp_path / "empty.pem").write_text("no certificate")


@pytest.mark.parametrize("server", ["http://x", "nats://", "127.0.0.1:4222", "nats://h:99999"])
def test_what_is_no_address_is_refused(server: str) -> None:
    with pytest.raises(EndpointError):
        Access((server,)).check()


def test_another_machine_takes_encryption_or_a_word(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="tls://"):
        Access(("nats://fleet.example:4222",)).check()
    Access(("nats://fleet.example:4222",), plain=True).check()
    Access(("tls://fleet.example:4222",)).check()
    Access(("nats://localhost:4222", "nats://[::1]:4222")).check()
    with pytest.raises(EndpointError, match="password"):
        Access(("tls://me:secret@fleet.example:4222",)).check()


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("suit-1 secret\n", encoding="utf-8")
    login.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Access(login=login).check()
    login.chmod(0o600)
    assert Access(login=login).options() == {"user": "suit-1", "password": "secret"}
    with pytest.raises(KeyFileError, match="belong together"):
        Access(tls_cert=login).check()
    with pytest.raises(KeyFileError, match="is not there"):
        Access(creds=tmp_path / "none").check()


def test_the_command_ends_with_what_is_wrong(tmp_path: Path) -> None:
    pytest.importorskip("nats")
    command = [sys.executable, "-m", "jetson_runtime.cli", "bridge", "nats", "--endpoint", "ipc:///nowhere"]
    done = subprocess.run(
        [*command, "--site", "a", "--suit", "b"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "server" in done.stderr) == (2, True)
