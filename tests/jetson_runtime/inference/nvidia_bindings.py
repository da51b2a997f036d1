"""What NVIDIA's real bindings of TensorRT and CUDA offer, read from their wheels: without a GPU or a library of theirs.

TensorRT's extension module imports a handful of plain C functions from libnvinfer and its friends; empty libraries that
export them are enough to import it and read its signatures. Wheels are fetched once and what was read is kept in the
Python environment, so that later runs need neither the registry nor a compiler.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TENSORRT = ("10.3.0", "10.16.1.11", "11.4.0.106")
CUDA = ("12.8.0", "13.0.3")
INSTALLED = "installed"
# What the CUDA bindings import of NVIDIA's other packages.
BESIDE = {"cuda-bindings": ("cuda-pathfinder",)}
DUMP = Path(__file__).with_name("dump_nvidia_api.py")
_STUBBED = re.compile(r"^(create(Infer|Nv)|get(Builder)?Plugin|getNvOnnx|getInfer|initLib)")


class Unavailable(Exception):
    """The wheels cannot be fetched or opened here; says what is missing."""


def tensorrt_api(version: str) -> dict[str, Any]:
    """Classes, methods, properties and enums of `tensorrt` in that version; raises Unavailable."""
    return _kept("tensorrt-cu12-bindings", version, "tensorrt_bindings")


def cuda_api(version: str) -> dict[str, Any]:
    """Functions, enums, constants and structures of `cuda.bindings.runtime` in that version, or of the one that is
    INSTALLED; raises Unavailable."""
    if version == INSTALLED:
        return dict(json.loads(_run([sys.executable, str(DUMP), "cuda.bindings.runtime"])))
    return _kept("cuda-bindings", version, "cuda.bindings.runtime")


def _kept(package: str, version: str, module: str) -> dict[str, Any]:
    python = f"{sys.implementation.cache_tag}-{os.uname().machine}"
    reader = hashlib.sha256(DUMP.read_bytes()).hexdigest()[:12]
    path = Path(sys.prefix) / "nvidia-apis" / f"{package}-{version}-{python}-{reader}.json"
    if not path.exists():
        with tempfile.TemporaryDirectory() as scratch:
            content = _read(package, version, module, Path(scratch))
        _keep(path, content)
        return dict(json.loads(content))
    return dict(json.loads(path.read_text()))


def _keep(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(content)
        temporary.replace(path)
    except OSError:  # An environment that is not ours to write to: the next run reads the wheels again.
        return


def _read(package: str, version: str, module: str, scratch: Path) -> str:
    site = scratch / "site"
    for wheel in _wheels([f"{package}=={version}", *BESIDE.get(package, ())], scratch):
        shutil.unpack_archive(wheel, site, "zip")
    libraries = _stub_libraries(next(site.glob("tensorrt_bindings/tensorrt*.so"), None), scratch)
    environment = {**os.environ, "PYTHONPATH": str(site), "LD_LIBRARY_PATH": str(libraries)}
    found = _run([sys.executable, str(DUMP), module], env=environment, cwd=scratch)
    assert json.loads(found)["version"] == version, "another copy of the package was imported"
    return found


def _wheels(wanted: list[str], scratch: Path) -> list[Path]:
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--timeout=15",
        "--retries=1",
    ]
    _run([sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch), *wanted])
    return sorted(scratch.glob("*.whl"))


def _stub_libraries(module: Path | None, scratch: Path) -> Path:
    """A folder of empty libraries that export what `module` imports of TensorRT's."""
    folder = scratch / "lib"
    folder.mkdir()
    if module is None:
        return folder
    undefined = _run(["nm", "-D", "--undefined-only", str(module)]).split()
    names = sorted({name.partition("@")[0] for name in undefined if _STUBBED.match(name)})
    source = scratch / "stub.c"
    source.write_text("".join(f"void* {name}(void) {{ return 0; }}\n" for name in names))
    for library in set(re.findall(r"libnv[a-z_]*\.so\.\d*", _run(["readelf", "-d", str(module)]))):
        _run(["gcc", "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", str(folder / library), str(source)])
    return folder


def _run(command: list[str], **options: Any) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True, **options)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", "") or str(error)
        raise Unavailable(f"{command[0]} {command[-1]}: {told.strip()[-300:]}") from None
    return done.stdout
