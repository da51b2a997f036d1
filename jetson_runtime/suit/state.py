"""What outlives the service and a power cut: tare, wearer, zero of the insoles, verdict of the fit check.

One JSON file with its own checksum in the state folder, and beside it the one before: whichever is whole is read, and
what was read from the older one is `stale`: its tare stays so through every save until the next one. That mark stands
beside the state, where a version that does not know it reads past it: after a rollback the tare counts as good. The
folder also holds the last config that the service could run with.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jetson_runtime.suit import durable
from jetson_runtime.suit.config import Wearer
from jetson_runtime.suit.errors import StateError

FORMAT = 1
_FOLDER = "state"
_FILE, _BEFORE = "state.json", "state.before.json"
_STALE = "tare_stale"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# A host whose clock was not set yet says 1970; a tare of another boot then has no age.
_CLOCK_SET_NS = 1_577_836_800_000_000_000

Part = str
Side = Literal["r", "l"]
Matrix = Annotated[tuple[float, ...], Field(min_length=9, max_length=9)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Instant(_Table):
    """When something was taken: on the host's wall clock, and on CLOCK_MONOTONIC of one boot."""

    utc_ns: int
    boot_id: str
    monotonic_ns: int

    @staticmethod
    def now() -> Instant:
        return Instant(
            utc_ns=time.time_ns(), boot_id=BOOT_ID.read_text().strip(), monotonic_ns=time.monotonic_ns()
        )

    def age_s(self, now: Instant) -> float | None:
        """How long before `now`; None where it was another boot and no wall clock tells."""
        if self.boot_id == now.boot_id:
            return (now.monotonic_ns - self.monotonic_ns) * 1e-9
        if min(self.utc_ns, now.utc_ns) < _CLOCK_SET_NS or now.utc_ns < self.utc_ns:
            return None
        return (now.utc_ns - self.utc_ns) * 1e-9


class PartTare(_Table):
    """One segment's: see `inference.tare.Tare`, matrices row by row; serial: of the device that carried it.

    power_up_ns: when the device's clock stood at zero, on CLOCK_MONOTONIC; its heading is worth nothing after another.
    """

    axes: Matrix
    neutral: Matrix
    serial: str
    power_up_ns: int


class TareState(_Table):
    """A neutral stance; `parts` by name, those of every worn device that tells its orientation."""

    tare_id: str
    at: Instant
    parts: dict[Part, PartTare]


class WearerState(_Table):
    """Who wears the suit, as told by command; `config`: what suit.toml said then, whose later change wins."""

    at: Instant
    wearer: Wearer
    config: Wearer | None


class InsoleZero(_Table):
    """What an unloaded insole reads: force in N and its moments about the grid's centre in N m."""

    at: Instant
    serial: str
    force_n: float
    moment_ap_nm: float
    moment_ml_nm: float


class FitState(_Table):
    """The last fit check. found: what it refused, empty where it passed. basis: what it holds for (`fit_basis`)."""

    at: Instant
    found: tuple[str, ...]
    basis: str


class SuitState(_Table):
    """All of it. A field that is None was never set. tare_stale: the tare is not the last that was taken."""

    tare: TareState | None = None
    wearer: WearerState | None = None
    insole_zero: dict[Side, InsoleZero] = {}
    fit: FitState | None = None
    tare_stale: bool = Field(default=False, exclude=True)


@dataclass(frozen=True)
class Loaded:
    """`damage` says what was wrong with the file, empty for a good one; stale: the tare of `state` is not the last one,
    since the file is, or once was, that of the save before."""

    state: SuitState
    damage: str = ""

    @property
    def stale(self) -> bool:
        return bool(self.damage) or self.state.tare_stale


class Worn(NamedTuple):
    """What commands may change of a suit that is worn. zero: by side, of the insole with that serial number."""

    wearer: Wearer | None
    zero: Mapping[Side, InsoleZero]


def plain(told: Worn) -> dict[str, Any]:
    """`told` of plain types, for a recording."""
    zero = {side: one.model_dump() for side, one in told.zero.items()}
    return {"wearer": told.wearer.model_dump() if told.wearer else None, "zero": zero}


def from_plain(told: Mapping[str, Any]) -> Worn:
    """What `plain` made; ValueError for anything else."""
    wearer = Wearer.model_validate(told["wearer"]) if told["wearer"] else None
    return Worn(wearer, {side: InsoleZero.model_validate(one) for side, one in told["zero"].items()})


def worn(state: SuitState, config: Wearer | None) -> Worn:
    """What holds now. config: [wearer] of suit.toml, which wins where it was changed after the command."""
    told = state.wearer
    return Worn(told.wearer if told is not None and told.config == config else config, state.insole_zero)


class StateFolder:
    """The one reader and writer of a state folder; made where it is not there. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._current_is_good = True

    @staticmethod
    def of(config: Path, given: Path | None) -> StateFolder:
        """That of the service on the config at `config`: `given`, or `state` beside the config."""
        return StateFolder(given or config.parent / _FOLDER)

    def load(self) -> Loaded:
        """The state as last saved, else the one before, else an empty one; never raises for what a file holds."""
        state, damage = _read(self.path / _FILE)
        before, _ = _read(self.path / _BEFORE)
        if state is None and not damage and before is not None:
            damage = f"{self.path / _FILE}: is gone"
        self._current_is_good = not damage
        if not damage:
            return Loaded(state or SuitState())
        return Loaded((before or SuitState()).model_copy(update={"tare_stale": True}), damage)

    def save(self, state: SuitState) -> None:
        """On the disk when it returns; StateError where that fails, and then what was saved before stands."""
        path = self.path / _FILE
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self._current_is_good and path.exists():
                durable.keep(path, self.path / _BEFORE)
            durable.write(path, _encode(state))
        except OSError as error:
            raise StateError(
                f"{path}: cannot be written: {error.strerror}; check the disk and the rights on the folder"
            ) from error
        self._current_is_good = True

    def config_copy(self, config: Path) -> Path:
        """Where the last good copy of the config at `config` lies."""
        return self.path / f"{config.name}.last-good"

    def keep_config(self, config: Path) -> None:
        """Keeps a config that the service runs with; StateError where the folder cannot be written."""
        copy = self.config_copy(config)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            content = config.read_bytes()
            if not copy.is_file() or copy.read_bytes() != content:
                durable.write(copy, content)
        except OSError as error:
            raise StateError(
                f"{copy}: cannot be written: {error.strerror}; check the disk and the rights on the folder"
            ) from error


def _read(path: Path) -> tuple[SuitState | None, str]:
    """The state and what is wrong with its file; (None, "") where there is none."""
    try:
        kept = json.loads(path.read_bytes())
        if kept["format"] != FORMAT:
            return None, f"{path}: is of format {kept['format']}, this version reads {FORMAT}"
        if kept["sha256"] != _digest(kept["state"]):
            return None, f"{path}: its checksum is wrong"
        stale = kept.get(_STALE, False)
        if not isinstance(stale, bool):
            return None, f"{path}: {_STALE} is neither true nor false"
        state = SuitState.model_validate_json(json.dumps(kept["state"]))
        return state.model_copy(update={"tare_stale": stale}), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"{path}: cannot be read: {error.strerror}"
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        return None, f"{path}: {key}: {error.errors()[0]['msg']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, f"{path}: is cut off or damaged"


def _encode(state: SuitState) -> bytes:
    content = state.model_dump(mode="json")
    kept = {"format": FORMAT, "sha256": _digest(content), _STALE: state.tare_stale, "state": content}
    return json.dumps(kept, indent=1).encode()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
