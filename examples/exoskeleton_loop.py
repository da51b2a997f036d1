"""An exoskeleton's controller: a share of a joint's moment as torque, none where the stream may not be acted on.

    python examples/exoskeleton_loop.py --share 0.2 --torque-limit 30

writes t,state,input,torque (s, word, Nm/kg, Nm), a line each step. clients/cpp/exoskeleton_loop.cpp is the same for
loops of 1 kHz. Needs pyzmq and msgpack.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import select
import signal
import sys
import time
from pathlib import Path

from jetson_runtime.client import FrameClient
from jetson_runtime.suit.errors import SuitError

# A loop that overslept goes on from where it was, at no greater step than this gives.
LONGEST_STEP_S = 0.01
LIGHTEST_KG, HEAVIEST_KG = 20, 250


class TorqueRamp:
    """Limits torque and its rate. Once a wish is missing it goes down in a straight line over `down_s`, which the rate
    limit always allows, and to the end; behind `steady_s` of wishes without a gap it comes back from none, by a share
    that takes `up_s` to grow to all that is wanted."""

    def __init__(
        self,
        limit_nm: float,
        rate_nm_per_s: float,
        down_s: float,
        up_s: float,
        steady_s: float,
        longest_step_s: float = LONGEST_STEP_S,
    ) -> None:
        """ValueError: settings that cannot all be kept."""
        above_zero = (limit_nm, rate_nm_per_s, up_s, longest_step_s)
        if not all(math.isfinite(one) and one > 0 for one in above_zero):
            raise ValueError("torque limit, rate limit, way up and longest step must be above zero")
        if not 0.1 <= down_s <= 0.3:
            raise ValueError("the way down must take 100 to 300 ms")
        if not 0.1 <= steady_s <= 10:
            raise ValueError("what comes before the way up must take 100 ms to 10 s")
        if limit_nm > rate_nm_per_s * down_s:
            raise ValueError("the rate limit must allow the torque limit to go down in time")
        self.state = "off"
        self.torque_nm = 0.0
        self._limit_nm, self._rate, self._down_s, self._up_s = limit_nm, rate_nm_per_s, down_s, up_s
        self._steady_s, self._longest_step_s = steady_s, longest_step_s
        self._share = self._fall_nm_per_s = self._wished_s = 0.0

    def step(self, wanted_nm: float | None, elapsed_s: float) -> float:
        """The torque from now on. wanted_nm: None, or no number, where nothing may be acted on. elapsed_s: since the
        step before."""
        dt = max(0.0, min(elapsed_s, self._longest_step_s))
        # By min and max alone a NaN would become the whole limit.
        wish = wanted_nm if wanted_nm is not None and math.isfinite(wanted_nm) else None
        self._wished_s = 0.0 if wish is None else self._wished_s + dt
        is_up = self.state in ("rising", "following")
        if wish is not None and (is_up or (self.state == "off" and self._wished_s > self._steady_s)):
            self._follow(wish, dt)
        elif self.state != "off":
            self._fall(dt)
        return self.torque_nm

    def _follow(self, wanted_nm: float, dt: float) -> None:
        self._share = min(1.0, self._share + dt / self._up_s)
        self.state = "rising" if self._share < 1.0 else "following"
        goal = self._share * max(-self._limit_nm, min(self._limit_nm, wanted_nm))
        most = self._rate * dt
        self.torque_nm += max(-most, min(most, goal - self.torque_nm))

    def _fall(self, dt: float) -> None:
        if self.state != "falling":
            self.state, self._fall_nm_per_s = "falling", abs(self.torque_nm) / self._down_s
        left = abs(self.torque_nm) - self._fall_nm_per_s * dt
        if left > 1e-9:
            self.torque_nm = math.copysign(left, self.torque_nm)
        else:
            self.state, self.torque_nm, self._share = "off", 0.0, 0.0


def wanted(client: FrameClient, options: argparse.Namespace, notes: Notes) -> tuple[float, float | None]:
    """The moment in Nm/kg and the torque in Nm; NaN and None unless they may be acted on: the frame young, alive, at
    its rate and valid, the moment carried by the feet, the wearer's mass known."""
    frame, newest = client.value(options.max_age_ms), client.latest
    if newest is not None and options.moment not in newest.moment:
        notes.say("moment", f"the suit does not send {options.moment}; it sends {', '.join(newest.moment)}")
    if frame is None or not frame.moment_valid:
        return math.nan, None
    moment = frame.moment.get(options.moment, math.nan)
    mass_kg = options.mass or told_mass_kg(client, notes)
    return moment, options.share * moment * mass_kg if mass_kg else None


def told_mass_kg(client: FrameClient, notes: Notes) -> float | None:
    """Of the wearer as the suit tells it, where somebody can weigh that."""
    told = (client.hello or {}).get("body_mass_kg")
    if told is None or (isinstance(told, int | float) and LIGHTEST_KG <= told <= HEAVIEST_KG):
        return told
    notes.say("mass", f"the suit's body_mass_kg of {told!r} is not used: 20 to 250, or --mass")
    return None


def tell(line: str, descriptor: int = 1) -> None:
    """Nobody who does not read, or no longer, may hold up or end a loop that has torque on."""
    with contextlib.suppress(OSError):
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, line.encode())


class Notes:
    """On stderr, each matter once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, matter: str, line: str) -> None:
        if matter not in self._said:
            self._said.add(matter)
            tell(f"{line[:500]}\n", 2)


def assist(client: FrameClient, ramp: TorqueRamp, options: argparse.Namespace) -> str | None:
    """Until a signal comes, or the client fails, and the torque has gone down; why it failed."""
    ending: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: ending.append(number))
    failure, notes = None, Notes()
    tell("t,state,input,torque\n")
    before_s = due_s = time.monotonic()
    while not (ending or failure) or ramp.state != "off":
        # Multiples of the period since the start; those that were overslept are left out.
        due_s += (max(0.0, time.monotonic() - due_s) * options.rate // 1 + 1) / options.rate
        time.sleep(max(0.0, due_s - time.monotonic()))
        now_s = time.monotonic()
        moment, torque = math.nan, None
        if not (ending or failure):
            try:
                moment, torque = wanted(client, options, notes)
            except Exception as error:  # whatever it is, the torque goes down by its ramp
                failure = f"{type(error).__name__}: {error}"
        torque_nm = ramp.step(torque, now_s - before_s)
        before_s = now_s
        # Here the torque goes to the drive, whose own watchdog must see to it that this loop still runs.
        tell(f"{now_s:.6f},{ramp.state},{moment:.6g},{torque_nm:.9g}\n")
    return failure


def made_ramp(options: argparse.Namespace) -> TorqueRamp:
    """ValueError: settings that cannot all be kept."""
    if options.key and not options.control:
        raise ValueError("--key is for a suit on another machine, whose clock has to be known: --control too")
    if not options.moment.endswith("_moment"):
        raise ValueError(f"--moment {options.moment}: is no moment; their names end in _moment")
    for name, most in (("share", 1), ("max_age_ms", 50), ("up_ms", 60_000)):
        if not 0 < getattr(options, name) <= most:
            raise ValueError(f"--{name.replace('_', '-')}: above 0, {most} at most")
    for name, least, most in (("rate", 100, 10_000), ("mass", LIGHTEST_KG, HEAVIEST_KG)):
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            raise ValueError(f"--{name}: {least} to {most}")
    ways_s = (ms / 1000 for ms in (options.down_ms, options.up_ms, options.steady_ms))
    longest_step_s = max(LONGEST_STEP_S, 2 / options.rate)
    return TorqueRamp(options.torque_limit, options.rate_limit, *ways_s, longest_step_s)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--endpoint", default="tcp://127.0.0.1:5555", help="the stream")
    add("--control", help="address of a suit on another machine, whose clock is then asked for")
    add("--key", type=Path, help="of `second-skin keys add`, for both addresses")
    add("--moment", default="ankle_angle_r_moment", help="what is assisted; the torque has its sign")
    add("--share", type=float, default=0.2, help="of the biological moment; 1 at most")
    add("--mass", type=float, help="kg of the wearer, 20 to 250; without it, what the suit says")
    add("--rate", type=float, default=500.0, help="steps a second")
    add("--max-age-ms", type=float, default=30.0, help="of the frame acted on, since its sending; 50 at most")
    add("--torque-limit", type=float, default=30.0, help="Nm")
    add("--rate-limit", type=float, default=300.0, help="Nm/s")
    add("--down-ms", type=float, default=200.0, help="100 to 300: how long the torque takes to go")
    add(
        "--steady-ms", type=float, default=500.0, help="how long without a gap it may be acted on before that"
    )
    add("--up-ms", type=float, default=500.0, help="how long the torque takes to come back, from none")
    options = parser.parse_args()
    try:
        ramp = made_ramp(options)
        client = FrameClient(
            options.endpoint, key_file=options.key, same_clock=not options.control, control=options.control
        )
    except SuitError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except ValueError as error:
        parser.error(str(error))
    with client:
        sys.exit(assist(client, ramp, options))


if __name__ == "__main__":
    main()
