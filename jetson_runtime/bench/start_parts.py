"""What the start of the service is made of: `python -m jetson_runtime.bench.start_parts BUNDLE ENGINE` prints JSON."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTS = ("imports_ms", "bundle_ms", "engine_ms", "self_test_ms")
_BOTH_LEGS = 2


def main(bundle: str, engine: str) -> None:
    """Does what the service does before its first tick; nothing of the project is imported before the clock runs."""
    imports_ms, _ = _timed(lambda: importlib.import_module("jetson_runtime.service.main"))
    bundles = importlib.import_module("jetson_runtime.inference.bundle")
    engines = importlib.import_module("jetson_runtime.inference.engines")
    bundle_ms, model = _timed(lambda: bundles.load(Path(bundle)))
    engine_ms, made = _timed(lambda: engines.create(engine, model, _BOTH_LEGS))
    self_test_ms, _ = _timed(lambda: model.self_test(made))
    figures = (imports_ms, bundle_ms, engine_ms, self_test_ms)
    sys.stdout.write(json.dumps(dict(zip(PARTS, figures, strict=True))) + "\n")


def _timed(part: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = part()
    return 1e3 * (time.perf_counter() - start), result


if __name__ == "__main__":
    main(*sys.argv[1:])
