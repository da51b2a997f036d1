"""`second-skin bridge foxglove` on a live suit, as a viewer hears it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from bridged_suit import PATIENCE_S, BridgedSuit, Tap, free_port
from foxglove_client import FoxgloveClient
from foxglove_shown import TOPICS, assert_same_frame, assert_same_map
from logged_process import LoggedProcess
from worn_suit import until

from jetson_runtime.dashboard.figure import figure

pytest.importorskip("foxglove", reason="needs the extra bridges")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def bridge(suit: BridgedSuit, port: int) -> Iterator[LoggedProcess]:
    process = suit.bridge("foxglove", "--port", str(port))
    yield process
    if process.process.poll() is None:
        assert process.stop() == 0, process.log


@pytest.fixture
def client(bridge: LoggedProcess, port: int) -> Iterator[FoxgloveClient]:
    """That all channels were advertised to."""
    made: list[FoxgloveClient] = []

    def connects() -> bool:
        assert bridge.process.poll() is None, bridge.log
        try:
            made.append(FoxgloveClient(port))
        except OSError:
            return False
        return True

    def has_all() -> bool:
        made[0].listen(0.2)
        return made[0].channels.keys() >= TOPICS.keys()

    assert until(connects, PATIENCE_S), bridge.log
    with made[0] as one:
        assert until(has_all, PATIENCE_S), one.channels
        yield one


def test_the_channels_are_of_schemas_that_foxglove_shows(client):
    told = {topic: (channel["encoding"], channel["schemaName"]) for topic, channel in client.channels.items()}
    assert told == TOPICS
    schema = json.loads(client.channels["/status"]["schema"])
    assert schema["properties"]["streams"]["properties"]["imu_back"]["properties"]["rate_hz"] == {
        "type": "number"
    }


def test_frames_status_and_figure_are_those_of_the_stream_on_the_wall_clock(suit, client):
    with Tap(suit.endpoint, "frame", "hello", "status") as tap:
        assert until(lambda: tap.of("hello"), PATIENCE_S)
        client.subscribe("/frame", "/status", "/figure")
        assert until(lambda: client.listen(0.5) or len(frames_of(client, tap)) > 300, PATIENCE_S)
        assert until(lambda: client.listen(0.5) or statuses_of(client, tap), PATIENCE_S)
        assert until(lambda: client.listen(0.5) or len(drawn_of(client, tap)) > 10, PATIENCE_S)
    utc_ns = {hello["utc_minus_monotonic_ns"] for hello in tap.of("hello")}
    pairs = frames_of(client, tap)
    for log_ns, shown, frame in pairs:
        assert_same_frame(shown, frame)
        assert min(abs(log_ns - frame["t_ns"] - offset) for offset in utc_ns) < 1_000_000
    seqs = [shown.seq for _, shown in client.of("/frame")]
    assert seqs == sorted(set(seqs))
    for told, status in statuses_of(client, tap):
        assert told["streams"].keys() == status["streams"].keys()
        assert told["lateness_ms"] == status["lateness_ms"]
    assert len(seqs) / 40 < len(client.of("/figure")) < len(seqs) / 5, "one for every tenth frame"
    for update, frame in drawn_of(client, tap):
        assert_is_drawn(update, frame)


def frames_of(client, tap) -> list:
    """Log time, what was shown and what was sent, of the frames that both heard."""
    by_seq = {frame["seq"]: frame for frame in tap.of("frame")}
    return [
        (log_ns, shown, by_seq[shown.seq]) for log_ns, shown in client.of("/frame") if shown.seq in by_seq
    ]


def statuses_of(client, tap) -> list:
    by_time = {status["t_ns"]: status for status in tap.of("status")}
    return [(told, by_time[told["t_ns"]]) for _, told in client.of("/status") if told["t_ns"] in by_time]


def drawn_of(client, tap) -> list:
    """Each scene with the valid frame of its instant."""
    frames = {log_ns: frame for log_ns, _, frame in frames_of(client, tap) if frame["valid"]}
    return [(update, frames[log_ns]) for log_ns, update in client.of("/figure") if log_ns in frames]


def assert_is_drawn(update, frame) -> None:
    """The figure's joints are where the angles of its instant put them."""
    lines = {entity.id: entity.lines[0].points for entity in update.entities}
    wanted = figure(frame["angle"])
    assert lines.keys() == wanted.keys() == {"leg_r", "leg_l", "trunk"}
    for name, points in wanted.items():
        shown = [xy for point in lines[name] for xy in (point.x / 1.75, point.z / 1.75)]
        assert shown == pytest.approx([xy for point in points for xy in point], abs=1e-9)
    assert lines["leg_r"][0].y < 0 < lines["leg_l"][0].y, "y is to the left"
    assert {entity.frame_id for entity in update.entities} == {"suit"}
    assert {(entity.lifetime.seconds, entity.lifetime.nanos) for entity in update.entities} == {
        (0, 300_000_000)
    }


def test_a_map_is_made_while_somebody_looks_at_it(suit, client):
    client.subscribe("/pressure/r", "/pressure/l")
    offset_ns = suit.service.client.hello["utc_minus_monotonic_ns"]
    with Tap(suit.endpoint, "pressure") as tap:
        for side in ("r", "l"):
            assert until(
                lambda side=side: client.listen(0.5) or maps_of(client, tap, side, offset_ns), PATIENCE_S
            )
            for grid, foot in maps_of(client, tap, side, offset_ns):
                assert_same_map(grid, foot, side)
    client.unsubscribe("/pressure/r", "/pressure/l")
    client.listen(2.0)
    count = len(client.messages)
    client.listen(1.0)
    assert len(client.messages) == count


def maps_of(client, tap, side: str, offset_ns: int) -> list:
    """What was shown and what was sent, of the same sample."""
    feet = {m["insoles"][side]["t_ns"]: m["insoles"][side] for m in tap.messages if m["insoles"][side]}
    return [
        (grid, foot)
        for log_ns, grid in client.of(f"/pressure/{side}")
        for t_ns, foot in feet.items()
        if abs(log_ns - offset_ns - t_ns) < 1_000_000
    ]


def test_a_mark_is_a_log_line(suit, client):
    client.subscribe("/event")
    client.listen(0.5)
    at_ns = suit.ask("mark", text="ladder", task="L3")["at_ns"]
    assert until(lambda: client.listen(0.2) or client.of("/event"), PATIENCE_S)
    log_ns, line = client.of("/event")[-1]
    assert line.message.startswith("mark {")
    assert json.loads(line.message.removeprefix("mark ")) == {"text": "ladder", "task": "L3"}
    offset_ns = suit.service.client.hello["utc_minus_monotonic_ns"]
    assert abs(log_ns - at_ns - offset_ns) < 1_000_000
    assert log_ns == line.timestamp.seconds * 10**9 + line.timestamp.nanos


def test_it_goes_on_after_a_restart_of_the_service(suit, client):
    client.subscribe("/frame")
    client.listen(0.5)
    before = client.of("/frame")[-1][1].session
    assert suit.service.stop() == 0
    suit.start_service()
    assert until(lambda: client.listen(0.2) or client.of("/frame")[-1][1].session != before, PATIENCE_S)
    assert until(suit.valid, PATIENCE_S), suit.service.log


def test_no_figure_stands_still_once_the_suit_is_silent(suit, client):
    client.subscribe("/figure")
    assert until(lambda: client.listen(0.2) or drawn(client) == 3, PATIENCE_S)
    suit.service.process.kill()
    try:
        assert until(lambda: client.listen(0.2) or drawn(client) == 0, PATIENCE_S)
        (ended_ns, ending), (drawn_ns, _) = client.of("/figure")[-1], client.of("/figure")[-2]
        assert {deletion.id for deletion in ending.deletions} == {"leg_r", "leg_l", "trunk"}
        assert 0 < ended_ns - drawn_ns < 1_000_000_000
    finally:
        suit.service.stop()
        suit.start_service()
    assert until(suit.valid, PATIENCE_S), suit.service.log
    assert until(lambda: client.listen(0.2) or drawn(client) == 3, PATIENCE_S)


def drawn(client) -> int:
    """Lines of the newest scene."""
    shown = client.of("/figure")
    return len(shown[-1][1].entities) if shown else -1


def test_a_port_that_is_taken_is_told(suit, bridge, client, port):
    second = suit.bridge("foxglove", "--port", str(port))
    try:
        assert second.process.wait(PATIENCE_S) == 2
        assert f"127.0.0.1:{port}: cannot be opened" in second.log
    finally:
        second.kill()
