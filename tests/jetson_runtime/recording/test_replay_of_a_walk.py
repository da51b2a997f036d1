"""A walk heard from its middle: heel strikes and toe-offs of before the first byte are told all the same."""

from __future__ import annotations

from heard_again import compare
from listener import Listener
from worn_suit import until

from jetson_runtime.bench import live
from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream import messages


def test_a_walk_heard_from_its_middle_replays_to_the_last_bit() -> None:
    with live.emulated_suit(SHIPPED) as suit:
        local = f"ipc://{suit.folder}/local"
        path = suit.config("walk", model={"engine": "numpy"}, output={"local": [local]})
        with live.service(suit, path) as (_, client):

            def walked() -> bool:
                client.recv_all(20)
                newest = client.latest
                return newest is not None and all(
                    foot.heel_strike_ns and foot.toe_off_ns for foot in newest.ground.values()
                )

            assert until(walked, 120.0)
            listener = Listener(local)
            try:
                end = client.frames + 1000
                assert until(lambda: client.recv_all(20) is None or client.frames > end, 120.0)
            finally:
                listener.close()
    due, different = compare(listener)
    assert due > 200
    assert different == []
    (state,) = [event[1] for event in listener.events() if event[0] == "state"]
    frames = listener.decoded(messages.FRAME)
    assert all(isinstance(ns, int) for foot in state["feet"][:2] for ns in foot[2:])
    strikes = {frame["ground"][side]["heel_strike_ns"] for frame in frames for side in "rl"}
    assert len(strikes) > 4
    assert any(abs(value) > 30 for frame in frames for value in frame["velocity"].values())
