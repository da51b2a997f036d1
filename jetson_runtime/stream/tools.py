"""`second-skin echo`, `hz` and `status`: a running service seen from a terminal, as any other client sees it.

Exit status: 0 all is well; 1 a service was heard, but it is not well; 2 nothing was heard, or bad input.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
import time
from collections.abc import Iterator
from typing import Any

from jetson_runtime.client import RATE_TOLERANCE, FrameClient, ReceivedFrame
from jetson_runtime.stream import text
from jetson_runtime.stream.clock import Offset
from jetson_runtime.stream.options import add_key
from jetson_runtime.suit.addresses import DEFAULT_PUBLIC
from jetson_runtime.suit.errors import EndpointError
from jetson_runtime.suit.languages import LANGUAGES
from jetson_runtime.suit.signals import RATE_HZ

WELL, UNWELL = 0, 1
SILENCE_S = 3.0
WINDOW_S = 1.0
# These tools print every frame, so they let more of them wait than a controller would: 10 s.
_QUEUE_FRAMES = 2000
_POLL_MS = 100.0


def add_echo_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `echo`."""
    _common_arguments(parser)
    parser.add_argument("--count", type=_positive_int, metavar="N", help="end after N frames")
    parser.add_argument("--seconds", type=_positive, metavar="S", help="end after S seconds")


def add_hz_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hz`."""
    _common_arguments(parser)
    parser.add_argument("--count", type=_positive_int, metavar="N", help="end after N windows of 1 s")
    parser.add_argument("--seconds", type=_positive, metavar="S", help="end after S seconds")
    parser.add_argument(
        "--control",
        metavar="ADDRESS",
        help="of a service on another machine: where it is asked for its time, so that ages when read are known",
    )


def add_status_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `status`."""
    _common_arguments(parser)
    parser.add_argument("--count", type=_positive_int, metavar="N", help="print N of them, one a second (1)")
    parser.add_argument("--seconds", type=_positive, metavar="S", help="print all that come in S seconds")
    parser.add_argument("--language", choices=LANGUAGES, help="of the faults (as suit.toml says)")


def echo(options: argparse.Namespace) -> int:
    """Prints each frame as a line, or as a JSON object a line."""
    printed = 0
    with _connect(options) as client:
        for frames in _batches(client, options.seconds):
            left = len(frames) if options.count is None else options.count - printed
            for frame in frames[:left]:
                _print(text.to_json(dataclasses.asdict(frame)) if options.json else text.frame_line(frame))
            sys.stdout.flush()
            printed += min(left, len(frames))
            if printed == options.count:
                break
    return WELL


def hz(options: argparse.Namespace) -> int:
    """Prints rate, jitter, age and missed frames of each second; UNWELL if the last one was not at the rate."""
    count = options.count or (math.ceil(options.seconds / WINDOW_S) if options.seconds else None)
    result: dict[str, Any] = {}
    with _connect(options) as client:
        for result in itertools.islice(_windows(client), count):
            _print(text.to_json(result) if options.json else _window_line(result))
            sys.stdout.flush()
    return WELL if abs(result.get("rate_hz", 0.0) - RATE_HZ) < RATE_TOLERANCE * RATE_HZ else UNWELL


def status(options: argparse.Namespace) -> int:
    """Prints what the service says of itself; UNWELL unless the last one was `running` without a fault."""
    count = options.count or (None if options.seconds else 1)
    newest: dict[str, Any] = {}
    bold = sys.stdout.isatty()
    with _connect(options) as client:
        for newest in itertools.islice(_statuses(client, options.seconds), count):
            if options.json:
                _print(text.to_json(newest))
            else:
                _print(text.status_text(newest, bold=bold, language=options.language))
            sys.stdout.flush()
    return WELL if newest.get("state") == "running" and not newest.get("faults") else UNWELL


def _common_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--endpoint",
        default=DEFAULT_PUBLIC,
        metavar="ADDRESS",
        help=f"where the service publishes ({DEFAULT_PUBLIC})",
    )
    add_key(parser)
    parser.add_argument(
        "--json", action="store_true", help="JSON, one object a line; what is not a number is null"
    )


def _positive(word: str) -> float:
    value = float(word)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{word} is not above 0")
    return value


def _positive_int(word: str) -> int:
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{word} is not above 0")
    return value


def _connect(options: argparse.Namespace) -> FrameClient:
    control = getattr(options, "control", None)
    return FrameClient(
        options.endpoint,
        key_file=options.key,
        queue_frames=_QUEUE_FRAMES,
        same_clock=control is None,
        control=control,
    )


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _silence(client: FrameClient) -> EndpointError:
    if client.session is not None:
        return EndpointError(
            f"the service on {client.endpoint} has sent nothing for {SILENCE_S:.0f} s: did it end?"
        )
    return EndpointError(
        f"no service heard on {client.endpoint} within {SILENCE_S:.0f} s: is it running? "
        "start it with second-skin run or second-skin demo, or name its address with --endpoint"
    )


def _batches(client: FrameClient, seconds: float | None) -> Iterator[list[ReceivedFrame]]:
    """All frames as they come, for `seconds` from the first; EndpointError after SILENCE_S without any."""
    heard_s = time.monotonic()
    end_s: float | None = None
    while end_s is None or time.monotonic() < end_s:
        frames = client.recv_all(_POLL_MS)
        now_s = time.monotonic()
        if frames:
            heard_s = now_s
            if end_s is None and seconds is not None:
                end_s = now_s + seconds
            yield frames
        elif now_s - heard_s > SILENCE_S:
            raise _silence(client)


def _windows(client: FrameClient) -> Iterator[dict[str, Any]]:
    """What was measured in each window of 1 s; the first begins with the first frame, a new session a new one."""
    window: list[ReceivedFrame] = []
    missed = 0
    for frames in _batches(client, None):
        window = [frame for frame in window + frames if frame.session == frames[-1].session]
        if window[-1].publish_ns - window[0].publish_ns >= WINDOW_S * 1e9:
            yield _measure(window, client.missed - missed, client.restarts, client.clock)
            missed = client.missed
            window = window[-1:]


def _measure(window: list[ReceivedFrame], missed: int, restarts: int, clock: Offset | None) -> dict[str, Any]:
    """Rate and intervals by the time of sending; age of the content when sent, and when read here.

    clock: to add to the service's times; None: not known, and so is the age when read.
    """
    ahead_ns = math.nan if clock is None else -clock.ns
    sent_ns = [frame.publish_ns for frame in window]
    intervals_ms = [(after - before) * 1e-6 for before, after in itertools.pairwise(sent_ns)]
    return {
        "frames": len(window) - 1,
        "rate_hz": (len(window) - 1) * 1e9 / max(1, sent_ns[-1] - sent_ns[0]),
        "missed": missed,
        "interval_ms": text.summary(intervals_ms),
        "age_ms": text.summary([frame.age_ms for frame in window]),
        "read_age_ms": text.summary([(frame.receive_ns - frame.t_ns + ahead_ns) * 1e-6 for frame in window]),
        "clock": {
            "offset_ms": ahead_ns * 1e-6,
            "within_ms": clock.uncertainty_ns * 1e-6 if clock else math.nan,
        },
        "valid": sum(frame.valid for frame in window[1:]),
        "restarts": restarts,
    }


def _window_line(result: dict[str, Any]) -> str:
    def spread(name: str) -> str:
        return "/".join(text.number(result[name][key]) for key in ("p50", "p99", "max"))

    clock = result["clock"]
    ahead = (
        ""
        if clock["within_ms"] == 0.0
        else (f"  clock {text.number(clock['offset_ms'], 3)} ± {text.number(clock['within_ms'], 3)}")
    )
    return (
        f"{result['rate_hz']:7.2f} Hz  missed {result['missed']}  valid {result['valid']}/{result['frames']}  "
        f"p50/p99/max ms: interval {spread('interval_ms')}  age when sent {spread('age_ms')}  "
        f"when read {spread('read_age_ms')}{ahead}"
    )


def _statuses(client: FrameClient, seconds: float | None) -> Iterator[dict[str, Any]]:
    """Each new status message, for `seconds` from the first; EndpointError after SILENCE_S without any."""
    before: dict[str, Any] | None = None
    heard_s = time.monotonic()
    end_s: float | None = None
    while end_s is None or time.monotonic() < end_s:
        client.recv_all(_POLL_MS)
        now_s = time.monotonic()
        if client.status is not None and client.status is not before:
            before, heard_s = client.status, now_s
            if end_s is None and seconds is not None:
                end_s = now_s + seconds
            yield before
        elif now_s - heard_s > SILENCE_S:
            raise _silence(client)
