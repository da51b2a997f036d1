"""11: insole zero and tare while the suit is worn: taken when the wearer does as told, refused by name when not."""

from __future__ import annotations

import math

import pytest
from hands import Hands
from running import Service, command

from jetson_runtime.fitting.load import LEAST
from jetson_runtime.suit.signals import STANDARD_GRAVITY

# A person told to stand the same way again does so within some degrees.
SAME_STANCE_DEG = 10.0


def test_the_insoles_are_zeroed_with_nobody_on_them(service: Service, hands: Hands) -> None:
    """By hand: both feet off the ground; then the wearer stands."""
    assert service.config.wearer is not None
    hands.take_the_weight_off()
    service.until_valid()
    print(service.ask("zero-insoles"))
    assert service.until(lambda: _load(service) < 0.02), "the unloaded insoles do not read zero"
    hands.stand()
    assert service.until(lambda: _load(service) > LEAST), (
        f"standing loads the insoles with {_load(service):.2f}"
    )
    weight_n = service.config.wearer.mass_kg * STANDARD_GRAVITY
    print(f"standing: {_load(service):.3f} of {weight_n:.0f} N on both insoles")
    assert _load(service) < 1.2


def test_zeroing_is_refused_while_somebody_stands_on_them(service: Service, hands: Hands) -> None:
    """By hand: the wearer stands."""
    hands.stand()
    service.until_valid()
    status, said = command("zero-insoles", "--control", service.config.output.control[-1])
    print(said)
    assert status == 2
    assert "insole_r" in said and "insole_l" in said


def test_after_a_tare_the_imus_tell_no_angle_in_the_same_stance(service: Service, hands: Hands) -> None:
    """By hand: neutral stance, still."""
    hands.stand()
    service.until_valid()
    print(service.ask("tare"))
    assert service.until(lambda: (service.status().get("tare") or {}).get("stale") is False)
    frame = service.until_valid()
    print({name: round(value, 1) for name, value in frame.angle_imu.items()})
    assert frame.angle_imu
    assert all(abs(value) < SAME_STANCE_DEG for value in frame.angle_imu.values())


def test_a_tare_is_refused_by_name_while_the_wearer_moves_and_the_old_one_kept(
    service: Service, hands: Hands
) -> None:
    """By hand: stand still, then walk on the spot."""
    hands.stand()
    service.until_valid()
    service.ask("tare")
    assert service.until(lambda: service.client.hello and service.client.hello["tare_id"])
    before = service.client.hello["tare_id"] if service.client.hello else pytest.fail("no hello")
    hands.walk_on_the_spot()
    status, said = command("tare", "--control", service.config.output.control[-1])
    print(said)
    hands.stand()
    assert status == 2
    assert "thigh" in said
    service.watch(2.0)
    assert service.client.hello["tare_id"] == before


def _load(service: Service) -> float:
    """Bodyweights on both insoles now."""
    frame = service.client.latest
    return sum(frame.ground[side].vgrf for side in "rl") if frame else math.nan
