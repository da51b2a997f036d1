"""Row 43: a link to another machine goes down, as a cable that is pulled: nothing is closed, nothing arrives.

The other machine is a network namespace at the far end of a pair of virtual cards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from broken_suit import until
from served import Served, addresses_of_ours, frames_within, free_port, serving
from worn_suit import ServiceProcess, WornSuit

from drivers.emulator.bench import Bench
from jetson_runtime.client import FrameClient
from jetson_runtime.stream import key_files

_OURS, _THEIRS = "198.18.43.1", "198.18.43.2"  # for measurements between networks (RFC 2544): nobody's
_LATE = "198.18.43.9"
# Says when it begins and when it ceases to be alive, and counts what it heard.
_CLIENT = """
import sys
from pathlib import Path
from jetson_runtime.client import FrameClient
with FrameClient(sys.argv[1], key_file=Path(sys.argv[2]), same_clock=False) as client:
    was = False
    while True:
        client.recv_all(20)
        if client.alive != was:
            was = client.alive
            print("alive" if was else "silent", client.session, client.frames, flush=True)
"""


class OtherMachine:
    """A namespace with one link to this one, and programs in it."""

    def __init__(self, name: str) -> None:
        self._name, self._link = name, f"{name}-a"[-15:]
        peer = f"{name}-b"[-15:]
        try:
            _ip("netns", "add", name)
            _ip("link", "add", self._link, "type", "veth", "peer", "name", peer, "netns", name)
        except subprocess.CalledProcessError as error:
            self.close()
            pytest.skip(f"no network namespace can be made here: {error.stderr.strip()}")
        _ip("address", "add", f"{_OURS}/30", "dev", self._link)
        _ip("-netns", name, "address", "add", f"{_THEIRS}/30", "dev", peer)
        _ip("-netns", name, "link", "set", peer, "up")
        self.connect()

    def connect(self) -> None:
        _ip("link", "set", self._link, "up")

    def disconnect(self) -> None:
        _ip("link", "set", self._link, "down")

    def run(self, program: str, *words: str, out: IO[str]) -> subprocess.Popen[bytes]:
        """A Python program over there."""
        command = ["ip", "netns", "exec", self._name, sys.executable, "-c", program, *words]
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def close(self) -> None:
        subprocess.run(["ip", "link", "delete", self._link], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", self._name], capture_output=True, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, text=True, check=True)


@pytest.fixture
def other_machine() -> Iterator[OtherMachine]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and ip (apt install iproute2)")
    machine = OtherMachine(f"suit{os.getpid()}")
    yield machine
    machine.close()


def test_row_43_an_address_that_comes_up_after_the_start_is_served_then(tmp_path: Path) -> None:
    """The Wi-Fi comes after the suit: who is on the suit hears it meanwhile."""
    late = f"tcp://{_LATE}:{free_port()}"
    key_files.init(tmp_path / "keys")
    tablet = key_files.add(tmp_path / "keys", "tablet", tmp_path)
    with Bench() as bench:
        suit = WornSuit(tmp_path, bench, ())
        config = suit.write_config(extra='[security]\nkeys = "keys"\n[realtime]\npriority = 0')
        config.write_text(config.read_text().replace(f'"{suit.endpoint}"', f'"{suit.endpoint}", "{late}"'))
        service = ServiceProcess(config, suit.endpoint)
        try:
            assert until(lambda: frames_within(service.client, 0.1), 60.0), service.log

            def told() -> list[str]:
                return [fault["text"] for fault in service.status.get("faults", []) if fault["number"] == 26]

            assert until(lambda: [text.partition(": ")[0] for text in told()] == [late])
            session = service.client.session
            with FrameClient(late, key_file=tablet) as client:
                with addresses_of_ours(_LATE):
                    assert until(lambda: frames_within(client, 0.2))
                    assert until(lambda: not told())
                assert client.session == service.client.session == session
            assert until(told)
        finally:
            service.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def test_row_43_a_link_that_goes_down_is_seen_and_its_client_is_back_when_it_is_up(
    other_machine: OtherMachine, served: Served, tmp_path: Path
) -> None:
    """The service lets go of the dead connection meanwhile, and its other client misses nothing of it."""
    log = tmp_path / "client"
    with log.open("w") as out:
        client = other_machine.run(_CLIENT, f"tcp://{_OURS}:{served.remote}", str(served.tablet), out=out)
    try:

        def told() -> list[str]:
            return [line.split()[0] for line in log.read_text().splitlines()]

        assert until(lambda: told() == ["alive"]), (log.read_text(), served.service.log)
        assert until(lambda: served.clients("connected") == 2)
        other_machine.disconnect()
        assert until(lambda: told() == ["alive", "silent"], 1.0), log.read_text()
        before = served.service.client.frames
        assert until(lambda: served.clients("connected") == 1, 30.0), served.service.status["clients"]
        assert served.service.client.frames > before
        other_machine.connect()
        assert until(lambda: told() == ["alive", "silent", "alive"], 30.0), log.read_text()
        sessions = {line.split()[1] for line in log.read_text().splitlines()}
        assert sessions == {served.service.client.session}
        assert until(lambda: served.clients("connected") == 2)
    finally:
        client.terminate()
        client.wait(10.0)
