"""The panel's process: what the service says goes out to LED and buzzer, the button's tare goes in."""

from __future__ import annotations

import argparse
import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from drivers.gpio.chips import open_lines
from drivers.gpio.lines import Line, LineError, Lines
from jetson_runtime.client import FrameClient
from jetson_runtime.panel import buzzer, lamp
from jetson_runtime.panel.button import Button
from jetson_runtime.panel.buzzer import Buzzer
from jetson_runtime.panel.lamp import DARK, YELLOW, Colour, Lamp
from jetson_runtime.panel.seen import Seen, Watcher
from jetson_runtime.panel.tare import TareRequest
from jetson_runtime.suit import config_copy
from jetson_runtime.suit.addresses import for_this_machine
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.ending import until_signal
from jetson_runtime.suit.errors import ConfigError
from jetson_runtime.suit.pins import PanelTable

_STEP_S = 0.02
_ANSWER_S = 1.6
# Longer than the service takes to answer or to be given up.
_TAKING_S = 30.0
_TEST_S = 1.0
_BUTTON, _BUZZER = "button", "buzzer"

_log = logging.getLogger("second-skin-panel")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments and handler of `panel`."""
    add = parser.add_argument
    add("--config", type=Path, required=True, metavar="FILE", help="the suit's config, suit.toml")
    add("--state", type=Path, metavar="FOLDER", help="of the service (`state` beside the config)")
    add("--test", action="store_true", help="each output on for a second, one after another")
    parser.set_defaults(handler=lambda options: run(options.config, options.state, test=options.test))


def run(config_path: Path, state: Path | None = None, *, test: bool = False) -> int:
    """Until SIGTERM or SIGINT, then 0; at once where there is no [panel]. ConfigError where a line cannot be had.

    state: the service's folder, where the config's last good copy is. test: instead, each output is on for a second,
    one after another.
    """
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    config, copied = config_copy.load(config_path, state)
    if copied:
        _log.warning("%s", copied)
    if config.panel is None:
        _log.info("%s has no [panel]: nothing to do", config_path)
        return 0
    try:
        with _lines(config.panel) as lines:
            if test:
                _try_outputs(lines, config.panel)
            else:
                _follow(lines, config)
    except LineError as error:
        raise ConfigError(f"{config_path}: [panel]: {error}") from error
    return 0


class Panel:
    """`step` some fifty times a second."""

    def __init__(self, lines: Lines, settings: PanelTable, control: str | None) -> None:
        """control: where tares are asked for; None: nowhere."""
        self._lines = lines
        self._lamp, self._buzzer, self._button = Lamp(), Buzzer(), Button()
        self._settings = settings
        self._control = control
        self._tare: TareRequest | None = None
        self._shown: dict[str, bool] = {}

    def step(self, seen: Seen, now_ns: int) -> None:
        """Reads the button, shows what is to be shown at `now_ns`; LineError where the chip has gone."""
        now_s = now_ns * 1e-9
        for edge in self._lines.read():
            self._button.edge(edge.rising, edge.at_ns)
        if self._button.pressed(now_ns) and self._tare is None:
            self._ask(now_s)
        if self._tare is not None and self._tare.taken is not None:
            self._tell(self._tare.taken, now_s)
            self._tare = None
        self._show(self._lamp.colour(seen, now_s), self._buzzer.is_on(seen, now_s))

    def _ask(self, now_s: float) -> None:
        if self._control is None:
            _log.warning("tare: [output] of the config names no control address on this machine")
            return self._tell(False, now_s)
        self._tare = TareRequest(self._control)
        return self._lamp.answer(lamp.TAKING, now_s, _TAKING_S)

    def _tell(self, taken: bool, now_s: float) -> None:
        self._lamp.answer(lamp.TAKEN if taken else lamp.REFUSED, now_s, _ANSWER_S)
        self._buzzer.say(buzzer.TARE_TAKEN if taken else buzzer.TARE_REFUSED)

    def _show(self, colour: Colour, buzzes: bool) -> None:
        wanted = _outputs(self._settings, colour, buzzes)
        changed = {name: on for name, on in wanted.items() if self._shown.get(name) is not on}
        if changed:
            self._lines.set(changed)
            self._shown = wanted


def _follow(lines: Lines, config: SuitConfig) -> None:
    assert config.panel is not None, "seen by the caller"
    panel = Panel(lines, config.panel, for_this_machine(config.output.control))
    watcher = Watcher()
    endpoint = for_this_machine(config.output.public)
    if endpoint is None:
        raise ConfigError(
            "[panel] needs an address of this machine: add ipc:///run/second-skin/public to [output] public"
        )
    with until_signal() as ended, FrameClient(endpoint) as client:
        while not ended:
            client.recv_all(0)
            now_ns = time.monotonic_ns()
            panel.step(watcher.look(client.latest, client.status, now_ns), now_ns)
            time.sleep(_STEP_S)


def _try_outputs(lines: Lines, settings: PanelTable) -> None:
    for name in settings.lines():
        if name != _BUTTON:
            _log.info("%s is on", name)
            lines.set({name: True})
            time.sleep(_TEST_S)
            lines.set({name: False})


def _outputs(settings: PanelTable, colour: Colour, buzzes: bool) -> dict[str, bool]:
    """Of the lines that are there; a LED without blue shows yellow instead."""
    if colour.blue and settings.blue is None:
        colour = YELLOW
    wanted = {**colour._asdict(), _BUZZER: buzzes}
    return {name: on for name, on in wanted.items() if name in settings.lines()}


@contextlib.contextmanager
def _lines(settings: PanelTable) -> Iterator[Lines]:
    """All of the panel's; the outputs are off before and after."""
    wanted = {
        name: Line(at, "both" if name == _BUTTON else "output", name in settings.active_low, pull=True)
        for name, at in settings.lines().items()
    }
    lines = open_lines(settings.chip, wanted, "second-skin panel")
    try:
        yield lines
    finally:
        with contextlib.suppress(LineError):
            lines.set(_outputs(settings, DARK, False))
        lines.close()
