"""The suit as its config describes it: ports, model and engine, keys, room for what is kept."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from drivers.errors import DriverError
from drivers.serial_port import SerialPort
from jetson_runtime.doctor import machine, service_user
from jetson_runtime.doctor.check import Checks, failed, of_error, ok, warning
from jetson_runtime.inference import bundle as bundles
from jetson_runtime.inference import engines
from jetson_runtime.inference.engines.base import EngineOptions
from jetson_runtime.service.bringup import candidates
from jetson_runtime.stream import curve
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.errors import SuitError
from jetson_runtime.suit.signals import STREAM_NAMES

_STATE_MB = 10


def ports(config: SuitConfig) -> Checks:
    """Opens and closes each stream's port; only while no service uses them."""
    for name in STREAM_NAMES:
        settings = config.streams.get(name)
        if settings is None:
            yield failed(name, "not in suit.toml", f"add [streams.{name}] with port or serial")
            continue
        found = [settings.port] if settings.port else []
        if not found and settings.serial:
            found = candidates(config.discovery.ports, settings.serial, ())
        if not found:
            searched = sum(len(glob.glob(pattern)) for pattern in config.discovery.ports)
            text = f"no port for serial number {settings.serial} ({searched} ports searched)"
            yield failed(name, text, "plug it in, or correct serial and [discovery] ports in suit.toml")
            continue
        is_known = settings.port or (settings.serial or "") in os.path.basename(found[0])
        found = found[:1] if is_known else found
        try:
            for path in found:
                SerialPort(path, settings.baud).close()
        except DriverError as error:
            yield of_error(name, error)
            continue
        if is_known:
            yield ok(name, f"{found[0]} can be opened")
        else:
            text = (
                f"{len(found)} ports can be opened; the service asks each for serial number {settings.serial}"
            )
            yield ok(name, text)


def model(config: SuitConfig) -> Checks:
    """Loads the bundle, makes its engine, and holds it against the bundle's golden output."""
    table = config.model
    try:
        bundle = bundles.load(table.bundle)
        yield ok("model", f"{bundle.manifest.name} in {table.bundle}")
        options = EngineOptions(table.precision, table.provider, table.cache)
        engine = engines.create(table.engine, bundle, len(config.sides), options)
        error = bundle.self_test(engine)
        yield ok("engine", f"{engine.name} in {engine.precision}, {error:.1g} from the golden output")
    except SuitError as wrong:
        yield of_error("model", wrong)


def keys(config: SuitConfig, state: Path) -> Checks:
    """The CURVE keys, where the config names some, as the service's user sees them: root can read everything."""
    folder = config.security.keys
    if folder is None:
        yield ok("keys", "none needed: local addresses alone")
        return
    try:
        with service_user.as_owner_of(state):
            curve.load_server(folder)
            known, mistakes = curve.authorised(folder)
    except SuitError as error:
        yield of_error("keys", error)
        return
    for mistake in mistakes:
        yield failed("keys", mistake, "give it to the service: sudo second-skin keys init; or replace it")
    if known:
        yield ok("keys", f"{len(known)} clients may connect: {', '.join(sorted(known.values()))}")
    else:
        yield warning("keys", "no client may connect", "second-skin keys add NAME")


def room(config: SuitConfig, state: Path) -> Checks:
    """Disk for recordings and for settings."""
    yield from machine.disk("recordings", config.recording.folder, config.recording.keep_free_mb)
    yield from machine.disk("state", state, _STATE_MB)


def wearer(config: SuitConfig, running: bool) -> Checks:
    """Who wears it; a running service may have been told by a command."""
    if config.wearer is not None:
        yield ok("wearer", f"{config.wearer.mass_kg:g} kg")
    elif not running:
        yield warning("wearer", "not in suit.toml", "second-skin wearer set, once the service runs")
