"""The page: what is where on it, and what its buttons do. What is shown comes by `parts/live.js`, not through here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nicegui import Client, ui
from nicegui.element import Element
from starlette.responses import PlainTextResponse, Response

from jetson_runtime.dashboard import hub, steering
from jetson_runtime.dashboard.steering import Outcome, Steering

if TYPE_CHECKING:
    from jetson_runtime.dashboard.recordings import Recordings

_PARTS = Path(__file__).parent / "parts"
# What a mark's button says -> the trial's phase that it tells.
_PHASES = {"Mark": None, "Begin trial": "begin", "End": "end", "Keep": "kept", "Void": "void"}
# What a recorder's button says -> whether it is to begin.
_RECORDS = {"Start recording": True, "Stop recording": False}
_FIELDS = {"subject": "Subject", "trial": "Trial", "text": "Remark"}


class _Live(Element, component=_PARTS / "live.js"):
    """The big word, the faults, and that nothing is heard."""


class _Body(Element, component=_PARTS / "body.js"):
    """The eight sensors."""


class _Figure(Element, component=_PARTS / "figure.js"):
    """The stick figure."""


class _Feet(Element, component=_PARTS / "feet.js"):
    """The pressure maps."""


class _Traces(Element, component=_PARTS / "traces.js"):
    """Angles and moments."""


class _Rows(Element, component=_PARTS / "rows.js"):
    """One group of the account."""

    def __init__(self, group: str) -> None:
        super().__init__()
        self._props["group"] = group


class _Files(Element, component=_PARTS / "files.js"):
    """The recordings."""

    def __init__(self) -> None:
        super().__init__()
        self._props["files"] = []

    def show(self, files: list[dict[str, object]]) -> None:
        self._props["files"] = files
        self.update()


def register(orders: Steering, recordings: Recordings, *, logs_out: bool) -> None:
    """Makes the page known to NiceGUI, at `/`. logs_out: whether there is a session to leave."""

    @ui.page("/", title="Second Skin", dark=None)
    def page() -> Response | None:
        # A client of NiceGUI without a browser behind it is forgotten after a minute.
        if len(Client.instances) > 4 * hub.MOST:
            return PlainTextResponse("too many browsers; try again in a minute", 503)
        ui.add_css((_PARTS / "style.css").read_text(encoding="utf-8"))
        with ui.element("main").classes("page"):
            _Live()
            _worn_and_seen(orders)
            _recording(orders, recordings)
            _machine()
            _foot(logs_out)
        return None


def _worn_and_seen(orders: Steering) -> None:
    with _columns("wide"):
        with _stack():
            with _card("Sensors"):
                _Body()
            with _card("Worn"):
                _Rows("worn")
                _tare(orders)
        with _stack():
            with _columns("two"):
                with _card("Movement"):
                    _Figure()
                with _card("Pressure"):
                    _Feet()
            with _card("Angles and moments"):
                _Traces()


def _recording(orders: Steering, recordings: Recordings) -> None:
    with _columns("two"):
        with _card("Recorder"):
            _Rows("recorder")
            _record_and_mark(orders)
        with _stack():
            with _card("Recordings"):
                _files(recordings)
            with _card("What happened"):
                _Rows("events")


def _machine() -> None:
    with _columns("three"):
        with _card("Supply"):
            _Rows("supply")
        with _card("Ticks"):
            _Rows("timing")
            with ui.element("h3"):
                ui.label("Clients")
            _Rows("clients")
        with _card("Model"):
            _Rows("model")
            with ui.expansion("Card").props("dense").classes("model-card"):
                _Rows("card")


def _foot(logs_out: bool) -> None:
    with ui.element("footer").classes("foot"):
        ui.link("Support archive", "/support").props("download")
        ui.label("what a helper needs to see, without keys; takes some seconds")
        if logs_out:
            ui.link("Log out", "/logout")


def _tare(orders: Steering) -> None:
    with ui.element("div").classes("buttons"):
        button = ui.button("Tare").props("no-caps")
        ui.label("stand neutral and still, then press")
    _does({button: orders.tare})


def _record_and_mark(orders: Steering) -> None:
    """Both tell the task, the subject and the trial that the fields hold."""
    fields: dict[str, ui.input] = {}
    task = ui.select(
        steering.tasks(),
        label="Task",
        with_input=True,
        clearable=True,
        new_value_mode="add-unique",
        key_generator=lambda code: code,
    )
    task.props("dense").classes("task")
    with ui.element("div").classes("fields"):
        for name, label in _FIELDS.items():
            fields[name] = ui.input(label).props(f"dense maxlength=200 data-field={name}")

    def told() -> dict[str, str]:
        return {"task": task.value or "", **{name: field.value or "" for name, field in fields.items()}}

    buttons: dict[ui.button, Callable[[], Outcome]] = {}
    with ui.element("div").classes("buttons"):
        for label, start in _RECORDS.items():
            button = ui.button(label).props("no-caps" if start else "no-caps outline")
            buttons[button] = lambda start=start: orders.record(told(), start=start)  # type: ignore[misc]
    with ui.element("div").classes("buttons"):
        for label, phase in _PHASES.items():
            button = ui.button(label).props("no-caps" if phase is None else "no-caps outline")
            buttons[button] = lambda phase=phase: orders.mark(told(), phase)  # type: ignore[misc]
    _does(buttons)


def _does(buttons: dict[ui.button, Callable[[], Outcome]]) -> None:
    """Each button does its own while all of them wait; what came of it is said below them."""
    said = ui.label().classes("said").props("role=status")

    async def do(order: Callable[[], Outcome]) -> None:
        for button in buttons:
            button.disable()
        said.classes(remove="done refused").set_text("...")
        try:
            outcome = await asyncio.to_thread(order)
        finally:
            for button in buttons:
                button.enable()
        said.classes("done" if outcome.done else "refused").set_text(outcome.text)

    for button, order in buttons.items():
        button.on_click(lambda order=order: do(order))


def _files(recordings: Recordings) -> None:
    files = _Files()

    async def look() -> None:
        files.show(await asyncio.to_thread(recordings.listed))

    with ui.element("div").classes("buttons"):
        ui.button("Look again", on_click=look).props("no-caps outline")
    ui.timer(0.1, look, once=True)


def _card(title: str) -> Element:
    card = ui.element("section").classes("card")
    with card, ui.element("h3"):
        ui.label(title)
    return card


def _columns(kind: str) -> Element:
    return ui.element("div").classes(f"columns {kind}")


def _stack() -> Element:
    return ui.element("div").classes("stack")
