"""16: the fit check: passed by who does as told, refused by name for who stands there, and the status says so."""

from __future__ import annotations

import time

from hands import Hands
from person import Person
from running import Service, begin_piped
from told_movements import FitMovements

# From the first line that the command prints to the first instruction.
COUNTDOWN_NS = 3_000_000_000


def test_who_only_stands_is_told_what_was_not_seen(service: Service, hands: Hands) -> None:
    """By hand: stand still the whole half minute, whatever is asked."""
    hands.stand()
    service.until_valid()
    status, said = _fit(service, None)
    assert status == 1, said
    assert "feet were not lifted" in said and "no squat" in said
    assert service.until(lambda: _verdict(service) == "refused")


def test_the_suit_as_it_is_worn_passes(service: Service, hands: Hands, person: Person) -> None:
    """By hand: stand, then do each movement as it is told."""
    hands.stand()
    service.until_valid()
    status, said = _fit(service, person)
    person.movements = None
    assert status == 0, said
    assert service.until(lambda: _verdict(service) == "passed")


def _fit(service: Service, person: Person | None) -> tuple[int, str]:
    """Exit status and words of `second-skin fit`; person: who does as told, where the suit is emulated."""
    process = begin_piped("fit", "--config", str(service.config_path))
    assert process.stdout is not None
    said = [process.stdout.readline()]
    if person is not None:
        person.movements = FitMovements(time.monotonic_ns() + COUNTDOWN_NS)
    said += process.stdout.readlines()
    print("".join(said))
    return process.wait(60), "".join(said)


def _verdict(service: Service) -> str:
    return str(service.status().get("fit", {}).get("verdict"))
