"""What an engine that ran raises."""

from __future__ import annotations


class EngineError(Exception):
    """The engine can compute no more, and no input is to blame: its GPU is lost or out of memory.

    Names the call that failed and what it said. Making the engine anew may help, trying the tick again does not.
    """
