"""Takes the dashboard's pictures from a live emulated suit: `python docs/images/take.py [FOLDER]`.

Needs Chromium, Playwright and Pillow. A person who stands, is tared, then walks and works (the shipped trial).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image

from jetson_runtime.bench import dashboard, live
from jetson_runtime.demo.children import Child
from jetson_runtime.inference.bundle import SHIPPED
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import CommandRefused

_LEAD_IN_S = 40
# Of the shipped trial, once it plays: in the middle of a walk.
_WALKS_S = 14.0
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
            windows = {size: dashboard.new_page(browser, size) for size in ("laptop", "phone")}
            said: list[str] = []
            for window in windows.values():
                window.on("console", lambda message: said.append(message.text))
                window.goto(url)
                dashboard.wait_live(window)
            time.sleep(max(0.0, began_s + _LEAD_IN_S + _WALKS_S - time.monotonic()))
            for size, window in windows.items():
                window.bring_to_front()
                window.get_by_role("button", name="Look again").click()
                window.wait_for_timeout(1500)
                path = folder / f"dashboard-{size}.png"
                window.screenshot(path=path, full_page=True, scale="css")
                Image.open(path).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
                print(path, path.stat().st_size, said)


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
        suit.ask("mark", subject="S01", task="W1", trial="2", phase="begin")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
