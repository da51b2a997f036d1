"""The site as a reader's browser finds it: built strictly, its pages read."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a browser fetches by itself, by tag and attribute.
_LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("use", "href"),
    ("image", "href"),
}
_LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}


@dataclass
class Page(HTMLParser):
    """What one HTML file loads, where it leads, and its anchors."""

    path: Path
    loaded: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    unnamed_images: list[str] = field(default_factory=list)
    styles: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._in_style = False
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {key: value or "" for key, value in attrs}
        self._in_style = tag == "style"
        self.styles += told.get("style", "")
        self.ids |= {told[key] for key in ("id", "name") if key in told}
        self.loaded += [value for key, value in told.items() if (tag, key) in _LOADED]
        if tag == "link" and _LOADING_LINKS & set(told.get("rel", "").split()):
            self.loaded.append(told["href"])
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag == "img" and not told.get("alt"):
            self.unnamed_images.append(told.get("src", ""))

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles += data


def build(folder: Path) -> Path:
    """`mkdocs build --strict` into `folder`, as `make docs` does; AssertionError with what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


def pages(site: Path) -> dict[Path, Page]:
    """Every HTML file of the site but those of the checkout."""
    found = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "files"]
    return {path: Page(path) for path in found}
