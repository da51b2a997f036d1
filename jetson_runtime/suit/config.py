"""suit.toml: what is worn, by whom, where its ports are, and where the stream goes. Strict: every mistake at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from jetson_runtime.suit.config_rules import LOAD_OFF, LOAD_ON, mistakes_between
from jetson_runtime.suit.errors import ConfigDamaged, ConfigError
from jetson_runtime.suit.links import LinkName, delay_ns
from jetson_runtime.suit.mounting import DIRECTIONS, IN_SEGMENT_AXES, MOUNTINGS
from jetson_runtime.suit.output import OutputTable
from jetson_runtime.suit.pins import PanelTable, SyncTable
from jetson_runtime.suit.recording_table import RecordingTable
from jetson_runtime.suit.signals import FRESH_NS, SIDES_OF_CHOICE, Stream
from jetson_runtime.suit.table import AsPath
from jetson_runtime.suit.table import Table as _Table
from jetson_runtime.suit.web import DashboardTable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EngineName = Literal["auto", "native", "onnxruntime", "numpy", "tensorrt"]
Precision = Literal["fp32", "fp16"]
ProviderName = Literal["cpu", "cuda", "tensorrt"]
DEFAULT_CACHE = Path("/var/cache/second-skin")
# The keys that are paths, by table; [power] sys is one of this machine's, wherever the config lies.
_PATHS = {
    "model": ("bundle", "cache"),
    "security": ("keys",),
    "recording": ("folder",),
    "standby": ("socket",),
    "dashboard": ("password_file",),
}


class SuitTable(_Table):
    """Which legs are computed, and in which language faults are told."""

    sides: Literal["right", "left", "both"] = "both"
    language: Literal["de", "en"] = "en"


class Wearer(_Table):
    """Unloaded, unsuited body mass and the size of the feet: forces are told in bodyweights, centres in feet."""

    mass_kg: float = Field(ge=20.0, le=250.0)
    foot_length_m: float = Field(ge=0.15, le=0.40)
    foot_width_m: float = Field(ge=0.05, le=0.16)


class ModelTable(_Table):
    """The bundle folder and the engine that runs it; folders are relative to the config file.

    engine: `auto` times those that need no GPU at start-up and takes the fastest. precision: how native and tensorrt
    store the weights. provider: where onnxruntime computes. cache: folder in which tensorrt keeps what it built.
    """

    bundle: AsPath
    engine: EngineName = "auto"
    precision: Precision = "fp32"
    provider: ProviderName = "cpu"
    cache: AsPath = DEFAULT_CACHE


class StreamConfig(_Table):
    """One device: its port, its serial number, or both; how it is mounted (IMUs); the baud rate of its UART.

    With both, a device that is not at its port is searched for by its number, as one without a port is.

    link: what it is wired with (`links.py`); None: by kind of device. delay_ms: from sampling to receipt, the constant
    part that no clock estimate can see, as measured on the suit; None: that of the link.
    """

    port: Annotated[str, Field(min_length=1)] | None = None
    serial: Annotated[str, Field(min_length=1)] | None = None
    mounting: str = IN_SEGMENT_AXES
    baud: int = Field(default=921_600, ge=9_600, le=4_000_000)
    link: LinkName | None = None
    delay_ms: float | None = Field(default=None, ge=0.0, le=50.0)

    @field_validator("mounting")
    @classmethod
    def _known_mounting(cls, value: str) -> str:
        if value not in MOUNTINGS:
            raise ValueError(
                "is no mounting; write where the sensor's x and z axes point, as in x_up_z_back, with two of "
                f"{', '.join(DIRECTIONS)} that are at right angles"
            )
        return value


class Limits(_Table):
    """How long the aligner waits and for what, how old a stream may grow, and when a foot counts as loaded.

    policy: `smooth` waits for each insole's next sample and interpolates, `low_latency` holds the newest.
    max_wait_ms: after a grid time; None: by policy.
    """

    policy: Literal["low_latency", "smooth"] = "low_latency"
    max_wait_ms: float | None = Field(default=None, ge=0.0, le=50.0)
    imu_fresh_ms: float = Field(default=FRESH_NS["imu"] / 1e6, ge=5.0, le=100.0)
    insole_fresh_ms: float = Field(default=FRESH_NS["insole"] / 1e6, ge=13.0, le=200.0)
    load_on_bodyweights: float = Field(default=LOAD_ON, gt=0.0, le=0.5)
    load_off_bodyweights: float = Field(default=LOAD_OFF, gt=0.0, le=0.5)


class Security(_Table):
    """Who may connect. keys: folder of the CURVE keys (`second-skin keys`), relative to the config file; without it, an
    address that other machines can reach is refused.

    max_clients: connections at a time, of all endpoints together, a quarter of them kept for this machine;
    max_clients_per_address: from one other machine.
    """

    keys: AsPath | None = None
    max_clients: int = Field(default=64, ge=1, le=1000)
    max_clients_per_address: int = Field(default=8, ge=1, le=1000)


class PowerTable(_Table):
    """The supply. low_v: below it the input rail, or the pack by its own gauge, is low; None: by the monitor's alarms.

    pack_wh: what a full pack holds, for an estimate of the time that is left where no fuel gauge tells it. hot_c: too
    hot, for zones without a trip point of their own. sys: where the kernel's files are.
    """

    low_v: float | None = Field(default=None, gt=0.0, le=60.0)
    pack_wh: float | None = Field(default=None, gt=0.0, le=1000.0)
    hot_c: float = Field(default=90.0, ge=40.0, le=120.0)
    sys: AsPath = Path("/sys")


class Discovery(_Table):
    """Globs of the device files searched for a stream that names a serial number and no port."""

    ports: tuple[str, ...] = ("/dev/serial/by-id/*",)

    _tuple = field_validator("ports", mode="before")(
        lambda value: tuple(value) if isinstance(value, list) else value
    )


class StandbyTable(_Table):
    """socket: where `second-skin standby` listens, relative to the config file; None: each restart is a cold one."""

    socket: AsPath | None = None


class Realtime(_Table):
    """SCHED_FIFO priority of the reactor (0: normal scheduling) and the processors it is pinned to."""

    priority: int = Field(default=50, ge=0, le=98)
    cpus: tuple[Annotated[int, Field(ge=0)], ...] = ()

    _tuple = field_validator("cpus", mode="before")(
        lambda value: tuple(value) if isinstance(value, list) else value
    )


class SuitConfig(_Table):
    """The whole file. A stream without a table is not worn: it counts as missing."""

    suit: SuitTable = SuitTable()
    wearer: Wearer | None = None
    model: ModelTable
    streams: dict[str, StreamConfig]
    limits: Limits = Limits()
    output: OutputTable = OutputTable()
    security: Security = Security()
    power: PowerTable = PowerTable()
    recording: RecordingTable = RecordingTable()
    panel: PanelTable | None = None
    sync: SyncTable | None = None
    standby: StandbyTable = StandbyTable()
    dashboard: DashboardTable = DashboardTable()
    discovery: Discovery = Discovery()
    realtime: Realtime = Realtime()

    @property
    def sides(self) -> tuple[str, ...]:
        """`("r",)`, `("l",)` or `("r", "l")`."""
        return SIDES_OF_CHOICE[self.suit.sides]

    def link_delay_ns(self, stream: Stream) -> int:
        """From sampling to receipt on the link of `stream`."""
        settings = self.streams.get(stream.name)
        if settings is not None and settings.delay_ms is not None:
            return round(settings.delay_ms * 1e6)
        return delay_ns(stream.kind, settings.link if settings is not None else None)


def load(path: Path, relative_to: Path | None = None) -> SuitConfig:
    """The config at `path`, its folders relative to its own or `relative_to`.

    Raises ConfigError that lists every mistake with its key and limit; ConfigDamaged where there is nothing to look for
    mistakes in.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigDamaged(
            f"{path}: cannot be read: {error.strerror}; check the path given with --config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigDamaged(f"{path}: is not valid TOML: {error}") from error
    if not table:
        raise ConfigDamaged(f"{path}: is empty; write the suit's tables into it")
    mistakes = mistakes_between(table)
    try:
        config = SuitConfig.model_validate(table)
    except ValidationError as error:
        rows = [(_key(item["loc"]), _message(item)) for item in error.errors()]
        raise ConfigError(_explain(path, rows + mistakes)) from error
    if mistakes:
        raise ConfigError(_explain(path, mistakes))
    return _at(config, relative_to or path.parent)


def of_json(text: str) -> SuitConfig:
    """The config that `model_dump_json` told; pydantic's ValidationError where it is another version's."""
    return SuitConfig.model_validate(json.loads(text))


def _at(config: SuitConfig, home: Path) -> SuitConfig:
    """With every relative path counted from `home`."""
    changed = {}
    for name, keys in _PATHS.items():
        table = getattr(config, name)
        named = {key: getattr(table, key) for key in keys}
        changed[name] = table.model_copy(
            update={key: (home / path).resolve() for key, path in named.items() if path is not None}
        )
    return config.model_copy(update=changed)


def _explain(path: Path, mistakes: list[tuple[str, str]]) -> str:
    count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
    return "\n".join(
        [
            f"{path}: {count}; correct the file and start again",
            *(f"  {key}: {text}" for key, text in mistakes),
        ]
    )


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(file)"


def _message(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "is no key of this table; check its spelling or remove it"
    if item["type"] == "missing":
        return "is missing; add it"
    text = str(item["msg"]).removeprefix("Value error, ")
    given = item.get("input")
    return text if isinstance(given, dict | list | tuple | BaseModel) else f"{text} (given: {given!r})"
