"""The compiled kernel of the native engine; all else of the build is in pyproject.toml."""

from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

NATIVE = Path("native")

setup(
    ext_modules=[
        Pybind11Extension(
            "jetson_runtime.inference.engines._native",
            sorted(str(path) for path in NATIVE.glob("*.cpp")),
            depends=sorted(str(path) for path in NATIVE.glob("*.hpp")),
            cxx_std=17,
            extra_compile_args=["-O3"],
            # Without a compiler the package installs all the same: the other engines need none.
            optional=True,
        )
    ]
)
