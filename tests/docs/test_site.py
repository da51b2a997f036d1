"""The site builds strictly, loads nothing from elsewhere, and every link and picture of it is there."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="the site's tools (extra docs) need Python 3.11 or later")

from built_site import Page, build, pages

ELSEWHERE = re.compile(r"^(https?:)?//")
IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?([^'\")\s;]+)")
SHOWN = ("index.html", "messages.html", "build.html", "reliability.html", "api/client.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, Page]:
    return pages(site)


def test_every_page_of_docs_is_there(site: Path, read: dict[Path, Page]) -> None:
    sources = [path for path in Path("docs").rglob("*.md") if "making" not in path.parts]
    assert len(sources) > 20
    for source in sources:
        assert site / source.relative_to("docs").with_suffix(".html") in read


def test_nothing_is_loaded_from_elsewhere(site: Path, read: dict[Path, Page]) -> None:
    loaded = [(page.path.name, url) for page in read.values() for url in page.loaded]
    assert loaded
    assert [(name, url) for name, url in loaded if ELSEWHERE.match(url)] == []
    styles = [page.styles for page in read.values()]
    styles += [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    styles += [path.read_text(encoding="utf-8") for path in site.rglob("*.svg")]
    assert [url for style in styles for url in IN_STYLE.findall(style) if ELSEWHERE.match(url)] == []


def test_every_link_and_picture_is_there(read: dict[Path, Page]) -> None:
    missing = []
    for path, page in read.items():
        if path.name == "404.html":
            continue
        for url in page.loaded + page.links:
            parts = urlsplit(url)
            if parts.scheme or ELSEWHERE.match(url):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                missing.append(f"{path.name}: {url}")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].ids:
                missing.append(f"{path.name}: {url}, no such place there")
    assert missing == []


def test_every_picture_says_what_it_shows(read: dict[Path, Page]) -> None:
    assert [(page.path.name, src) for page in read.values() for src in page.unnamed_images] == []


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on a web server of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("width", [1280, 360])
def test_a_browser_asks_nobody_else_and_no_page_is_too_wide(address: str, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs a browser (apt install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.set_default_timeout(300_000)
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
        for name in SHOWN:
            page.goto(f"{address}/{name}")
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) <= 0, name
        if width > 1000:
            page.locator(".md-search__input").fill("settling_ms")
            page.locator(".md-search-result__link").first.wait_for()
        browser.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []
