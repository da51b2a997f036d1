"""Schemas that Foxglove can show, made of a message of the stream itself: Protobuf for frames, JSON Schema for status.

Frames are Protobuf because JSON has no NaN, and a plot is to have a gap where there is no value. What a message holds
is known to `stream/messages.py` alone; here it is only described.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "second_skin"
_Field = descriptor_pb2.FieldDescriptorProto
_WHOLE = ("seq", "v")


class ProtobufMessages:
    """Messages of one topic as Protobuf, `second_skin.NAME`, with the fields of the `example` it was made of."""

    def __init__(self, name: str, example: Mapping[str, Any]) -> None:
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{_PACKAGE}/{name}.proto", package=_PACKAGE, syntax="proto3"
        )
        _describe(file.message_type.add(name=name), example, f"{_PACKAGE}.{name}")
        self.name = f"{_PACKAGE}.{name}"
        # A FileDescriptorSet: what Foxglove and MCAP take for a schema.
        self.schema: bytes = descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString(
            deterministic=True
        )
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._type = message_factory.GetMessageClass(pool.FindMessageTypeByName(self.name))

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """What is not in the schema is left out, so is an instant that is nil; else nil is NaN, or the type's zero."""
        made = self._type()
        _fill(made, message)
        payload: bytes = made.SerializeToString()
        return payload


def json_schema(title: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a message, as much of it as the example tells; what is nil in it may be anything."""
    return {"title": title, **_json_type(example)}


def _describe(message: Any, example: Mapping[str, Any], path: str) -> None:
    for number, (key, value) in enumerate(example.items(), start=1):
        field = message.field.add(name=key, number=number, label=_Field.LABEL_OPTIONAL)
        if isinstance(value, Mapping):
            nested = message.nested_type.add(name=_type_name(key))
            _describe(nested, value, f"{path}.{nested.name}")
            field.type, field.type_name = _Field.TYPE_MESSAGE, f".{path}.{nested.name}"
        elif isinstance(value, list | tuple):
            field.type, field.label = _Field.TYPE_STRING, _Field.LABEL_REPEATED
        else:
            field.type = _scalar(key, value)
            if field.type == _Field.TYPE_INT64:
                # Only then does the wire tell an instant that is not there from 0.
                field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{key}")


def _scalar(key: str, value: Any) -> Any:
    """A number's type goes by its name: whether one was whole when it was looked at says nothing of the next."""
    if isinstance(value, bool):
        return _Field.TYPE_BOOL
    if isinstance(value, str):
        return _Field.TYPE_STRING
    return _Field.TYPE_INT64 if key in _WHOLE or key.endswith("_ns") else _Field.TYPE_DOUBLE


def _type_name(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def _fill(made: Any, message: Mapping[str, Any]) -> None:
    fields = made.DESCRIPTOR.fields_by_name
    for key, value in message.items():
        field = fields.get(key)
        if field is None:
            continue
        if field.type == _Field.TYPE_MESSAGE:
            _fill(getattr(made, key), value or {})
        elif field.type == _Field.TYPE_STRING and isinstance(value, list | tuple):
            getattr(made, key).extend(value)
        elif value is not None:
            setattr(made, key, value)
        elif field.type == _Field.TYPE_DOUBLE:
            setattr(made, key, math.nan)


def _json_type(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"type": "object", "properties": {key: _json_type(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"type": "array", "items": _json_type(value[0]) if value else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(value, str) else {}
