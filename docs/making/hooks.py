"""For MkDocs: files of the checkout that a page links to are part of the site, below files/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).resolve().parents[2]
_UPWARDS = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Adds each file outside docs/ that a page names by a relative link, and those that such a page names itself."""
    pages = list(files.documentation_pages())
    for page in pages:  # grows
        for link, _ in _UPWARDS.findall(page.content_string):
            place = _on_site(page.src_uri, link)
            if place.startswith("files/") and files.get_file_from_path(place) is None:
                file = File.generated(config, place, abs_src_path=str(_ROOT / place.removeprefix("files/")))
                files.append(file)
                if file.is_documentation_page():
                    pages.append(file)
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """The same links, to where the site has those files."""
    folder = posixpath.dirname(page.file.src_uri)

    def inside(match: re.Match[str]) -> str:
        place = _on_site(page.file.src_uri, match[1])
        return f"]({posixpath.relpath(place, folder or '.')}{match[2] or ''})" if place else match[0]

    return _UPWARDS.sub(inside, markdown)


def _on_site(page: str, link: str) -> str:
    """Where the site has the file that a page's link leads to; '' where there is none."""
    source = page.removeprefix("files/") if page.startswith("files/") else f"docs/{page}"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if path.startswith("..") or not (_ROOT / path).is_file():
        return ""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"files/{path}"
