"""13: a client behind a key hears the suit over the network; one without hears nothing, one whose key was revoked no
longer. Keys and config are the step's own; nothing of the suit's is changed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import own_config
import pytest
from running import Service, command

from jetson_runtime.client import FrameClient


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # for documentation (RFC 5737): nothing is sent
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    for words in (("init",), ("add", "tablet", "--out", str(tmp_path))):
        status, said = command("keys", "--keys", str(folder), *words)
        assert status == 0, said
    return folder


@pytest.fixture
def open_service(suit_path: Path, keys: Path, tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """The service with one address more, and that address."""
    port = _free_port()
    public = [f"ipc://{tmp_path}/public", f"tcp://0.0.0.0:{port}"]
    outputs = {name: [f"ipc://{tmp_path}/{name}"] for name in own_config.OUTPUTS}
    path = own_config.write(
        suit_path, tmp_path, output=outputs | {"public": public}, security={"keys": str(keys)}
    )
    service = Service(path, tmp_path / "state")
    yield service, f"tcp://{_own_address()}:{port}"
    service.close()


def _heard(client: FrameClient, seconds: float) -> int:
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        count += len(client.recv_all(100))
    return count


def test_who_has_a_key_hears_the_suit(open_service: tuple[Service, str], keys: Path, tmp_path: Path) -> None:
    service, address = open_service
    service.until_valid()
    with (
        FrameClient(address, key_file=tmp_path / "tablet.key_secret") as tablet,
        FrameClient(address) as stranger,
    ):
        assert service.until(lambda: tablet.recv_all(50)), "the tablet hears nothing"
        print(f"{address}: {_heard(tablet, 2.0)} frames in 2 s with a key, {_heard(stranger, 1.0)} without")
        assert stranger.frames == 0
        assert command("keys", "--keys", str(keys), "revoke", "tablet")[0] == 0
        assert service.until(lambda: service.status()["clients"]["revoked"] == 1), service.status()
        # What was on its way to it may still come.
        assert service.until(lambda: _heard(tablet, 1.5) == 0)
