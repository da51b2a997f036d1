"""What is installed, and what each import drags in."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["drivers", "jetson_runtime", "models"])
def test_the_generic_names_resolve_inside_this_distribution(name: str) -> None:
    package = importlib.import_module(name)
    assert Path(str(package.__file__)).resolve() == ROOT / name / "__init__.py"


def _imported_with(statement: str) -> set[str]:
    """Top-level packages in sys.modules after `statement` in a fresh interpreter."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_client_needs_pyzmq_and_msgpack_alone() -> None:
    imported = _imported_with("import jetson_runtime.client")
    assert {"zmq", "msgpack"} <= imported
    assert not imported & {"numpy", "serial", "onnxruntime", "pydantic", "pyarrow", "rich", "torch"}


def test_the_service_imports_nothing_of_the_laboratory() -> None:
    imported = _imported_with("import jetson_runtime.service.main")
    assert "numpy" in imported
    assert not imported & {
        "torch",
        "scipy",
        "onnx",
        "pyarrow",
        "rich",
        "models",
        "nicegui",
        "fastapi",
        "uvicorn",
    }


def test_an_engine_is_imported_only_when_it_is_asked_for() -> None:
    assert "onnxruntime" not in _imported_with("import jetson_runtime.service.main")
