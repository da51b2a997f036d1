"""What the page asks of the service, over the control socket as any client does; and what came of it in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jetson_runtime.stream import orders
from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit import tasks_table
from jetson_runtime.suit.errors import CommandRefused, SuitError
from jetson_runtime.suit.labels import LABELS


class Outcome(NamedTuple):
    """done: else `text` says why not, and what to do."""

    done: bool
    text: str


class Steering:
    """Requests to the control address `endpoint`, None where there is none. Each blocks until it is answered."""

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint

    def tare(self) -> Outcome:
        """Neutral stance is now."""
        return self._ask(
            "tare", lambda result: f"tare {result['tare_id']} taken of {len(result['parts'])} sensors", {}
        )

    def mark(self, fields: Mapping[str, str], phase: str | None = None) -> Outcome:
        """A line for the recording; what is empty in `fields` (text, task, subject, trial) is left out."""
        given = {name: value.strip() for name, value in fields.items() if value and value.strip()}
        if phase is not None and "trial" not in given:
            return Outcome(False, "a trial needs a name or a number in the field trial")
        if phase is not None:
            given["phase"] = phase
        words = " ".join(given.values())
        return self._ask("mark", lambda result: f"marked at {result['at_ns'] * 1e-9:.1f} s: {words}", given)

    def record(self, fields: Mapping[str, str], *, start: bool) -> Outcome:
        """Another file of the recorder from now on, or none; of `fields` it holds subject, task and trial."""
        labels = {name: fields[name].strip() for name in LABELS if fields.get(name, "").strip()}
        arguments = {"action": "start", **labels} if start else {"action": "stop"}
        return self._ask("record", orders.recording_line, arguments)

    def _ask(self, op: str, line: Any, arguments: Mapping[str, Any]) -> Outcome:
        if self._endpoint is None:
            return Outcome(False, "[output] of suit.toml names no control address of this machine")
        try:
            with ControlClient(self._endpoint) as client:
                return Outcome(True, line(client.ask(op, **arguments)))
        except CommandRefused as error:
            return Outcome(False, "; ".join([error.text, error.remedy]))
        except SuitError as error:
            return Outcome(False, str(error))


def tasks() -> dict[str, str]:
    """Code of each condition -> what it is called in a list."""
    return {code: f"{code}: {row['description']}" for code, row in tasks_table.rows().items()}
