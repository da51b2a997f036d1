"""suit.toml: what is worn, by whom, where its ports are, and where the stream goes. Strict: every mistake at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from jetson_runtime.suit.addresses import DEFAULT_LATEST, DEFAULT_PUBLIC, mistake
from jetson_runtime.suit.config_rules import LOAD_OFF, LOAD_ON, mistakes_between
from jetson_runtime.suit.errors import ConfigError
from jetson_runtime.suit.links import LinkName, delay_ns
from jetson_runtime.suit.mounting import DIRECTIONS, IN_SEGMENT_AXES, MOUNTINGS
from jetson_runtime.suit.signals import FRESH_NS, SIDES_OF_CHOICE, Stream

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EngineName = Literal["auto", "native", "onnxruntime", "numpy", "tensorrt"]
Precision = Literal["fp32", "fp16"]
ProviderName = Literal["cpu", "cuda", "tensorrt"]
DEFAULT_CACHE = Path("/var/cache/second-skin")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SuitTable(_Table):
    """Which legs are computed."""

    sides: Literal["right", "left", "both"] = "both"


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

    bundle: Path
    engine: EngineName = "auto"
    precision: Precision = "fp32"
    provider: ProviderName = "cpu"
    cache: Path = DEFAULT_CACHE

    @field_validator("bundle", "cache", mode="before")
    @classmethod
    def _path(cls, value: Any) -> Any:
        return Path(value) if isinstance(value, str) else value


class StreamConfig(_Table):
    """One device: its port, its serial number, or both; how it is mounted (IMUs); the baud rate of its UART.

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


class OutputTable(_Table):
    """ZeroMQ addresses, and whether frames that are not valid carry best-effort values."""

    public: tuple[str, ...] = (DEFAULT_PUBLIC,)
    latest: tuple[str, ...] = (DEFAULT_LATEST,)
    best_effort: bool = False

    @field_validator("public", "latest", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("public", "latest")
    @classmethod
    def _local(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        mistakes = [text for text in map(mistake, value) if text]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return value


class Discovery(_Table):
    """Globs of the device files searched for a stream that names a serial number and no port."""

    ports: tuple[str, ...] = ("/dev/serial/by-id/*",)

    _tuple = field_validator("ports", mode="before")(
        lambda value: tuple(value) if isinstance(value, list) else value
    )


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


def load(path: Path) -> SuitConfig:
    """The config at `path`; raises ConfigError that lists every mistake with its key and limit."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; check the path given with --config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    mistakes = mistakes_between(table)
    try:
        config = SuitConfig.model_validate(table)
    except ValidationError as error:
        rows = [(_key(item["loc"]), _message(item)) for item in error.errors()]
        raise ConfigError(_explain(path, rows + mistakes)) from error
    if mistakes:
        raise ConfigError(_explain(path, mistakes))
    named = {"bundle": config.model.bundle, "cache": config.model.cache}
    folders = {key: (path.parent / folder).resolve() for key, folder in named.items()}
    return config.model_copy(update={"model": config.model.model_copy(update=folders)})


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
