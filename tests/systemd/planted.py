"""The service as a container starts it, with the faults that a test plants by making a file in /faults.

Without such a file it is the service as it is. Runs in the container, as `second-skin` of a release.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from jetson_runtime import cli
from jetson_runtime.inference.pipeline import Pipeline
from jetson_runtime.service.health import Health
from jetson_runtime.stream.publisher import Publisher

FAULTS = "/faults"


def planted(fault: str) -> bool:
    return os.path.exists(f"{FAULTS}/{fault}")


def stuck_in_the_model() -> None:
    time.sleep(3600)


def spins_for_ever() -> None:
    while True:
        pass


def stuck_publisher() -> None:
    time.sleep(3600)


def stuck_main_thread() -> None:
    time.sleep(3600)


def before(owner: type, method: str, fault: str, act: Callable[[], None]) -> None:
    """Lets `owner.method` act first while the fault is planted."""
    original = getattr(owner, method)

    def faulty(self: Any, *arguments: Any) -> Any:
        if planted(fault):
            act()
        return original(self, *arguments)

    setattr(owner, method, faulty)


def leak() -> None:
    """Takes memory until the kernel has had enough."""
    hoard = []
    while True:
        if planted("leak"):
            hoard.append(b"x" * 16_000_000)
        time.sleep(0.05)


def flood() -> None:
    """Writes lines as fast as the journal takes them."""
    while True:
        if planted("flood"):
            sys.stderr.write("a line of a flood\n")
        else:
            time.sleep(0.05)


before(Pipeline, "step", "model", stuck_in_the_model)
before(Pipeline, "step", "spin", spins_for_ever)
before(Publisher, "_send_frames", "publisher", stuck_publisher)
before(Health, "look", "main", stuck_main_thread)
for body in (leak, flood):
    threading.Thread(target=body, daemon=True).start()
sys.exit(cli.main())
