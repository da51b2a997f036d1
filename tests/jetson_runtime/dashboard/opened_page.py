"""For tests of the page in a browser: a window with the page in it, live, and all that it said and asked for."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

PATIENCE_MS = 60_000
PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1366, "height": 768}
WORD = "[data-part=word]"
expect.set_options(timeout=PATIENCE_MS)


class Opened:
    """The page in a window, and all that it said and asked for."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.said: list[str] = []
        self.hosts: set[str] = set()
        self.requests = self.bytes = 0
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.said.append(message.text) if message.type != "info" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._count(request.url))
        page.on("response", self._weigh)
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        began_s = time.monotonic()
        page.goto(url)
        self.is_running()
        page.wait_for_function(
            "document.querySelectorAll('[data-part=figure] polyline[points*=\",\"]').length == 3"
        )
        self.seconds = time.monotonic() - began_s

    def is_running(self) -> None:
        expect(self.page.locator(WORD)).to_have_text("RUNNING")

    def sensor(self, name: str, key: str) -> str:
        return self.page.locator(f"[data-sensor={name}] [data-key={key}]").inner_text()

    def _count(self, url: str) -> None:
        self.requests += 1
        self.hosts.add(urlsplit(url).netloc)

    def _weigh(self, response: object) -> None:
        length = response.headers.get("content-length", "0")  # type: ignore[attr-defined]
        self.bytes += int(length)
