"""What errors of other people's libraries say."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """Of its message; its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
