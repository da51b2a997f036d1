"""What is set of the worn suit, kept on the disk: who wears it, its tare, its insoles' zero, the verdict of the fit.

One `Keeper` for a session. `change` is called by one thread at a time and may wait for the disk; all else by any.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any

from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.tare_checks import TareChecks
from jetson_runtime.service.wishes import RecordWishes
from jetson_runtime.suit import config_copy
from jetson_runtime.suit.config import SuitConfig, Wearer
from jetson_runtime.suit.errors import StateError
from jetson_runtime.suit.state import Instant, StateFolder, SuitState, Worn, worn

_log = logging.getLogger("second-skin")


class Keeper:
    """The state as it holds now. `checks`: whether the tare still fits the devices; `wishes`: for the recorder."""

    def __init__(self, folder: StateFolder, config: SuitConfig, problems: tuple[Problem, ...] = ()) -> None:
        """config: as suit.toml has it; problems: what was wrong with it."""
        loaded = folder.load()
        self.checks = TareChecks()
        self.wishes = RecordWishes(folder.path)
        # Since when a fit check holds for what is worn now, on CLOCK_MONOTONIC; a session has one suit.toml.
        self.basis_ns = 0
        self._folder = folder
        self._config = config
        self._state = loaded.state
        self._told = problems
        if loaded.damage:
            told = Problem(Fault.STATE_DAMAGED, f"{loaded.damage}; what was saved before it is used")
            self._told = (*problems, told)
        if self.wishes.damage:
            told = Problem(Fault.STATE_DAMAGED, f"{self.wishes.damage}; the recorder does as its config says")
            self._told = (*self._told, told)
        for problem in self._told:
            _log.warning("%s", problem)

    @property
    def state(self) -> SuitState:
        """What holds now."""
        return self._state

    @property
    def worn(self) -> Worn:
        """Wearer and insole zeros that hold now."""
        return worn(self._state, self._config.wearer)

    @property
    def config(self) -> SuitConfig:
        """suit.toml with the wearer that holds now."""
        return self._config.model_copy(update={"wearer": self.worn.wearer})

    @property
    def config_wearer(self) -> Wearer | None:
        """[wearer] of suit.toml."""
        return self._config.wearer

    def change(self, **fields: Any) -> None:
        """Sets fields of the state, on the disk first. StateError where the disk refuses; all is then as before."""
        if "tare" in fields:
            fields["tare_stale"] = False
        state = self._state.model_copy(update=fields)
        self._folder.save(state)
        before = self.fit_basis()
        self._state = state
        if self.fit_basis() != before:
            self.basis_ns = time.monotonic_ns()

    def keep_config(self, path: Path) -> None:
        """suit.toml is one that the service runs with: it is kept for the day on which it is damaged."""
        try:
            self._folder.keep_config(path)
        except StateError as error:
            self._told = (*self._told, Problem(Fault.STATE_NOT_KEPT, str(error).partition("; ")[0]))
            _log.warning("%s", error)

    def hello(self) -> dict[str, Any]:
        """What `hello` says of it."""
        wearer, tare = self.worn.wearer, self._state.tare
        return {
            "body_mass_kg": wearer.mass_kg if wearer else None,
            "tare_time_ns": tare.at.utc_ns if tare else None,
            "tare_id": tare.tare_id if tare else None,
        }

    def status(self) -> dict[str, Any]:
        """What `status` says of it: ages in seconds, None where no clock tells."""
        now, state = Instant.now(), self._state
        wearer = self.worn.wearer
        tare = None
        if state.tare is not None:
            tare = {
                "tare_id": state.tare.tare_id,
                "age_s": state.tare.at.age_s(now),
                "stale": state.tare_stale,
                "without_heading": list(self.checks.without_heading),
                "other_device": list(self.checks.other_device),
            }
        return {
            "tare": tare,
            "wearer": wearer.model_dump() if wearer else None,
            "insole_zero": {
                side: {"force_n": zero.force_n, "age_s": zero.at.age_s(now)}
                for side, zero in state.insole_zero.items()
            },
            "fit": self._fit(now),
        }

    def problems(self) -> list[Problem]:
        """What is wrong with it now."""
        found = list(self._told)
        if self.worn.wearer is None:
            found.append(Problem(Fault.NO_WEARER, "no wearer is set: frames are never valid"))
        if self._state.tare_stale and self._state.tare is not None:
            found.append(Problem(Fault.TARE_STALE, "the tare is the one before the last"))
        for part in self.checks.other_device:
            found.append(Problem(Fault.TARE_DEVICE, f"{part}: another device than at the tare carries it"))
        fit = self._fit(Instant.now())["verdict"]
        if fit in ("refused", "outdated"):
            found.append(Problem(Fault.NOT_FITTED, f"the fit check is {fit}"))
        return found

    def fit_basis(self) -> str:
        """A name for what a fit check holds for: the wearer, and where which device is mounted how."""
        wearer = self.worn.wearer
        streams = {
            name: [stream.port, stream.serial, stream.mounting]
            for name, stream in self._config.streams.items()
        }
        content = json.dumps([wearer.model_dump() if wearer else None, streams], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def _fit(self, now: Instant) -> dict[str, Any]:
        """verdict: never, passed, refused, or outdated where wearer or mounting have changed since."""
        fit = self._state.fit
        if fit is None:
            verdict = "never" if self._state.wearer is None else "outdated"
            return {"verdict": verdict, "age_s": None, "found": []}
        verdict = "refused" if fit.found else "passed"
        if fit.basis != self.fit_basis():
            verdict = "outdated"
        return {"verdict": verdict, "age_s": fit.at.age_s(now), "found": list(fit.found)}


def load_config(path: Path, folder: StateFolder) -> tuple[SuitConfig, tuple[Problem, ...]]:
    """The config at `path`, or its last good copy in `folder` and that it is one; ConfigError as `config_copy.load`."""
    config, copied = config_copy.load(path, folder.path)
    return config, (Problem(Fault.CONFIG_DAMAGED, copied),) if copied else ()
