"""Biofeedback: warns the wearer while the moment of the lower back, or of a knee, is above a limit.

    python examples/biofeedback.py                                     # lower back, limit 1.5 Nm/kg, a bar and a tone
    python examples/biofeedback.py --moment knee --limit 1.0 --quiet   # the knee that bears more; no sound
    python examples/biofeedback.py --shift monday.json                 # and adds up the dose of the shift

Needs pyzmq and msgpack alone. It is silent, and says so, while the suit does not vouch for its moments: no frames for
50 ms, frames that are not valid, feet that do not carry the person. The limits are examples, not medical advice: choose
them for the task and the person.

The moment is smoothed by one pole (time constant --smooth-ms, by which a warning comes later; 0 switches it off). A
warning begins above the limit and ends below nine tenths of it. For the dose see jetson_runtime/dose.py: what it adds
up is not smoothed. Ctrl-C or SIGTERM ends it and prints the dose.
"""

from __future__ import annotations

import argparse
import array
import fcntl
import io
import math
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jetson_runtime.client import FrameClient, ReceivedFrame
from jetson_runtime.shift import Shift, moments_hold
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import ShiftError, SuitError

MOMENTS = {
    "lumbar": ("lumbar_extension_moment",),
    "knee": ("knee_angle_r_moment", "knee_angle_l_moment"),
    "knee_r": ("knee_angle_r_moment",),
    "knee_l": ("knee_angle_l_moment",),
}
DOSED = ("lumbar_extension_moment", "knee_angle_r_moment", "knee_angle_l_moment")
LIMIT_NM_PER_KG = {"lumbar": 1.5, "knee": 1.0, "knee_r": 1.0, "knee_l": 1.0}
RELEASE = 0.9
BAR_WIDTH = 40
DRAW_S = 0.05
LINE_S = 1.0
SAVE_S = 5.0
TONE_S = 0.15
TONE_HZ = 880.0
TONE_RATE_HZ = 16_000
TONE_LOUDNESS = 0.3
STUCK_S = 2.0


@dataclass(frozen=True)
class Reading:
    """`size`: of the smoothed moment in Nm/kg, None while not valid, and `why` says why; `over`: a warning holds."""

    size: float | None
    over: bool = False
    why: str = ""


class Watch:
    """Smooths the greatest of the moments `names` and says whether it is above `limit` (Nm/kg), with hysteresis.

    A suit that is worn for one side sends that side's alone: then those of `names` count that it sends.
    """

    def __init__(self, names: Sequence[str], limit: float, smooth_ms: float) -> None:
        self.reading = Reading(None, why="no frame yet")
        self._names, self._limit, self._smooth_ns = names, limit, smooth_ms * 1e6
        self._before_ns = 0

    def take(self, frame: ReceivedFrame) -> None:
        """A frame behind the one before it; after one that is not valid the smoothing begins anew."""
        told = [frame.moment[name] for name in self._names if name in frame.moment]
        if not told:
            self.silence(f"the suit does not send {' or '.join(self._names)}")
            return
        if not moments_hold(frame) or not all(map(math.isfinite, told)):
            self.silence(why_not(frame))
            return
        size = max(map(abs, told))
        before = self.reading.size
        if before is not None and self._smooth_ns > 0:
            step_ns = max(0, frame.t_ns - self._before_ns)
            size = before + (1.0 - math.exp(-step_ns / self._smooth_ns)) * (size - before)
        self._before_ns = frame.t_ns
        limit = self._limit * (RELEASE if self.reading.over else 1.0)
        self.reading = Reading(size, over=size > limit)

    def silence(self, why: str) -> None:
        """No moment is known now."""
        self.reading = Reading(None, why=why)


def why_not(frame: ReceivedFrame) -> str:
    """Why a frame's moments are not used."""
    if frame.valid and not moments_hold(frame):
        return "the feet do not carry the wearer"
    missing = f", missing: {', '.join(frame.missing)}" if frame.missing else ""
    return f"not valid: {frame.state}{missing}"


class Sound:
    """A short tone by `aplay` where it is there and works, else the terminal's bell; never two at once, no wait."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._player = shutil.which("aplay")
        self._tone = tone()
        self._playing: subprocess.Popen[bytes] | None = None
        self._next_s = self._began_s = 0.0

    def beep(self) -> None:
        now_s = time.monotonic()
        if self._quiet or now_s < self._next_s:
            return
        self._next_s = now_s + 2 * TONE_S
        if self._playing is not None and (self._playing.poll() or now_s - self._began_s > STUCK_S):
            self._playing.kill()
            self._player = None  # no sound card, or it hangs: from now on the bell
        if self._player is None:
            print("\a", end="", flush=True)
        elif self._playing is None or self._playing.poll() is not None:
            self._began_s = now_s
            self._playing = subprocess.Popen(
                [self._player, "-q", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            assert self._playing.stdin is not None
            try:
                # 5 kB: a pipe takes that at once, whatever the player does.
                self._playing.stdin.write(self._tone)
                self._playing.stdin.close()
            except OSError:
                self._player = None


def tone() -> bytes:
    """A WAV file of one tone that begins and ends softly."""
    count = int(TONE_S * TONE_RATE_HZ)
    samples = array.array("h")
    for i in range(count):
        soft = min(1.0, 10 * i / count, 10 * (count - i) / count)
        samples.append(
            round(32767 * TONE_LOUDNESS * soft * math.sin(2 * math.pi * TONE_HZ * i / TONE_RATE_HZ))
        )
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(TONE_RATE_HZ)
        out.writeframes(samples.tobytes())
    return file.getvalue()


class Screen:
    """A bar that is drawn over itself on a terminal; elsewhere a line a second and at each change."""

    def __init__(self, title: str, limit: float) -> None:
        self._title, self._limit = title, limit
        self._drawn_s = -math.inf
        self._said: tuple[bool, str] | None = None

    def show(self, reading: Reading) -> None:
        now_s, said = time.monotonic(), (reading.over, reading.why)
        if sys.stdout.isatty():
            if now_s - self._drawn_s >= DRAW_S:
                self._drawn_s = now_s
                colour = "\033[31;1m" if reading.over else "\033[2m" if reading.size is None else "\033[32m"
                print(f"\r\033[K{colour}{self.line(reading)}\033[0m", end="", flush=True)
        elif said != self._said or now_s - self._drawn_s >= LINE_S:
            self._drawn_s, self._said = now_s, said
            print(self.line(reading), flush=True)

    def line(self, reading: Reading) -> str:
        """The bar is full at twice the limit, which is marked by a |."""
        if reading.size is None:
            return f"{self._title}  SILENT  {reading.why}"
        full = min(BAR_WIDTH, round(BAR_WIDTH * reading.size / (2 * self._limit)))
        bar = list("#" * full + " " * (BAR_WIDTH - full))
        bar[BAR_WIDTH // 2] = "|"
        word = "OVER" if reading.over else "ok"
        return f"{self._title}  {reading.size:5.2f} Nm/kg [{''.join(bar)}] limit {self._limit:.2f}  {word}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--endpoint", default=DEFAULT_PUBLIC, help=f"of the service ({DEFAULT_PUBLIC})")
    parser.add_argument("--key", type=Path, help="key file, for a suit at another machine's address")
    parser.add_argument("--moment", choices=MOMENTS, default="lumbar")
    parser.add_argument("--limit", type=float, metavar="NM_PER_KG", help="1.5 for lumbar, 1.0 for a knee")
    parser.add_argument("--smooth-ms", type=float, default=100.0, help="time constant (100)")
    parser.add_argument("--quiet", action="store_true", help="no sound")
    parser.add_argument("--shift", type=Path, metavar="FILE", help="adds the dose of the shift up in FILE")
    parser.add_argument("--seconds", type=float, help="ends by itself")
    options = parser.parse_args()
    if options.limit is None:
        options.limit = LIMIT_NM_PER_KG[options.moment]
    if not 0 < options.limit < math.inf or not 0 <= options.smooth_ms < math.inf:
        parser.error("--limit is to be above 0, --smooth-ms 0 or more")
    if options.seconds is not None and not 0 <= options.seconds < math.inf:
        parser.error("--seconds is to be 0 or more")
    return options


@contextmanager
def claimed(path: Path | None) -> Iterator[None]:
    """While it lasts no other one adds to `path`, by a lock beside it that ends with the process; the lock's file
    stays, as a name that is removed could be locked by two. ShiftError: another does, or nothing can be kept there."""
    if path is None:
        yield
        return
    if path.exists() and not path.is_file():
        raise ShiftError(f"{path}: is a folder or a device; name a file")
    try:
        lock = path.with_name(f".{path.name}.lock").open("ab")
    except OSError as error:
        raise ShiftError(
            f"{path}: cannot be kept there: {error.strerror}; make the folder, or name a file where you may write"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ShiftError(f"{path}: another one adds to it; end that one, or name another file") from None
        yield


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    watch = Watch(MOMENTS[options.moment], options.limit, options.smooth_ms)
    try:
        with claimed(options.shift):
            shift = Shift(options.shift, DOSED) if options.shift else None
            with FrameClient(
                options.endpoint, key_file=options.key, same_clock=options.key is None
            ) as client:
                return run(client, watch, shift, options)
    except KeyboardInterrupt:
        return 0
    except (SuitError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 2


def run(client: FrameClient, watch: Watch, shift: Shift | None, options: argparse.Namespace) -> int:
    """Until it is ended; the dose is saved every 5 s and at the end, and where it cannot be, the warnings go on."""
    screen, sound = Screen(options.moment, options.limit), Sound(options.quiet)
    end_s = math.inf if options.seconds is None else time.monotonic() + options.seconds
    saved_s, trouble = time.monotonic(), ""
    try:
        while time.monotonic() < end_s:
            for frame in client.recv_all(50):
                watch.take(frame)
                if shift is not None:
                    shift.take(frame, (client.hello or {}).get("body_mass_kg"))
            if not client.alive:
                watch.silence("nothing heard from the suit")
            screen.show(watch.reading)
            if watch.reading.over:
                sound.beep()
            if shift is not None and time.monotonic() - saved_s >= SAVE_S:
                saved_s = time.monotonic()
                trouble = save(shift, trouble)
    except KeyboardInterrupt:
        pass
    finally:
        if shift is not None:
            trouble = save(shift, trouble)
    if shift is not None:
        again = f", gone on with {shift.restarts} times" if shift.restarts else ""
        print(f"\n{shift.path}{again}{', not saved' if trouble else ''}\n{shift.dose.text()}")
    return 2 if trouble else 0


def save(shift: Shift, trouble: str) -> str:
    """Why the shift could not be saved, '' once it was. trouble: of the time before; the same is not said again."""
    try:
        shift.save()
    except OSError as error:
        why = f"{shift.path}: cannot be saved: {error.strerror}; it is tried again, and the warnings go on"
        if why != trouble:
            print(f"\n{why}", file=sys.stderr)
        return why
    return ""


if __name__ == "__main__":
    sys.exit(main())
