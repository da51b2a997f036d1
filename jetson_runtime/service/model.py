"""The model that the service runs: loaded, its engine built and proven, and what clients are told of both."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from jetson_runtime.inference import engines
from jetson_runtime.inference.bundle import Bundle
from jetson_runtime.inference.confidence import Fitted
from jetson_runtime.inference.engines.base import Engine, EngineOptions
from jetson_runtime.recording import build
from jetson_runtime.service import last_good
from jetson_runtime.service.faults import Fault, Problem
from jetson_runtime.service.notify import Notifier
from jetson_runtime.stream import messages
from jetson_runtime.suit.config import ModelTable, SuitConfig
from jetson_runtime.suit.errors import BundleError

# Building TensorRT's engines takes minutes, at the first start on a machine.
_BUILD_S = 1200

_log = logging.getLogger("second-skin")


@dataclass(frozen=True)
class Model:
    """problems: what is wrong with it for as long as the service runs; with one it is a last good copy."""

    bundle: Bundle
    engine: Engine
    confidence: Fitted | None
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        engine = self.engine
        return f"model {self.bundle.manifest.name} on {engine.name} in {engine.precision}"

    def hello(self, config: SuitConfig) -> dict[str, Any]:
        """What `hello` says of it."""
        wearer, manifest = config.wearer, self.bundle.manifest
        return messages.describe(
            model={"name": manifest.name, "sha256": manifest.sha256},
            engine=self.engine.name,
            precision=self.engine.precision,
            sides=config.sides,
            body_mass_kg=wearer.mass_kg if wearer else None,
            coverage=float(self.confidence.coverage) if self.confidence else None,
        )

    def facts(self, config: SuitConfig) -> dict[str, Any]:
        """What a recorder is told of it, and of what else frames depend on."""
        manifest = self.bundle.manifest
        return {
            "config": config.model_dump_json(),
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "model": {"name": manifest.name, "sha256": manifest.sha256},
            "build": build.fingerprint(),
        }

    def keep(self, model: ModelTable) -> None:
        """Makes it the last good one, unless it is a copy itself. A card may take seconds to write it."""
        if self.problems:
            return
        try:
            last_good.keep(self.bundle, model.bundle, model.cache)
        except (OSError, BundleError) as error:
            _log.warning("no copy of the model is kept in %s: %s", model.cache, error)


def load(config: SuitConfig, notifier: Notifier) -> Model:
    """As [model] says, or the bundle's last good copy. BundleError: neither can be used."""
    model = config.model
    bundle, damage = last_good.load(model.bundle, model.cache)
    problems: tuple[Problem, ...] = ()
    if damage:
        reason = damage.partition("; ")[0]
        text = f"runs the last good copy of the model, {bundle.manifest.name}: {reason}"
        _log.error("%s", text)
        problems = (Problem(Fault.MODEL_COPY, text),)
    notifier.status(f"starting: engine {model.engine} for model {bundle.manifest.name}")
    # A start that hangs before it, or on an engine of the cache, is ended after the unit's own limit.
    options = EngineOptions(
        model.precision, model.provider, model.cache, lambda: notifier.extend_start(_BUILD_S)
    )
    engine = engines.create(model.engine, bundle, len(config.sides), options)
    bundle.self_test(engine)
    return Model(bundle, engine, bundle.confidence(), problems)
