"""Fixtures of the runtime's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from live_stream import Ticker, publishing

from jetson_runtime.stream.publisher import Publisher


@pytest.fixture
def ticking() -> Iterator[Callable[..., tuple[Publisher, Ticker]]]:
    """Starts a publisher that is fed a frame every 5 ms: `publisher, ticker = ticking(session=...)`."""
    with ExitStack() as stack:

        def start(**arguments: str) -> tuple[Publisher, Ticker]:
            publisher = stack.enter_context(publishing(**arguments))
            ticker = Ticker(publisher)
            stack.callback(ticker.stop)
            return publisher, ticker

        yield start
