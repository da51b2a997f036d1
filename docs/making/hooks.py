"""For MkDocs: files of the checkout that a page links to are part of the site, below files/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).resolve().parents[2]
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Adds each file outside docs/ that a page names by a relative link."""
    for page in list(files.documentation_pages()):
        for link in _OUTSIDE.findall(page.content_string):
            path = _outside(page.src_uri, link)
            if path and files.get_file_from_path(f"files/{path}") is None:
                files.append(File.generated(config, f"files/{path}", abs_src_path=str(_ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """The same links, to where the site has those files."""

    def inside(match: re.Match[str]) -> str:
        path = _outside(page.file.src_uri, match[1])
        up = "../" * page.file.src_uri.count("/")
        return f"]({up}files/{path})" if path else match[0]

    return _OUTSIDE.sub(inside, markdown)


def _outside(page: str, link: str) -> str:
    """The path within the checkout that a page's link leads to; '' where it stays in docs/ or is no file."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return "" if path.startswith(("docs/", "..")) or not (_ROOT / path).is_file() else path
