"""Takes the dashboard's pictures from a live emulated suit: `python benchmarks/dashboard_pictures.py [FOLDER]`.

Needs Chromium, Playwright and Pillow. A person who stands, is tared, then walks and works (the shipped trial).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from jetson_runtime.bench import dashboard, live
from jetson_runtime.demo.children import Child
from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import CommandRefused

_LEAD_IN_S = 30
# Of the shipped trial, once it plays: in the middle of a walk.
_WALKS_S = 5.0
_TRACES_MS = 11_000
_PATIENCE_MS = 120_000
_COLOURS = 128


def main(folder: Path) -> None:
    """dashboard-laptop.png and dashboard-phone.png, as long as the page is."""
    with live.emulated_suit(SHIPPED, "--lead-in", str(_LEAD_IN_S)) as suit:
        began_s = time.monotonic()
        port = 18_980
        told = {"folder": str(suit.folder / "recordings"), "keep_free_mb": 0}
        config = suit.config("pictures", dashboard={"port": port}, recording=told)
        recorder = ["record", "--config", str(config), "--begin", "when_asked"]
        with (
            live.service(suit, config) as (service, client),
            Child(recorder, suit.folder / "record.log"),
            dashboard.page(config, port) as (_, url),
            dashboard.chromium(suit.folder) as browser,
        ):
            live.first_frame(service, client, valid=True)
            control = configs.load(config).output.control[0]
            _prepare(control)
            time.sleep(max(0.0, began_s + _LEAD_IN_S + _WALKS_S - time.monotonic()))
            for size in ("phone", "laptop"):
                _take(dashboard.new_page(browser, size), url, control, folder / f"dashboard-{size}.png")


def _take(window: Page, url: str, control: str, path: Path) -> None:
    """Once the traces are full."""
    said: list[str] = []
    window.on("console", lambda message: said.append(message.text))
    window.set_default_timeout(_PATIENCE_MS)
    window.goto(url, wait_until="commit")
    dashboard.wait_live(window)
    with ControlClient(control) as suit:
        suit.ask("mark", subject="S01", task="W1", trial="2", phase="begin")
        suit.ask("mark", text="path is wet")
    window.wait_for_timeout(_TRACES_MS)
    # On a machine with other work a picture of what changes twenty times a second takes minutes: it is held still.
    window.wait_for_function("() => document.querySelector('#popup')?.ariaHidden !== 'false'")
    window.evaluate("addEventListener('suit', (event) => event.stopImmediatePropagation(), true)")
    window.screenshot(path=path, full_page=True, scale="css")
    window.close()
    Image.open(path).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
    print(path, path.stat().st_size, said, flush=True)


def _prepare(control: str) -> None:
    with ControlClient(control) as suit:
        for _ in range(5):
            try:
                suit.ask("tare", seconds=1.0)
                break
            except CommandRefused as error:
                print(error)
        suit.ask("record", action="start", subject="S01", task="W1", trial="1")
        time.sleep(5.0)
        suit.ask("record", action="start", subject="S01", task="W1", trial="2")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "images")
