"""echo, hz and status through the command line, against a publisher on real sockets."""

from __future__ import annotations

import json

import pytest
from live_stream import STATUS, make_frame

from jetson_runtime import cli
from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.stream import text, tools
from jetson_runtime.suit.signals import STREAM_NAMES


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def endpoint(ticking):
    publisher, _ = ticking()
    publisher.set_status(STATUS)
    return publisher.addresses["public"][0]


def test_echo_prints_a_line_a_frame(endpoint, capsys):
    assert cli.main(["echo", "--endpoint", endpoint, "--count", "5"]) == 0
    lines = lines_of(capsys)
    assert len(lines) == 5
    assert "running" in lines[0]
    assert "knee 1.0/5.0 deg" in lines[0]
    assert "lower back 3.0 deg" in lines[0]
    assert "vgrf 0.50/0.00" in lines[0]
    assert lines[0].endswith("valid")


def test_echo_as_json_is_one_object_a_line_with_null_for_nan(endpoint, capsys):
    assert cli.main(["echo", "--json", "--endpoint", endpoint, "--count", "20"]) == 0
    frames = [json.loads(line, parse_constant=pytest.fail) for line in lines_of(capsys)]
    numbers = [frame["seq"] for frame in frames]
    assert len(set(numbers)) == 20
    assert numbers == sorted(numbers)
    assert frames[0]["ground"]["l"]["cop_ap"] is None
    assert frames[0]["angle"]["knee_angle_l"] == 5.0


def test_echo_ends_after_its_seconds(endpoint, capsys):
    assert cli.main(["echo", "--endpoint", endpoint, "--seconds", "0.5"]) == 0
    assert 5 < len(lines_of(capsys)) < 300


def test_hz_measures_windows(endpoint, capsys):
    assert cli.main(["hz", "--json", "--endpoint", endpoint, "--seconds", "2"]) in (tools.WELL, tools.UNWELL)
    windows = [json.loads(line) for line in lines_of(capsys)]
    assert len(windows) == 2
    for window in windows:
        assert window["rate_hz"] == pytest.approx(window["frames"], rel=0.2)
        assert window["frames"] + window["missed"] == pytest.approx(200, rel=0.2)
        assert window["valid"] == window["frames"]
        assert set(window["age_ms"]) == {"p50", "p99", "max"}
        assert window["age_ms"]["p50"] <= window["read_age_ms"]["p50"]
        assert 0 < window["interval_ms"]["p50"] < 10


def test_hz_in_words(endpoint, capsys):
    assert cli.main(["hz", "--endpoint", endpoint, "--count", "1"]) in (tools.WELL, tools.UNWELL)
    (line,) = lines_of(capsys)
    assert " Hz  missed " in line
    assert "  valid " in line


def test_status_at_one_glance(endpoint, capsys):
    assert cli.main(["status", "--endpoint", endpoint]) == tools.UNWELL
    lines = lines_of(capsys)
    assert lines[0].startswith("DEGRADED  a part of the suit is missing: see below")
    fault = next(line for line in lines if line.startswith("fault 3"))
    assert "imu_back: /dev/x is not there; plug it in" in fault
    rows = {line.split()[0]: line for line in lines if line.split() and line.split()[0] in STREAM_NAMES}
    assert list(rows) == list(STREAM_NAMES)
    assert rows["imu_back"].split()[1] == "missing"
    assert rows["insole_l"].split()[1] == "ok"
    assert any("note: rate 250 Hz" in line for line in lines)


def test_status_as_json_is_the_message(endpoint, capsys):
    assert cli.main(["status", "--json", "--endpoint", endpoint]) == tools.UNWELL
    message = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert message["topic"] == "status"
    assert message["streams"]["imu_back"]["age_ms"] is None


def test_a_running_service_is_well(ticking, capsys):
    publisher, _ = ticking()
    publisher.set_status({**STATUS, "state": "running", "faults": []})
    assert cli.main(["status", "--endpoint", publisher.addresses["public"][0]]) == tools.WELL
    assert lines_of(capsys)[0] == "RUNNING  nothing to do"


def test_a_running_service_with_a_fault_is_not_well(ticking, capsys):
    """Without a wearer the state is `running`, and no frame is ever valid."""
    no_wearer = {"number": 20, "stream": "", "text": "no wearer is set", "remedy": "add the table [wearer]"}
    publisher, _ = ticking()
    publisher.set_status({**STATUS, "state": "running", "faults": [no_wearer, no_wearer]})
    assert cli.main(["status", "--endpoint", publisher.addresses["public"][0]]) == tools.UNWELL
    lines = lines_of(capsys)
    assert lines[0] == "RUNNING  2 faults: see below"
    assert "fault 20  service: no wearer is set; add the table [wearer]" in lines


def test_a_status_of_few_words_is_printed_all_the_same():
    assert "WAITING  no device is live" in text.status_text({"state": "waiting"}, bold=False)


def test_large_numbers_keep_their_columns_apart():
    clock = {"offset_ms": 18359094.1, "skew_ppm": -123456.7, "uncertainty_ms": 1234567.0}
    stream = {"alive": True, "rate_hz": 123456.7, "age_ms": 1234567.0, "drops": 10**8, "bad_bytes": 1000}
    told = text.status_text(
        {"streams": {"imu_thigh_r": {**stream, "clock": clock, "port": "/dev/x"}}}, bold=False
    )
    titles = "stream state rate Hz age ms drops bad B clock s ppm ± ms port"
    assert titles in [" ".join(line.split()) for line in told.splitlines()]
    cells = next(line for line in told.splitlines() if line.startswith("imu_thigh_r")).split()
    assert cells[2:] == [
        *("123456.7", "1234567.0", "100000000", "1000", "18359.094", "-123456.7", "1234567.00", "/dev/x"),
    ]


def test_a_status_gives_a_terminal_nothing_to_obey():
    evil = "\x1b[2J\nRUNNING"
    wish = {"number": 1, "wanted": True, "age_s": 1.0, "subject": evil}
    streams = {"imu_back": {"notes": [evil], "port": evil}}
    told = {"state": "running" + evil, "record": wish, "streams": streams}
    told["faults"] = [{"number": 3, "stream": evil, "text": evil, "remedy": evil}]
    plain = {"state": "running", "record": {**wish, "subject": "S01"}, "faults": [{"number": 3}]}
    plain["streams"] = {"imu_back": {"notes": ["a note"]}}
    lines = text.status_text(told, bold=False).split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == len(text.status_text(plain, bold=False).split("\n"))
    assert "start S01 (1 s old)" in text.status_text(plain, bold=False)


def test_what_is_unusual_is_said_in_a_frame_and_in_a_status():
    client_frame = {
        "unusual": ("imu_back", "movement"),
        "missing": (),
        "valid": True,
        "angle": {},
        "moment": {},
    }
    client_frame |= {"ground": {side: make_frame().ground[0] for side in "rl"}}
    others = dict.fromkeys(ReceivedFrame.__dataclass_fields__.keys() - client_frame.keys(), 0)
    line = text.frame_line(ReceivedFrame(**client_frame, **{**others, "state": "running"}))
    assert line.endswith("valid  unusual imu_back movement")
    shown = text.status_text({"state": "running", "unusual": ["imu_back"]}, bold=False)
    assert "unusual imu_back: unlike what the model was trained on" in shown
    assert "unusual" not in text.status_text({"state": "running", "unusual": []}, bold=False)


@pytest.mark.parametrize("command", ["echo", "hz", "status"])
def test_silence_is_told_with_a_remedy(command, capsys, monkeypatch):
    monkeypatch.setattr(tools, "SILENCE_S", 0.3)
    assert cli.main([command, "--endpoint", "tcp://127.0.0.1:1"]) == cli.BAD_INPUT
    told = capsys.readouterr().err
    assert told.startswith("second-skin: no service heard on tcp://127.0.0.1:1 within")
    assert "is it running?" in told


def test_a_service_that_ends_is_told_too(ticking, capsys, monkeypatch):
    monkeypatch.setattr(tools, "SILENCE_S", 0.3)
    publisher, ticker = ticking()
    with FrameClient(publisher.addresses["public"][0]) as client:
        assert client.recv(3000) is not None
        ticker.paused.set()
        with pytest.raises(tools.EndpointError, match="has sent nothing"):
            list(tools._batches(client, None))


def test_a_frame_of_one_side_that_is_not_valid(ticking):
    publisher, ticker = ticking()
    ticker.paused.set()
    with FrameClient(publisher.addresses["public"][0]) as client:
        client.recv(300)
        nan = float("nan")
        publisher.post(
            make_frame(10**6, valid=False, state="degraded", missing=("insole_l",), outcomes=(nan,) * 14)
        )
        frames = client.recv_all(3000)
        line = text.frame_line(frames[-1])
    assert "knee -/- deg" in line
    assert line.endswith("missing insole_l")


def test_summary_is_nearest_rank():
    assert text.summary(list(range(101))) == {"p50": 50, "p99": 99, "max": 100}
    assert text.to_json(text.summary([])) == '{"p50": null, "p99": null, "max": null}'
