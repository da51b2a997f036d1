"""Which edge of the sync line is the pulse that a session waits for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import zmq

from jetson_runtime.collect.suit import Suit
from jetson_runtime.stream import messages

# What [sync] tells, and which of a rise at 10, its fall at 20 is the newest pulse.
CASES = [("both", 10), ("falling", 20), (None, 10)]


@pytest.mark.parametrize(("edge", "newest"), CASES)
def test_the_end_of_a_pulse_is_none(tmp_path: Path, edge: str | None, newest: int) -> None:
    """edge None: the status of a service that does not tell it."""
    endpoint = f"ipc://{tmp_path}/public"
    with zmq.Context() as context, context.socket(zmq.PUB) as service:
        service.bind(endpoint)
        suit = Suit(endpoint, f"ipc://{tmp_path}/control", None)
        try:
            told = {"sync": {"edges": 2, "lost": 0, "last_ns": 20} | ({"edge": edge} if edge else {})}
            end_s = time.monotonic() + 60.0
            while suit.session is None and time.monotonic() < end_s:
                service.send_multipart((b"status", messages.encode_status(told, "s1", 1)))
                suit.look()
                time.sleep(0.01)
            for name, at_ns in (("rising", 10), ("falling", 20)):
                content = {"edge": name, "number": 1, "at_ns": at_ns}
                service.send_multipart((b"event", messages.encode_event(messages.SYNC, content, "s1", at_ns)))
            # What comes in order behind them says that they have come.
            service.send_multipart((b"status", messages.encode_status(told, "s2", 2)))
            while suit.session != "s2" and time.monotonic() < end_s:
                suit.look()
            assert suit.pulse_ns == newest
        finally:
            suit.close()
