"""What stops a sweep: bad input, a cluster that is not there, a disk that is full."""

from __future__ import annotations

from jetson_runtime.suit.errors import SuitError


class SweepError(SuitError):
    """A sweep cannot start or go on; the message says what to do. What is done stays done."""
