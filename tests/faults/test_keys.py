"""Rows 37 to 39: who is let in from another machine, who has to leave, and whose secret is none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from served import Served, frames_within, serving
from worn_suit import BUNDLE, RUN, until

from jetson_runtime import cli
from jetson_runtime.client import FrameClient
from jetson_runtime.doctor import suit
from jetson_runtime.stream import curve, key_files
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit.config import load as load_config
from jetson_runtime.suit.errors import EndpointError, KeyFileError

_NOBODY = 65534


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("keys")) as served:
        yield served


def test_row_37_without_a_right_key_nobody_gets_a_frame(served: Served, tmp_path: Path) -> None:
    """No key, a key nobody authorised, a right key for another service; a right key beside them gets all."""
    stranger = key_files.init(tmp_path / "elsewhere").parent
    unknown = key_files.add(stranger, "tablet", tmp_path)
    ours, theirs = curve.load_client(served.tablet), curve.load_client(unknown)
    text = unknown.read_text().replace(theirs.server.decode(), ours.server.decode())
    (tmp_path / "unknown.key_secret").touch(0o600)
    (tmp_path / "unknown.key_secret").write_text(text)
    address = f"tcp://127.0.0.1:{served.remote}"
    refused = served.clients("refused")
    with (
        FrameClient(address) as plain,
        FrameClient(address, key_file=tmp_path / "unknown.key_secret") as unauthorised,
        FrameClient(address, key_file=unknown) as mistaken,
        served.client(served.tablet) as good,
    ):
        assert until(lambda: frames_within(good, 0.5))
        assert [frames_within(client, 0.5) for client in (plain, unauthorised, mistaken)] == [0, 0, 0]
        assert until(lambda: served.clients("refused") >= refused + 3)
    assert until(lambda: served.told("turned away", "127.0.0.1", "not authorised"))
    assert until(lambda: served.told("turned away", "127.0.0.1:", "shows no key"))


def test_row_37_commands_too_are_taken_from_who_shows_a_right_key_alone(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["mark", "from the tablet", "--control", f"tcp://127.0.0.1:{served.control}"]
    with ControlClient(words[-1]) as plain, pytest.raises(EndpointError, match="no reply"):
        plain.ask("mark", 1.0, text="from nobody")
    assert cli.main([*words, "--key", str(served.tablet)]) == 0
    assert capsys.readouterr().out.startswith("marked at ")


def test_row_38_a_revoked_key_loses_its_open_connection_and_nobody_else_notices(served: Served) -> None:
    with served.client(served.tablet) as tablet, served.client(served.phone) as phone:
        assert until(lambda: frames_within(tablet, 0.2) and frames_within(phone, 0.2))
        revoked = served.clients("revoked")
        with phone._subscription.sockets[0].get_monitor_socket(zmq.EVENT_DISCONNECTED) as phones_end:
            assert cli.main(["keys", "--keys", str(served.keys), "revoke", "tablet"]) == 0
            assert until(lambda: served.clients("revoked") == revoked + 1, 60.0)

            def tablets() -> int:
                """Its frames of 0.3 s. The phone is heard beside it: a client that hears nothing connects anew."""
                phone.recv_all(0)
                return frames_within(tablet, 0.3)

            # What was sent before lies in its socket and on its way still, on a busy machine for a while.
            assert until(lambda: tablets() == 0, 30.0), "it is never quiet"
            assert [tablets() for _ in range(5)] == [0] * 5
            assert frames_within(phone, 0.5) > 0
            assert not phones_end.poll(0)
            phone._subscription.sockets[0].disable_monitor()
        assert served.told("turned away", "the key of tablet was revoked")


def test_row_38_a_key_added_while_the_service_runs_is_let_in(served: Served, tmp_path: Path) -> None:
    guest = key_files.add(served.keys, "guest", tmp_path)
    with served.client(guest) as client:
        assert until(lambda: frames_within(client, 0.5))


def test_row_38_who_shook_hands_before_its_key_was_revoked_gets_nothing_for_subscribing_later(
    served: Served, tmp_path: Path
) -> None:
    file = key_files.add(served.keys, "early", tmp_path)
    with served.client(file) as client:
        assert until(lambda: frames_within(client, 0.5))
    keys = curve.load_client(file)
    with zmq.Context() as context, context.socket(zmq.SUB) as early:
        early.setsockopt(zmq.LINGER, 0)
        curve.present(early, keys)
        monitor = early.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        early.connect(f"tcp://127.0.0.1:{served.remote}")
        assert monitor.poll(5000)
        early.disable_monitor()
        key_files.revoke(served.keys, "early")
        assert not until(lambda: False, 1.5)  # it is read within half a second
        early.subscribe("frame")
        assert not early.poll(1500)


def test_row_37_a_folder_of_keys_that_cannot_be_read_is_a_fault_and_heals(
    served: Served, tmp_path: Path
) -> None:
    """Each client is shut out, and nobody would know why."""
    guest = key_files.add(served.keys, "visitor", tmp_path)
    clients, away = served.keys / curve.CLIENTS, served.keys / "away"
    clients.rename(away)
    clients.touch()
    with served.client(guest) as client:
        assert until(lambda: 24 in [fault["number"] for fault in served.service.status.get("faults", [])])
        assert served.told(str(clients), "cannot be read")
        assert frames_within(client, 0.5) == 0
        clients.unlink()
        away.rename(clients)
        assert until(lambda: frames_within(client, 0.5))
        assert until(lambda: 24 not in [fault["number"] for fault in served.service.status["faults"]])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_row_37_keys_that_root_makes_are_the_service_s(capsys: pytest.CaptureFixture[str]) -> None:
    """As install.sh leaves the folder: the service's own; the doctor, too, looks with the service's eyes."""
    with tempfile.TemporaryDirectory() as scratch:  # one that others than root can enter, unlike tmp_path
        folder = Path(scratch)
        folder.chmod(0o755)
        keys, state = folder / "keys", folder / "state"
        for path in (keys, state):
            path.mkdir(mode=0o700)
            os.chown(path, _NOBODY, _NOBODY)
        words = ["keys", "--keys", str(keys)]
        assert cli.main([*words, "init"]) == cli.main([*words, "add", "tablet", "--out", scratch]) == 0
        assert {path.stat().st_uid for path in keys.rglob("*")} == {_NOBODY}
        config = folder / "suit.toml"
        config.write_text(
            f'[model]\nbundle = "{BUNDLE}"\n[streams]\n[security]\nkeys = "{keys}"\n[output]\npublic = ["ipc://p"]\n'
        )
        loaded = load_config(config)
        assert [(check.state, check.text) for check in suit.keys(loaded, state)] == [
            ("ok", "1 clients may connect: tablet")
        ]
        os.chown(keys / curve.CLIENTS, 0, 0)  # what `init` left behind once
        found = list(suit.keys(loaded, state))
        assert [check.state for check in found] == ["failed", "warning"]
        assert "cannot be read" in found[0].text and "keys init" in found[0].remedy
        assert os.geteuid() == 0
        assert cli.main([*words, "init"]) == 0
        assert next(iter(suit.keys(loaded, state))).state == "ok"
    capsys.readouterr()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_row_39_a_secret_key_that_others_can_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    secret = key_files.init(tmp_path / "keys")
    secret.chmod(mode)
    config = tmp_path / "suit.toml"
    config.write_text(
        f'[model]\nbundle = "{BUNDLE}"\n[streams]\n[security]\nkeys = "keys"\n'
        f'[output]\npublic = ["ipc://{tmp_path}/public"]\nlatest = []\ncontrol = []\n'
    )
    start = subprocess.run(
        [sys.executable, *RUN, str(config)], capture_output=True, text=True, timeout=120, check=False
    )
    assert start.returncode == 2
    assert f"second-skin: {secret}: a secret key that others can read" in start.stderr
    assert f"chmod 600 {secret}" in start.stderr
    assert "Traceback" not in start.stderr


def test_row_39_a_client_refuses_such_a_file_too(served: Served, tmp_path: Path) -> None:
    copy = tmp_path / "copy.key_secret"
    copy.write_text(served.phone.read_text())
    copy.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        served.client(copy)


def test_row_39_secret_files_are_made_for_their_owner_alone(served: Served) -> None:
    for path in (served.keys / "server.key_secret", served.tablet, served.phone):
        assert path.stat().st_mode & 0o077 == 0
