"""`second-skin export --to foxglove` of a live suit's recording, as a viewer reads it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from bridged_suit import PATIENCE_S, BridgedSuit
from foxglove_client import decode
from foxglove_shown import TOPICS, assert_same_frame, cells_of
from logged_process import SECOND_SKIN, LoggedProcess
from mcap.reader import make_reader
from worn_suit import until

from jetson_runtime.cli import main
from jetson_runtime.recording.mcap_file import Reading
from jetson_runtime.stream import messages

pytest.importorskip("foxglove", reason="needs the extra bridges")


@pytest.fixture(scope="module")
def recording(suit: BridgedSuit) -> Path:
    """Some seconds in one file, with a mark."""
    folder = suit.folder / "recordings"
    words = ("record", "--config", str(suit.config), "--folder", str(folder))
    recorder = LoggedProcess(suit.folder, *SECOND_SKIN, *words)

    def told() -> dict:
        return suit.service.status.get("recording") or {}

    assert until(lambda: told().get("state") == "recording", PATIENCE_S), recorder.log
    (path,) = folder.glob("*.mcap")
    suit.ask("mark", text="recorded")

    def holds() -> bool:
        """The mark, and some seconds."""
        topics = Counter(message.topic for message in Reading(path))
        return topics["event"] > 0 and topics["frame"] > 300 and topics["status"] > 1

    assert until(holds, PATIENCE_S), recorder.log
    assert recorder.stop() == 0, recorder.log
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
