"""Where emulated devices are plugged in: one thread that moves their bytes through their ports at the right times."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from drivers.emulator.pty_port import PtyPort

T = TypeVar("T")

_LONGEST_WAIT_S = 0.5


class Device(Protocol):
    """A sans-I/O device; times are CLOCK_MONOTONIC ns of the host. All calls come from the bench's thread."""

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes from the host."""

    def next_ns(self) -> int:
        """When bytes leave the device next, if nothing is fed before."""

    def due(self, now_ns: int) -> list[bytes]:
        """What has left the device by `now_ns`, in order."""


class Bench:
    """Plugs devices into ports and runs them: in the caller's thread (`run`), or `with Bench() as bench` in its own."""

    def __init__(self) -> None:
        self.ports: list[PtyPort] = []
        self._devices: list[Device] = []
        self._next_ns: list[int] = []
        self._orders: deque[Callable[[], None]] = deque()
        self._again_ns = 0
        self._period_ns: int | None = None
        self._again: Callable[[], None] | None = None
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._plugged: dict[int, int] = {}
        self._open = [self._wake]
        self._stopping = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Bench:
        self._thread = threading.Thread(target=self.run, name="emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()
        self.close()

    def add(self, port: PtyPort, device: Device) -> None:
        """Plug `device` into `port`; the bench closes the port in the end."""
        self.do(lambda: self._add(port, device))

    def do(self, order: Callable[[], T]) -> T:
        """Run `order` in the bench's thread between two of its turns, and return its result.

        Ports are plugged and unplugged in this way alone.
        """
        if self._thread is None or self._thread is threading.current_thread():
            return self._done(order)
        result: Future[T] = Future()

        def run_order() -> None:
            try:
                result.set_result(self._done(order))
            except Exception as error:
                result.set_exception(error)

        self._orders.append(run_order)
        os.eventfd_write(self._wake, 1)
        return result.result(timeout=10)

    def every(self, period_s: float, order: Callable[[], None]) -> None:
        """Run `order` in the bench's thread every `period_s` from now on, instead of an earlier such order."""
        self._period_ns, self._again = round(period_s * 1e9), order
        self._again_ns = time.monotonic_ns() + self._period_ns

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler or another thread, and again."""
        self._stopping = True
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Move bytes until `stop`."""
        while not self._stopping:
            self.turn()

    def close(self) -> None:
        """Unplug everything."""
        for port in self.ports:
            port.close()
        os.close(self._wake)
        self._wake = -1

    def turn(self) -> None:
        """Wait for the host's bytes or the next due ones, whichever is first, and move them."""
        wait_s = (
            min(self._next_ns, default=time.monotonic_ns() + 1_000_000_000) - time.monotonic_ns()
        ) * 1e-9
        ready, _, _ = select.select(self._open, [], [], min(max(wait_s, 0.0), _LONGEST_WAIT_S))
        now_ns = time.monotonic_ns()
        for fd in ready:
            if fd != self._wake:
                i = self._plugged[fd]
                self._devices[i].feed(self.ports[i].read(), now_ns)
                self._next_ns[i] = self._devices[i].next_ns()
        if self._wake in ready:
            self._obey_orders()
        for i, next_ns in enumerate(self._next_ns):
            if next_ns <= now_ns:
                for data in self._devices[i].due(now_ns):
                    self.ports[i].write(data)
                self._next_ns[i] = self._devices[i].next_ns()
        if self._again is not None and now_ns >= self._again_ns and self._period_ns:
            self._again_ns = now_ns + self._period_ns
            self._done(self._again)

    def _add(self, port: PtyPort, device: Device) -> None:
        self.ports.append(port)
        self._devices.append(device)
        self._next_ns.append(0)

    def _obey_orders(self) -> None:
        os.eventfd_read(self._wake)
        while self._orders:
            self._orders.popleft()()

    def _done(self, order: Callable[[], T]) -> T:
        """The order's result; it may have changed which ports are open and when a device is due."""
        result = order()
        self._plugged = {port.fileno(): i for i, port in enumerate(self.ports) if port.plugged}
        self._open = [self._wake, *self._plugged]
        self._next_ns = [device.next_ns() for device in self._devices]
        return result
