"""`value`: a frame that may be acted on, or none and why; and the same client in asyncio."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pytest
from live_stream import Ticker, make_frame, publishing, until

from jetson_runtime.client import RATE_WINDOW, FrameClient, NoValue
from jetson_runtime.stream import messages, pinger
from jetson_runtime.stream.frame_encoder import FrameEncoder
from jetson_runtime.stream.liveness import Liveness
from jetson_runtime.stream.received import received
from jetson_runtime.suit.signals import PERIOD_NS

# Of a test, on a machine that does other things as well.
PATIENCE_MS = 10_000


def client_of(publisher, **options):
    return FrameClient(publisher.addresses["public"][0], **options)


def control_of(publisher):
    return publisher.addresses["control"][0]


def test_there_is_no_value_before_frames_come_at_their_rate(ticking):
    publisher, _ = ticking()
    with client_of(publisher) as client:
        with pytest.raises(NoValue, match="no frame came yet"):
            client.value(20, strict=True)
        assert client.recv(PATIENCE_MS) is not None
        assert client.value(20) is None
        with pytest.raises(NoValue, match="frames come at nan Hz, not at 200"):
            client.value(1e4, strict=True)
        assert until(lambda: client.value(20) is not None, 20.0)


def test_a_value_is_fresh_and_may_be_asked_for_again(ticking):
    publisher, _ = ticking()
    with client_of(publisher) as client:
        seen = []
        assert until(lambda: seen.append(client.value(20)) or sum(map(bool, seen)) > 200, 20.0)
        values = [frame for frame in seen if frame]
        assert all(frame.valid for frame in values)
        assert len({frame.seq for frame in values}) < len(values)
        assert [frame.seq for frame in values] == sorted(frame.seq for frame in values)


def test_after_silence_there_is_none_and_it_says_why(ticking):
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        assert until(lambda: client.value(20) is not None, 20.0)
        ticker.paused.set()
        assert until(lambda: client.value(50) is None, 5.0)
        with pytest.raises(NoValue, match=r"the newest frame was sent \d+\.\d ms ago"):
            client.value(50, strict=True)
        ticker.paused.clear()
        assert until(lambda: client.value(20) is not None, 20.0)


def test_a_limit_above_that_of_alive_changes_nothing(ticking):
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        assert until(lambda: client.value(1e6) is not None, 20.0)
        ticker.paused.set()
        assert until(lambda: not client.alive)
        assert client.value(1e6) is None


@pytest.mark.parametrize("limit", [math.nan, -math.inf, None, "x", "20", [20]])
def test_a_limit_that_is_no_number_is_refused_in_words(limit):
    with FrameClient("tcp://127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="max_age_ms: a number of milliseconds, not"):
            client.value(limit)
        assert client.value(math.inf) is client.value(-1) is None


def test_a_frame_that_nobody_vouches_for_is_no_value(ticking):
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        assert until(lambda: client.value(50) is not None, 20.0)
        ticker.changes = {"valid": False, "state": "degraded", "missing": ("imu_back",)}
        assert until(lambda: client.latest is not None and not client.latest.valid)
        assert client.value(50) is None
        with pytest.raises(NoValue, match="not valid: degraded, missing imu_back"):
            client.value(50, strict=True)


def test_a_frame_long_after_its_instant_is_no_value_however_new_it_is(ticking):
    """As of a service that was stopped for a second and goes on; up to 40 ms are usual."""
    publisher, ticker = ticking()
    with client_of(publisher) as client:
        ticker.age_ns = 40_000_000
        assert until(lambda: client.value(50) is not None, 20.0)
        assert client.latest.age_ms > 40.0
        ticker.age_ns = 60_000_000
        assert until(lambda: client.latest.age_ms > 60.0)
        assert client.value(50) is None
        with pytest.raises(NoValue, match=r"was sent \d\d\.\d ms after its instant$"):
            client.value(50, strict=True)
        ticker.age_ns = 1_000_000
        assert until(lambda: client.value(50) is not None, 20.0)


@pytest.mark.parametrize(("age_ms", "usable"), [(35.0, True), (50.0, True), (50.1, False), (math.nan, False)])
def test_the_age_that_a_frame_tells_decides_to_the_last_tenth(age_ms, usable):
    liveness = Liveness(None)
    read = received(messages.decode(FrameEncoder("s1", ("r", "l")).encode(make_frame(), 0)), 0)
    now_ns = time.monotonic_ns()
    for periods in range(RATE_WINDOW):
        old_ns = (RATE_WINDOW - 1 - periods) * PERIOD_NS
        liveness.note(replace(read, publish_ns=now_ns - old_ns, receive_ns=now_ns, age_ms=age_ms))
    assert liveness.usable(50_000_000) is usable


def test_valid_is_of_the_frame_that_has_just_come():
    """Not of the one before it, which was taken in by an earlier look."""
    with publishing() as publisher, client_of(publisher) as client:
        assert until(lambda: client.alive or client.hello is not None)

        def was_valid():
            publisher.post(make_frame())
            return client.valid

        assert until(was_valid, 20.0)
        sent = publisher.sent
        publisher.post(make_frame(valid=False))
        assert until(lambda: publisher.sent > sent)
        time.sleep(0.02)
        told = client.valid
        assert not told or client._liveness.newest.valid


def test_a_restarted_service_has_to_come_to_its_rate_again(tmp_path):
    address = f"ipc://{tmp_path}/public"
    with FrameClient(address) as client:

        def told_by(session: str) -> bool:
            frame = client.value(20)
            return frame is not None and frame.session == session

        for session in ("one", "two"):
            with publishing(address, session=session) as publisher:
                ticker = Ticker(publisher)
                try:
                    assert until(partial(told_by, session), 30.0)
                finally:
                    ticker.stop()
                assert client.frames >= RATE_WINDOW
        assert client.restarts == 1


def test_a_clock_asked_by_pings_is_right_within_its_bound(ticking):
    """Both ends are on one machine, so the truth is 0."""
    publisher, _ = ticking()
    with client_of(publisher, same_clock=False, control=control_of(publisher)) as client:
        assert client.value(50) is None
        assert until(lambda: client.value(50) is not None, 20.0)
        assert client.clock is not None
        assert abs(client.clock.ns) <= client.clock.uncertainty_ns
        assert 0 < client.clock.uncertainty_ns < 20_000_000


def test_without_an_answer_nothing_is_taken_for_fresh(ticking):
    publisher, _ = ticking()
    with client_of(publisher, same_clock=False, control="tcp://127.0.0.1:1") as client:
        assert client.recv(300) is None
        assert client.latest is not None
        assert client.clock is None
        with pytest.raises(NoValue, match="the service's clock is not known yet"):
            client.value(50, strict=True)


def test_pings_are_few_once_the_clock_is_known(ticking):
    publisher, _ = ticking()
    with client_of(publisher, same_clock=False, control=control_of(publisher)) as client:
        asked = client._subscription.pinger
        assert until(lambda: client.alive and asked.wait_ms > pinger._FIRST_WAIT_MS, 20.0)


def test_a_stalled_client_gets_no_old_value(ticking):
    publisher, _ = ticking()
    with client_of(publisher) as client:
        assert until(lambda: client.value(20) is not None, 20.0)
        time.sleep(2.0)
        found = []
        assert until(lambda: found.append(client.value(20)) or found[-1], 20.0)
        now_ns = time.monotonic_ns()
        assert now_ns - found[-1].publish_ns < 2 * messages.STALE_NS


def test_a_task_waits_for_frames_while_others_go_on(ticking):
    publisher, _ = ticking()

    async def both():
        turns = 0

        async def other():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        with client_of(publisher) as client:
            frames = [await client.recv_async(PATIENCE_MS) for _ in range(100)]
        task.cancel()
        return frames, turns

    frames, turns = asyncio.run(both())
    assert None not in frames
    numbers = [frame.seq for frame in frames]
    assert numbers == sorted(set(numbers))
    assert turns > 100


def test_frames_are_iterated_over_until_the_client_is_closed(ticking):
    publisher, _ = ticking()

    async def read():
        client = client_of(publisher)
        asyncio.get_running_loop().call_later(1.0, client.close)
        return [frame.seq async for frame in client]

    numbers = asyncio.run(asyncio.wait_for(read(), 30.0))
    assert len(numbers) > 10
    assert numbers == sorted(set(numbers))


def test_a_task_that_waits_in_vain_is_told_in_time(ticking):
    publisher, ticker = ticking()

    async def wait():
        with client_of(publisher) as client:
            assert await client.recv_async(PATIENCE_MS) is not None
            ticker.paused.set()
            while await client.recv_async(100) is not None:
                pass
            assert not client.alive
            ticker.paused.clear()
            assert await client.recv_async(PATIENCE_MS) is not None

    asyncio.run(wait())


def test_a_task_beside_a_client_that_nobody_reads_does_not_spin(ticking):
    """A descriptor that is watched and never read would wake the loop without end."""
    publisher, _ = ticking()

    async def idle():
        with client_of(publisher) as client:
            assert await client.recv_async(PATIENCE_MS) is not None
            loop = asyncio.get_running_loop()
            looked = 0
            select = loop._selector.select

            def counted(timeout):
                nonlocal looked
                looked += 1
                return select(timeout)

            loop._selector.select = counted
            await asyncio.sleep(0.5)
            return looked

    assert asyncio.run(idle()) < 20


def test_two_tasks_cannot_wait_for_one_client(ticking):
    publisher, ticker = ticking()
    ticker.paused.set()
    time.sleep(0.1)  # what was posted before is sent to nobody

    async def two():
        with client_of(publisher) as client:
            first = asyncio.create_task(client.recv_async(1000))
            await asyncio.sleep(0.05)
            with pytest.raises(RuntimeError, match="give each its own"):
                await client.recv_async(100)
            await first

    asyncio.run(two())


def test_a_client_needs_no_asyncio_loop_of_a_certain_kind():
    """Imported and made without one."""
    code = (
        "from jetson_runtime.client import FrameClient; FrameClient('tcp://127.0.0.1:1').close(); print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok"
