"""For tests of the stream: a publisher on real sockets, and frames to give it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jetson_runtime.inference.frame import Frame, Ground
from jetson_runtime.stream import messages
from jetson_runtime.stream.control import Submit
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.output import OutputTable
from jetson_runtime.suit.signals import PERIOD_NS, STREAM_NAMES, published_outcomes

SIDES = ("r", "l")
DESCRIPTION = messages.describe(
    model={"name": "test", "sha256": "ab" * 32},
    engine="numpy",
    precision="fp32",
    sides=SIDES,
    body_mass_kg=70.0,
)
GROUND = (Ground(0.5, 0.4, 0.6, True), Ground(0.0, float("nan"), float("nan"), False))
MAX_WAIT_NS = 8_000_000


def make_frame(seq: int = 0, **changes: Any) -> Frame:
    """A valid frame of now, with outcome i worth i."""
    now_ns = time.monotonic_ns()
    frame = Frame(
        seq=seq,
        t_ns=now_ns - 1_000_000,
        oldest_ns=now_ns - 15_000_000,
        valid=True,
        state="running",
        settling_ms=0.0,
        missing=(),
        outcomes=tuple(float(i) for i in range(len(published_outcomes(SIDES)))),
        ground=GROUND,
        interval=tuple(10.0 + i for i in range(len(published_outcomes(SIDES)))),
        unusual=(),
        velocity=tuple(20.0 + i for i in range(7)),
        moment_valid=True,
    )
    return frame._replace(**changes)


@contextmanager
def publishing(
    public: str = "tcp://127.0.0.1:*",
    latest: str = "tcp://127.0.0.1:*",
    control: str = "tcp://127.0.0.1:*",
    session: str = "s1",
    submit: Submit | None = None,
    udp: tuple[str, ...] = (),
) -> Iterator[Publisher]:
    """A publisher that runs in its own thread until the block ends."""
    output = OutputTable.model_construct(public=(public,), latest=(latest,), control=(control,), udp=udp)
    publisher = Publisher(output, session, SIDES, lambda: DESCRIPTION, MAX_WAIT_NS, submit)
    publisher.bind()
    thread = threading.Thread(target=publisher.run)
    thread.start()
    try:
        yield publisher
    finally:
        publisher.stop()
        thread.join(5.0)
        assert not thread.is_alive()


class Ticker:
    """Posts a frame every 5 ms from a thread of its own, as the reactor does, while not paused."""

    def __init__(self, publisher: Publisher) -> None:
        self.posted = 0
        # Of the frames to come; age_ns: how long before their posting their instant was.
        self.changes: dict[str, Any] = {}
        self.age_ns = 1_000_000
        self.paused = threading.Event()
        self._publisher = publisher
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        due_ns = time.monotonic_ns()
        while not self._ending.wait(max(0, due_ns - time.monotonic_ns()) / 1e9):
            due_ns += PERIOD_NS
            if self.paused.is_set():
                continue
            t_ns = time.monotonic_ns() - self.age_ns
            self._publisher.post(make_frame(self.posted, **{"t_ns": t_ns} | self.changes))
            self.posted += 1


def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Waits for `condition`; False if it does not come true in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


def _stream(**changes: Any) -> dict[str, Any]:
    fine = {
        "alive": True,
        "rate_hz": 200.0,
        "rate_ok": True,
        "valid": True,
        "age_ms": 3.0,
        "drops": 0,
        "bad_bytes": 0,
        "clock": {"offset_ms": 1.0, "skew_ppm": 20.0, "uncertainty_ms": 0.1, "restarts": 0},
        "port": "/dev/x",
        "serial": "6253.1",
        "model": "3DM-GX5-25",
        "notes": [],
        "detail": "",
        "missing_since_s": 0.0,
    }
    return fine | changes


_GONE = _stream(
    alive=False, rate_hz=0.0, rate_ok=False, valid=False, age_ms=float("nan"), port="", missing_since_s=4.0
)

STATUS: dict[str, Any] = {
    "state": "degraded",
    "uptime_s": 12.0,
    "engine": "numpy",
    "model": "test",
    "rate_hz": 200.0,
    "missed_ticks": 0,
    "late_ticks": 1,
    "lateness_ms": {"p50": 0.1, "p99": 0.3, "max": 1.0},
    "streams": {
        **{name: _stream() for name in STREAM_NAMES},
        "imu_back": _GONE,
        "imu_pelvis": _stream(notes=["rate 250 Hz: 200 does not divide the base rate of 500 Hz"]),
    },
    "faults": [{"number": 3, "stream": "imu_back", "text": "/dev/x is not there", "remedy": "plug it in"}],
    "publisher": {"sent": 100, "dropped": 0},
}
