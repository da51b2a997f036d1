"""Run in a process of its own: what NVIDIA's real Python bindings offer, as JSON on stdout.

    dump_nvidia_api.py tensorrt_bindings | cuda.bindings.runtime

Nothing of TensorRT or CUDA is called: names, values of enums, and the signatures that the bindings state themselves
(pybind11 and Cython write them into docstrings).
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from typing import Any


def main() -> None:
    name = sys.argv[1]
    module = importlib.import_module(name)
    described = _tensorrt(module) if name == "tensorrt_bindings" else _cuda(module)
    json.dump(described, sys.stdout)


def _tensorrt(module: Any) -> dict[str, Any]:
    names = [name for name in dir(module) if inspect.isclass(getattr(module, name))]
    descriptor = module.PluginTensorDesc()
    descriptor.dims = (2, 3)  # Raises TypeError where a tuple is no Dims.
    return {
        "version": module.__version__,
        "classes": {name: _class(getattr(module, name)) for name in names},
        "tuple_is_dims": tuple(descriptor.dims) == (2, 3),
    }


def _class(kind: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"methods": {}, "properties": {}, "nested": {}, "members": None}
    if hasattr(kind, "__members__"):
        found["members"] = {name: int(value) for name, value in kind.__members__.items()}
        return found
    for name in dir(kind):
        value = getattr(kind, name)
        if isinstance(value, property):
            found["properties"][name] = value.fset is not None
        elif inspect.isclass(value) and not name.startswith("__"):
            found["nested"][name] = _class(value)
        elif callable(value) and (name == "__init__" or not name.startswith("__")):
            found["methods"][name] = _overloads(name, value.__doc__ or "")
    return found


def _overloads(name: str, text: str) -> list[dict[str, Any]]:
    lines = re.findall(rf"^(?:\d+\. )?{re.escape(name)}(\(self.*\)) -> (.+)$", text, re.MULTILINE)
    return [{"arguments": _arguments(inside[1:-1])[1:], "returns": returns} for inside, returns in lines]


def _arguments(text: str) -> list[list[Any]]:
    """`a: int, b: List[int] = 0` -> [[a, int, False], [b, List[int], True]]."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    found = []
    for part in parts:
        declared, default, _ = part.partition(" = ")
        name, _, kind = declared.strip().partition(": ")
        found.append([name, kind, bool(default)])
    return found


def _cuda(module: Any) -> dict[str, Any]:
    functions, enums, constants, structures = {}, {}, {}, {}
    for name in dir(module):
        value = getattr(module, name)
        if inspect.isclass(value) and hasattr(value, "__members__"):
            enums[name] = {member: int(number) for member, number in value.__members__.items()}
        elif isinstance(value, int):
            constants[name] = value
        elif inspect.isclass(value):
            structures[name] = [attribute for attribute in dir(value) if not attribute.startswith("_")]
        elif callable(value) and name.startswith("cuda"):
            functions[name] = _function(value)
    version = importlib.import_module("cuda.bindings").__version__
    return {
        "version": version,
        "functions": functions,
        "enums": enums,
        "constants": constants,
        "structures": structures,
    }


def _function(value: Any) -> dict[str, Any]:
    parameters = inspect.signature(value).parameters.values()
    return {
        "parameters": [
            [
                p.name,
                "" if p.annotation is p.empty else str(p.annotation).strip("'"),
                p.default is not p.empty,
            ]
            for p in parameters
        ],
        "returns": _returned(value.__doc__ or ""),
    }


def _returned(text: str) -> int:
    """How many values the section `Returns` of a docstring lists."""
    section = re.search(r"^( *)Returns\n *-+\n((?:.+\n|\n(?! *\w[^\n]*\n *--))*)", text + "\n", re.MULTILINE)
    if section is None:
        return 0
    return len(re.findall(rf"^{section[1]}\S", section[2], re.MULTILINE))


if __name__ == "__main__":
    main()
