"""What a technician does at the suit, asked for on the terminal; on the emulated suit it is done at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from person import Person


class Cable(Protocol):
    """One device's, emulated."""

    def unplug(self) -> None: ...

    def replug(self) -> None: ...


# What an emulated device has computed ahead is felt for so long.
_AHEAD_S = 0.4


class Hands:
    """outlets: of the emulated suit, empty where a person is asked; wearer: who wears that one. say: writes past
    pytest's capture."""

    def __init__(self, outlets: Mapping[str, Cable], wearer: Person, say: Callable[[str], None]) -> None:
        self._outlets = outlets
        self._wearer = wearer
        self._say = say

    def unplug(self, name: str) -> None:
        """Returns when the cable of `name` is out, as far as anybody says."""
        self._do(f"pull the cable of {name}", [self._outlets[name].unplug] if self._outlets else [])

    def replug(self, name: str) -> None:
        """Returns when it is in again."""
        self._do(f"plug {name} in again", [self._outlets[name].replug] if self._outlets else [])

    def swap_battery(self) -> None:
        """All sensors lose their power for some seconds."""
        self._do("switch the sensors' power off", [outlet.unplug for outlet in self._outlets.values()])
        time.sleep(2.0)
        self._do("switch it on again", [outlet.replug for outlet in self._outlets.values()])

    def stand(self) -> None:
        """The wearer stands upright and still, on both feet."""
        self._move("stand upright and still, on both feet", {"r": 350.0, "l": 350.0}, {})

    def take_the_weight_off(self) -> None:
        """Nobody stands on the insoles; they press a little all the same, in their shoes."""
        self._move("take both feet off the ground (sit, legs hanging)", {"r": 12.0, "l": 9.0}, {})

    def walk_on_the_spot(self) -> None:
        """Until told otherwise."""
        swings = {"thigh_r": 30.0, "thigh_l": 30.0, "shank_r": 20.0, "shank_l": 20.0}
        self._move("walk on the spot, and go on with it", {"r": 350.0, "l": 350.0}, swings)

    def at_the_pins(self, what: str, act: Callable[[], object] | None) -> None:
        """act: what does it on the emulated suit."""
        self._do(what, [act] if act else [])

    def _move(self, what: str, force_n: dict[str, float], swing_deg: dict[str, float]) -> None:
        def act() -> None:
            self._wearer.force_n, self._wearer.swing_deg = force_n, swing_deg
            time.sleep(_AHEAD_S)

        self._do(what, [act] if self._outlets else [])

    def _do(self, what: str, acts: Sequence[Callable[[], object]]) -> None:
        if not acts:
            self._say(f"\nBY HAND: {what}, then press Enter")
            input()
        for act in acts:
            act()
