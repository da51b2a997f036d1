"""Doubles of NVIDIA's modules, generated from what the real ones offer (`nvidia_bindings.py`).

A double has exactly the names, enums, arities, keywords and argument types of its version: everything else raises, as
the real module would. What a call does is given by a behaviour; every call is recorded in order.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from typing import Any

Behaviours = Mapping[str, Callable[..., Any]]
_INTEGERS = {"int", "typing.SupportsInt", "typing.SupportsInt | typing.SupportsIndex"}
_BUFFERS = {"buffer", "typing_extensions.Buffer", "collections.abc.Buffer"}
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "bool": bool,
    "tuple": tuple,
    "list": list,
    "None": type(None),
}
_OURS = re.compile(r"^tensorrt_bindings\.tensorrt\.([\w.]+)$")
_SUCCESS = 0


class Recorder:
    """The behaviours of a double and the calls it got."""

    def __init__(self, behaviours: Behaviours) -> None:
        self.behaviours = behaviours
        self.calls: list[str] = []

    def perform(self, name: str, *arguments: Any) -> Any:
        self.calls.append(name)
        if name not in self.behaviours:
            raise NotImplementedError(f"the double was given no behaviour for {name}")
        return self.behaviours[name](*arguments)


class TensorRt:
    """The module `tensorrt` of one version: its classes, and `__version__`."""

    def __init__(self, api: Mapping[str, Any], behaviours: Behaviours) -> None:
        self.__version__: str = api["version"]
        self.recorder = Recorder(behaviours)
        self._tuple_is_dims: bool = api["tuple_is_dims"]
        self._classes: dict[str, Any] = {}
        for name, description in api["classes"].items():
            self._add(name, description)

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__.get("_classes", {}).get(name)
        if found is None:
            raise AttributeError(f"module 'tensorrt' {self.__version__} has no attribute {name!r}")
        return found

    def make(self, name: str, **state: Any) -> Any:
        """An object of class `name`, as the library hands them out, with `state` for the behaviours."""
        made = object.__new__(self._classes[name])
        made.state = dict(state)
        return made

    def _add(self, name: str, description: Mapping[str, Any]) -> Any:
        if description["members"] is not None:
            self._classes[name] = _enum(name, description["members"])
            return self._classes[name]
        namespace: dict[str, Any] = {"__slots__": ("state", "__weakref__")}
        for method, overloads in description["methods"].items():
            namespace[method] = self._method(name, method, overloads)
        for key, writable in description["properties"].items():
            namespace[key] = self._property(name, key, writable)
        if name == "IHostMemory":
            namespace["__bytes__"] = lambda self: self.state["content"]
        for nested, inner in description["nested"].items():
            namespace[nested] = self._add(f"{name}.{nested}", inner)
        self._classes[name] = type(name.rpartition(".")[2], (), namespace)
        return self._classes[name]

    def _method(self, owner: str, name: str, overloads: list[dict[str, Any]]) -> Callable[..., Any]:
        def call(this: Any, *positional: Any, **keywords: Any) -> Any:
            bound = self._bound(f"{owner}.{name}", overloads, positional, keywords)
            if name == "__init__":
                this.state = {}
                if f"{owner}.__init__" not in self.recorder.behaviours:
                    return None
            answer = self.recorder.perform(f"{owner}.{name}", this, *bound)
            returns = [overload["returns"] for overload in overloads]
            assert answer is None or any(self._fits(answer, kind) for kind in returns), (
                owner,
                name,
                answer,
                returns,
            )
            return answer

        return call

    def _property(self, owner: str, name: str, writable: bool) -> property:
        def read(this: Any) -> Any:
            return self.recorder.perform(f"{owner}.{name}", this)

        def write(this: Any, value: Any) -> None:
            self.recorder.perform(f"{owner}.{name}=", this, value)

        return property(read, write if writable else None)

    def _bound(
        self,
        name: str,
        overloads: list[dict[str, Any]],
        positional: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> list[Any]:
        """The arguments in order; TypeError where no overload takes them, as pybind11 raises."""
        for overload in overloads:
            declared = overload["arguments"]
            names = [argument for argument, _, _ in declared]
            if len(positional) > len(names) or not keywords.keys() <= set(names[len(positional) :]):
                continue
            given = {**dict(zip(names, positional, strict=False)), **keywords}
            missing = [
                argument for argument, _, optional in declared if argument not in given and not optional
            ]
            if not missing and all(self._fits(given[a], kind) for a, kind, _ in declared if a in given):
                return [given[argument] for argument in names if argument in given]
        raise TypeError(f"{name}(): incompatible arguments {positional} {keywords}; there is {overloads}")

    def _fits(self, value: Any, kind: str) -> bool:
        if kind in _INTEGERS:
            return isinstance(value, int) and not isinstance(value, bool)
        if kind in _BUFFERS:
            return isinstance(value, (bytes, bytearray, memoryview))
        if kind in _PLAIN:
            return isinstance(value, _PLAIN[kind])
        if ours := _OURS.match(kind):
            if ours[1] == "Dims" and self._tuple_is_dims and isinstance(value, tuple):
                return all(isinstance(size, int) for size in value)
            return isinstance(value, self._classes[ours[1]])
        if kind == "nvonnxparser::IParserError":
            return isinstance(value, self._classes["ParserError"])
        raise NotImplementedError(f"the double does not know what fits {kind!r}")


class Cuda:
    """The module `cuda.bindings.runtime` of one version; its functions answer (status, results...)."""

    def __init__(self, api: Mapping[str, Any], behaviours: Behaviours) -> None:
        self.recorder = Recorder(behaviours)
        self.version: str = api["version"]
        self._functions: Mapping[str, Any] = api["functions"]
        self._constants: Mapping[str, int] = api["constants"]
        self._structures: Mapping[str, list[str]] = api["structures"]
        self._enums = {name: _enum(name, members) for name, members in api["enums"].items()}

    def __getattr__(self, name: str) -> Any:
        for home in ("_enums", "_constants"):
            if name in self.__dict__.get(home, {}):
                return self.__dict__[home][name]
        if name not in self.__dict__.get("_functions", {}):
            raise AttributeError(f"module 'cuda.bindings.runtime' {self.version} has no attribute {name!r}")
        return lambda *positional, **keywords: self._call(name, positional, keywords)

    def structure(self, kind: str, /, **values: Any) -> Any:
        """A structure of the runtime; only attributes that the real one has."""
        unknown = values.keys() - set(self._structures[kind])
        assert not unknown, f"{kind} of {self.version} has no {unknown}"
        return type(kind, (), {"__slots__": (), **values})()

    def _call(self, name: str, positional: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        described = self._functions[name]
        names = [parameter for parameter, _, _ in described["parameters"]]
        given = {**dict(zip(names, positional, strict=False)), **keywords}
        required = {parameter for parameter, _, optional in described["parameters"] if not optional}
        if len(positional) > len(names) or not required <= given.keys() <= set(names):
            raise TypeError(f"{name}() takes {names}, not {positional} {keywords}")
        for parameter, kind, _ in described["parameters"]:
            if kind in self._enums and not isinstance(given[parameter], self._enums[kind]):
                raise TypeError(f"{name}(): {parameter} must be a {kind}, not {given[parameter]!r}")
        answer = self.recorder.perform(name, *(given[parameter] for parameter in names if parameter in given))
        results = answer if isinstance(answer, tuple) else (answer,)
        if isinstance(results[0], enum.Enum) and results[0].value != _SUCCESS:
            return (results[0], *([None] * (described["returns"] - 1)))
        results = tuple(result for result in results if result is not None)
        assert len(results) + 1 == described["returns"], (name, results, described["returns"])
        return (self._enums["cudaError_t"](_SUCCESS), *results)


def _enum(name: str, members: Mapping[str, int]) -> Any:
    return _Numbered(name, dict(members))


class _Numbered(enum.Enum):
    """An enum that turns into its number, as pybind11's and Cython's do."""

    def __int__(self) -> int:
        return int(self.value)
