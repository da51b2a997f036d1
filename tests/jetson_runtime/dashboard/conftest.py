"""A suit, its service and its page, shared by the tests of this folder; and a browser, where there is one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recording"))

from opened_page import LAPTOP, PHONE, Opened
from playwright.sync_api import Browser, sync_playwright
from shown_suit import ShownSuit, shown


@pytest.fixture(scope="module")
def suit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownSuit]:
    with shown(tmp_path_factory.mktemp("shown")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs a browser (apt install chromium)")
    with sync_playwright() as driver:
        # Root has no sandbox in a container; the pages are our own.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def laptop(chromium: Browser, suit: ShownSuit) -> Iterator[Opened]:
    page = chromium.new_page(viewport=LAPTOP)  # type: ignore[arg-type]
    yield Opened(page, suit.dashboard.url)
    page.close()


@pytest.fixture
def phone(chromium: Browser, suit: ShownSuit) -> Iterator[Opened]:
    page = chromium.new_page(viewport=PHONE, device_scale_factor=2)  # type: ignore[arg-type]
    yield Opened(page, suit.dashboard.url)
    page.close()
