"""What a controller in Python gets from the live suit: after a stall, over a restart, with another machine's clock."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import Served, free_port, serving
from worn_suit import ServiceProcess, until

from jetson_runtime.cli import main
from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.stream.messages import STALE_NS

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "udp_receiver.py"
# A process of its own, to be stopped: it prints the age of each value in ns.
READER = """
import sys, time
from jetson_runtime.client import FrameClient
with FrameClient(sys.argv[1]) as client:
    while True:
        frame = client.value(20)
        if frame is not None:
            print(time.monotonic_ns(), time.monotonic_ns() - frame.publish_ns, flush=True)
        time.sleep(0.002)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("controllers")) as served:
        assert until(lambda: served.service.state() == "running", 60.0), served.service.log
        yield served


def by_value(client: FrameClient) -> ReceivedFrame | None:
    """In a cycle of its own: the emulated devices are a thread of this process, too."""
    time.sleep(0.002)
    return client.value(20)


def by_recv(client: FrameClient) -> ReceivedFrame | None:
    return client.recv(100)


def by_task(client: FrameClient) -> ReceivedFrame | None:
    return asyncio.run(client.recv_async(100))


def first_age_ns(client: FrameClient, ask: Callable[[FrameClient], ReceivedFrame | None]) -> int:
    """From the sending of the first frame that is returned to when the client had judged it."""
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        begin_ns = time.monotonic_ns()
        frame = ask(client)
        if frame is not None:
            return max(begin_ns, frame.receive_ns) - frame.publish_ns
    raise AssertionError("no frame in a minute")


@pytest.mark.slow
@pytest.mark.parametrize("ask", [by_value, by_recv, by_task])
def test_after_a_stall_of_60_s_the_first_value_is_young(
    served: Served, ask: Callable[[FrameClient], ReceivedFrame | None]
) -> None:
    with served.client() as client:
        first_age_ns(client, ask)
        time.sleep(60.0)
        assert first_age_ns(client, ask) < STALE_NS


@pytest.mark.parametrize("ask", [by_value, by_recv, by_task])
def test_after_a_short_stall_the_first_value_is_young(
    served: Served, ask: Callable[[FrameClient], ReceivedFrame | None]
) -> None:
    with served.client() as client:
        first_age_ns(client, ask)
        time.sleep(1.5)
        assert first_age_ns(client, ask) < STALE_NS


def test_a_process_that_was_stopped_goes_on_with_a_young_value(served: Served) -> None:
    address = f"tcp://127.0.0.1:{served.local}"
    reader = subprocess.Popen([sys.executable, "-c", READER, address], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    try:
        assert reader.stdout.readline()
        os.kill(reader.pid, signal.SIGSTOP)
        stopped_ns = time.monotonic_ns()
        time.sleep(3.0)
        go_ns = time.monotonic_ns()
        os.kill(reader.pid, signal.SIGCONT)
        ages = []
        while len(ages) < 5:
            told_ns, age_ns = map(int, reader.stdout.readline().split())
            if told_ns > go_ns:
                ages.append(age_ns)
        assert go_ns - stopped_ns > 2_000_000_000
        # The age was judged, then looked at once more to be printed.
        assert sorted(ages)[len(ages) // 2] < STALE_NS
    finally:
        reader.kill()
        reader.wait()


def test_a_client_elsewhere_knows_the_services_clock_by_pings(served: Served) -> None:
    """With keys, to the addresses for others; the clock is in truth the same one."""
    with FrameClient(
        f"tcp://127.0.0.1:{served.remote}",
        key_file=served.tablet,
        same_clock=False,
        control=f"tcp://127.0.0.1:{served.control}",
    ) as client:
        assert until(lambda: client.value(50) is not None, 60.0)
        offset = client.clock
        assert offset is not None
        assert abs(offset.ns) <= offset.uncertainty_ns


def test_hz_tells_the_age_by_the_services_clock(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["hz", "--endpoint", f"tcp://127.0.0.1:{served.remote}", "--key", str(served.tablet)]
    words += ["--control", f"tcp://127.0.0.1:{served.control}", "--json", "--seconds", "3"]
    main(words)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]
    assert abs(told["clock"]["offset_ms"]) <= told["clock"]["within_ms"]
    assert told["read_age_ms"]["p50"] > 0.0
    assert told["age_ms"]["p50"] < told["read_age_ms"]["p50"] + told["clock"]["within_ms"]


def test_frames_of_the_live_suit_tell_velocity_and_who_carries(served: Served) -> None:
    with served.client() as client:
        assert until(lambda: client.value(20) is not None, 60.0)
        frame = client.latest
        assert frame is not None
        assert frame.moment_valid
        assert frame.velocity.keys() == frame.angle.keys()
        assert all(abs(value) < 5.0 for value in frame.velocity.values()), "somebody who stands still"
        assert all(foot.contact and foot.heel_strike_ns is None for foot in frame.ground.values())


def test_a_restart_is_noticed_and_values_come_again(served: Served) -> None:
    with FrameClient(served.suit.endpoint) as client:
        assert until(lambda: client.value(20) is not None, 60.0)
        before = client.session
        served.service.stop()
        assert until(lambda: client.value(20) is None, 10.0)
        served.service = ServiceProcess(served.suit.config, served.suit.endpoint)
        assert until(lambda: client.value(20) is not None, 90.0), served.service.log
        assert client.session != before
        assert client.restarts == 1


def test_packets_of_the_live_suit_are_read_by_the_example(served: Served) -> None:
    """And silence, once the service is gone, is told by it."""
    port = free_port()
    config = served.suit.config
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("[output]\n", f'[output]\nudp = ["127.0.0.1:{port}"]\n'), encoding="utf-8")
    words = [sys.executable, str(EXAMPLE), "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        lines = iter(reader.stdout.readline, "")
        try:
            served.service.stop()
            served.service = ServiceProcess(config, served.suit.endpoint)
            numbers: list[int] = []
            while len(numbers) < 50:
                line = next(lines)
                assert line.endswith("bad 0\n") or line.startswith("nothing valid"), line
                if " running valid " in line:
                    numbers.append(int(line.split()[0]))
            assert numbers == sorted(set(numbers))
            assert until(lambda: served.service.status.get("udp", {}).get("sent", 0) > 0)
            assert served.service.status["udp"]["errors"] == 0
            served.service.stop()
            assert any(line.startswith("nothing valid for 50 ms") for line in lines)
        finally:
            reader.kill()
