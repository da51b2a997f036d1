"""One thing looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

OK, WARNING, FAILED = "ok", "warning", "failed"


class Check(NamedTuple):
    """remedy: what to do; empty where `state` is ok."""

    name: str
    state: str
    text: str
    remedy: str = ""


Checks = Iterator[Check]


def ok(name: str, text: str) -> Check:
    """All is well."""
    return Check(name, OK, text)


def warning(name: str, text: str, remedy: str) -> Check:
    """It works, but not as well as it could."""
    return Check(name, WARNING, text, remedy)


def failed(name: str, text: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, FAILED, text, remedy)


def of_error(name: str, error: Exception) -> Check:
    """An error of ours says what is wrong and, behind the first semicolon, what to do."""
    text, _, remedy = str(error).partition("; ")
    return failed(name, text, remedy or "see the message")


def guarded(name: str, look: Callable[[], Checks]) -> Checks:
    """`look`, whose own defect must not hide the other checks."""
    try:
        yield from look()
    except Exception as error:
        yield failed(name, f"could not be looked at: {type(error).__name__}: {error}", "send this line to us")
