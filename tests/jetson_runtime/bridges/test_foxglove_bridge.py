"""`second-skin bridge foxglove` on a live suit, and the recording exported for Foxglove, as a viewer reads them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bridged_suit import PATIENCE_S, BridgedSuit, Tap, free_port, passed, same
from foxglove_client import FoxgloveClient, decode
from logged_process import SECOND_SKIN, LoggedProcess
from mcap.reader import make_reader
from worn_suit import until

from jetson_runtime.cli import main
from jetson_runtime.dashboard.figure import figure
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages

pytest.importorskip("foxglove", reason="needs the extra bridges")

TOPICS = {
    "/frame": ("protobuf", "second_skin.Frame"),
    "/status": ("json", "second_skin.Status"),
    "/event": ("protobuf", "foxglove.Log"),
    "/figure": ("protobuf", "foxglove.SceneUpdate"),
    "/pressure/r": ("protobuf", "foxglove.Grid"),
    "/pressure/l": ("protobuf", "foxglove.Grid"),
}


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


def assert_same_frame(shown, frame) -> None:
    """shown: a Protobuf message."""
    assert (shown.seq, shown.t_ns, shown.session) == (frame["seq"], frame["t_ns"], frame["session"])
    assert (shown.valid, shown.state, list(shown.missing)) == (
        frame["valid"],
        frame["state"],
        frame["missing"],
    )
    for group in ("angle", "moment", "angle_imu", "interval"):
        told = getattr(shown, group)
        assert all(same(getattr(told, name), value) for name, value in frame[group].items())
    for side in ("r", "l"):
        foot = getattr(shown.ground, side)
        assert all(
            same(getattr(foot, key), frame["ground"][side][key]) for key in ("vgrf", "cop_ap", "contact")
        )


def cells_of(grid) -> np.ndarray:
    """(rows of the grid, columns, 2): kPa, and 1 where there is a sensor."""
    fields = {field.name: field.offset for field in grid.fields}
    count = len(grid.data) // grid.cell_stride
    told = [
        (
            struct.unpack_from("<f", grid.data, i * grid.cell_stride + fields["kpa"])[0],
            grid.data[i * grid.cell_stride + fields["sensor"]],
        )
        for i in range(count)
    ]
    return np.array(told).reshape(-1, grid.column_count, 2)


def assert_same_map(grid, foot, side) -> None:
    cells = cells_of(grid)
    assert cells.shape == (foot["columns"], foot["rows"], 2)
    assert cells[..., 1].sum() == len(foot["cells"])
    assert cells[..., 0].sum() == pytest.approx(sum(foot["kpa"]), rel=1e-5)
    # Where the centre of the grid's pressure lies is where the insole says that its centre is.
    ahead = (np.arange(foot["rows"]) + 0.5) * grid.cell_size.x + grid.pose.position.x
    to_left = (np.arange(foot["columns"]) + 0.5) * grid.cell_size.y + grid.pose.position.y
    kpa = cells[..., 0] / cells[..., 0].sum()
    lateral = -1 if side == "r" else 1
    middle = -0.09 if side == "r" else 0.09
    assert (kpa.sum(axis=0) * ahead).sum() == pytest.approx(foot["cop_ap_m"], abs=1e-3)
    assert (kpa.sum(axis=1) * to_left).sum() == pytest.approx(middle + lateral * foot["cop_ml_m"], abs=1e-3)


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


def test_a_port_that_is_taken_is_told(suit, bridge, client, port):
    second = suit.bridge("foxglove", "--port", str(port))
    try:
        assert second.process.wait(PATIENCE_S) == 2
        assert f"127.0.0.1:{port}: cannot be opened" in second.log
    finally:
        second.kill()


@pytest.fixture(scope="module")
def recording(suit: BridgedSuit) -> Path:
    """Some seconds in one file, with a mark."""
    folder = suit.folder / "recordings"
    words = ("record", "--config", str(suit.config), "--folder", str(folder))
    recorder = LoggedProcess(suit.folder, *SECOND_SKIN, *words)

    def told() -> dict:
        return suit.service.status.get("recording") or {}

    assert until(lambda: told().get("state") == "recording", PATIENCE_S), recorder.log
    passed(3.0)
    suit.ask("mark", text="recorded")
    passed(1.5)
    assert recorder.stop() == 0, recorder.log
    (path,) = folder.glob("*.mcap")
    return path


def test_a_recording_is_exported_with_the_same_channels_and_numbers(recording, tmp_path, capsys):
    out = tmp_path / "shown.mcap"
    assert main(["export", str(recording), "--to", "foxglove", "--out", str(out)]) == 0
    recorded = [messages.decode(message.payload) for message in Reading(recording)]
    frames = {message["seq"]: message for message in recorded if message["topic"] == "frame"}
    assert f"{out}: {len(frames)} frames" in capsys.readouterr().out
    hellos = [message for message in recorded if message["topic"] == "hello"]
    offset_ns = hellos[-1]["utc_minus_monotonic_ns"]
    shown: dict[str, list] = {}
    with out.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert (channel.message_encoding, schema.name) == TOPICS[channel.topic]
            read = decode(channel.message_encoding, schema.name, schema.data, message.data)
            shown.setdefault(channel.topic, []).append((message.log_time, read))
    assert shown.keys() == TOPICS.keys()
    assert [told.seq for _, told in shown["/frame"]] == sorted(frames)
    for log_ns, told in shown["/frame"]:
        assert_same_frame(told, frames[told.seq])
        assert log_ns == told.t_ns + offset_ns
    assert any(
        json.loads(line.message.partition(" ")[2]).get("text") == "recorded" for _, line in shown["/event"]
    )
    states = [message for message in recorded if message["topic"] == "status"]
    assert [told["t_ns"] for _, told in shown["/status"]] == sorted({state["t_ns"] for state in states})
    for side in ("r", "l"):
        grids = shown[f"/pressure/{side}"]
        assert len(grids) > len(frames) / 15, "one for every tenth frame"
        force_n = {
            frame["t_ns"] + offset_ns: frame["ground"][side]["vgrf"] * 70 * 9.80665
            for frame in frames.values()
        }
        log_ns, grid = grids[len(grids) // 2]
        nearest = min(force_n, key=lambda at_ns: abs(at_ns - log_ns))
        told_n = cells_of(grid)[..., 0].sum() * 1000 * grid.cell_size.x * grid.cell_size.y
        assert told_n == pytest.approx(force_n[nearest], rel=0.05)


@pytest.mark.parametrize("words", [("--by-mark",), ()])
def test_what_cannot_be_exported_is_told(recording, tmp_path, capsys, words):
    """Cut by marks; or written over the recording itself."""
    out = tmp_path / "cut" if words else recording
    assert main(["export", str(recording), "--to", "foxglove", "--out", str(out), *words]) == 2
    assert ("--by-mark" if words else "is the recording itself") in capsys.readouterr().err
