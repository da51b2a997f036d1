"""What a request may not hold: refused before it is sent, or by the service's own check."""

from __future__ import annotations

from pathlib import Path

import pytest
import zmq

from jetson_runtime import cli
from jetson_runtime.stream import control, curve, key_files
from jetson_runtime.stream.control import Refusal
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.stream.messages import CONTROL_REQUEST_LIMIT_BYTES, ControlCode
from jetson_runtime.suit.errors import CommandRefused, EndpointError


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2J", "\u202eback", " ", "tab\t"])
def test_what_a_terminal_would_obey_is_refused_and_so_are_blanks(text: str) -> None:
    for op, key in (("mark", "text"), ("mark", "trial"), ("record", "subject"), ("tell_fit", "found")):
        arguments = {"mark": {}, "record": {"action": "start"}, "tell_fit": {"session": "s1"}}[op]
        told = [text] if key == "found" else text
        with pytest.raises(Refusal) as refused:
            control.parse({"op": op, **arguments, key: told})
        assert refused.value.code == ControlCode.BAD_ARGUMENT
        assert "may hold no control characters" in refused.value.reasons[0]
        assert refused.value.reasons[0].startswith(key)
    assert control.parse({"op": "mark", "text": "höher, 2° 試"}) == control.Mark(text="höher, 2° 試")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["bad\udcff"], "mark: a text is no UTF-8; "),
        (["--repetition", "9" * 23], "mark: a number is beyond 64 bits; "),
    ],
)
def test_what_no_request_can_hold_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert cli.main(["mark", *words]) == cli.BAD_INPUT
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1


def test_the_largest_request_behind_a_key_passes_the_limit_too(tmp_path: Path) -> None:
    """CURVE makes it longer."""
    keys = key_files.init(tmp_path / "keys").parent
    tablet = key_files.add(keys, "tablet", tmp_path)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as service:
        service.setsockopt(zmq.LINGER, 0)
        service.setsockopt(zmq.MAXMSGSIZE, CONTROL_REQUEST_LIMIT_BYTES)
        service.setsockopt(zmq.CURVE_SERVER, 1)
        service.setsockopt(zmq.CURVE_SECRETKEY, curve.load_server(keys).secret)
        port = service.bind_to_random_port("tcp://127.0.0.1")
        with ControlClient(f"tcp://127.0.0.1:{port}", key_file=tablet) as client:
            with pytest.raises(CommandRefused, match="4063 are the most"):
                client.ask("mark", text="x" * CONTROL_REQUEST_LIMIT_BYTES)
            with pytest.raises(EndpointError, match="no reply"):
                client.ask("mark", 2.0, text="x" * 4042)
            assert service.poll(5000)
            assert len(service.recv_multipart()[-1]) == 4063
