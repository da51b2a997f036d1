"""`second-skin bench dashboard`: how soon the page is live in a browser, and what ten open ones cost the tick.

One service on one emulated suit; the page's server as its unit starts it. In pairs of stretches, ten pages are open in
Chromium or none is; which of a pair comes first alternates. Those browsers run where nothing else wants to
(SCHED_IDLE): on a suit they are phones, with processors of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jetson_runtime.bench import live, machine, pairs, report
from jetson_runtime.demo.children import Child
from jetson_runtime.inference.pipeline import max_wait_ns
from jetson_runtime.stream.text import number
from jetson_runtime.suit import config as configs
from jetson_runtime.suit.errors import SuitError, missing_package

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_OPENED, _BROWSERS, _PAIRS, _SECONDS = 10, 10, 10, 5.0
_PATIENCE_S = 120.0
# ms since the page was asked for, once it says RUNNING, draws the person, and has a number at every trace.
_IS_LIVE = """() => document.querySelector('[data-part=word]')?.textContent === 'RUNNING'
  && document.querySelectorAll('[data-part=figure] polyline[points*=","]').length === 3
  && document.querySelectorAll('[data-part=traces] canvas').length >= 8
  && [...document.querySelectorAll('[data-part=traces] .now')].every((x) => /[0-9]/.test(x.textContent))
  && performance.now()"""
_SIZES = {"laptop": (1366, 768, 1), "phone": (360, 740, 2)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `second-skin bench dashboard`."""
    add = parser.add_argument
    add("--opened", type=report.count, default=_OPENED, metavar="N", help=f"times it is opened ({_OPENED})")
    add("--browsers", type=report.count, default=_BROWSERS, metavar="N", help=f"at a time ({_BROWSERS})")
    add("--pairs", type=report.count, default=_PAIRS, metavar="N", help=f"how many ({_PAIRS})")
    add(
        "--seconds",
        type=report.positive,
        default=_SECONDS,
        metavar="S",
        help=f"of a stretch ({_SECONDS:.0f})",
    )
    report.add_engine(parser)
    report.add_bundle(parser)
    report.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and returns 0; SuitError: no browser here, or a service or a page that does not start."""
    about = machine.Machine()
    with live.emulated_suit(options.bundle) as suit:
        port = live.free_port()
        table = {"folder": str(suit.folder / "recordings")}
        config = suit.config(
            "dashboard", model={"engine": options.engine}, dashboard={"port": port}, recording=table
        )
        with live.service(suit, config) as (service, client):
            live.first_frame(service, client, valid=True)
            with page(config, port) as (server, url):
                with chromium(suit.folder) as browser:
                    opened = [_opened(browser, url, size) for size in _SIZES for _ in range(options.opened)]
                wait_ns = max_wait_ns(configs.load(config).limits)
                stretches: dict[str, list[dict[str, Any]]] = {side: [] for side in pairs.SIDES}
                with chromium(suit.folder, idle=True) as browser:
                    for side in pairs.in_turn(options.pairs):
                        with _crowd(browser, url, options.browsers if side == "on" else 0):
                            one = pairs.stretch(service, client, {"page": server}, options.seconds, wait_ns)
                        stretches[side].append(one)
    halves = {size: opened[i * options.opened :][: options.opened] for i, size in enumerate(_SIZES)}
    result = {
        "first_paint_ms": {
            size: {"first": ms[0], "median": statistics.median(ms), "max": max(ms), "opened": len(ms)}
            for size, ms in halves.items()
        },
        "browsers": options.browsers,
        **pairs.result(stretches),
        "pairs": options.pairs,
        "seconds": options.seconds,
        "machine": about.facts(),
    }
    report.put(result, _paint(result), pairs.table("browsers", result), as_json=options.json)
    return 0


@contextlib.contextmanager
def page(config: Path, port: int) -> Iterator[tuple[Child, str]]:
    """`second-skin dashboard`, once it answers, and where."""
    url = f"http://127.0.0.1:{port}"
    words = ["dashboard", "--config", str(config), "--state", str(config.parent / "state")]
    with Child(words, config.with_suffix(".page.log")) as server:
        end_s = time.monotonic() + _PATIENCE_S
        while not _answers(url):
            server.check()
            if time.monotonic() > end_s:
                raise SuitError(f"the page is not there after {_PATIENCE_S:.0f} s")
            time.sleep(0.1)
        yield server, url


@contextlib.contextmanager
def chromium(folder: Path, *, idle: bool = False) -> Iterator[Browser]:
    """Debian's, without a window. idle: only where nothing else wants the processor."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise missing_package(error, "dev") from error
    if program is None:
        raise SuitError("needs a browser: apt install chromium")
    if idle:
        wrapped = folder / "chromium-idle"
        wrapped.write_text(f'#!/bin/sh\nexec chrt --idle 0 "{program}" "$@"\n', encoding="utf-8")
        wrapped.chmod(0o755)
        program = str(wrapped)
    with sync_playwright() as driver:
        # Root has no sandbox in a container; the pages are our own.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def new_page(browser: Browser, size: str) -> Page:
    """A window of a browser that has seen nothing yet; size: `laptop` or `phone`."""
    width, height, scale = _SIZES[size]
    return browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)


def wait_live(window: Page) -> float:
    """ms from the asking for the page to live data on it; Playwright's TimeoutError where that does not come."""
    told = window.wait_for_function(_IS_LIVE, timeout=1000 * _PATIENCE_S)
    return float(told.json_value())


def _opened(browser: Browser, url: str, size: str) -> float:
    window = new_page(browser, size)
    try:
        window.goto(url, wait_until="commit")
        return wait_live(window)
    finally:
        window.close()


@contextlib.contextmanager
def _crowd(browser: Browser, url: str, count: int) -> Iterator[None]:
    """So many phones look at it, and see it live."""
    windows = []
    try:
        for _ in range(count):
            windows.append(new_page(browser, "phone"))
            windows[-1].goto(url, wait_until="commit")
        for window in windows:
            wait_live(window)
        yield
    finally:
        for window in windows:
            window.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _paint(result: dict[str, Any]) -> str:
    rows: Sequence[Sequence[str]] = [
        (size, str(told["opened"]), *(number(told[key] / 1e3, 2) for key in ("first", "median", "max")))
        for size, told in result["first_paint_ms"].items()
    ]
    return report.table(("live data, s", "opened", "first", "median", "max"), rows)
