"""Values as the SDK's wire and as JSON text: secrets and unknowns become the marks that Pulumi itself writes.

Source of the marks: pulumi/pulumi, sdk/go/common/resource/sig and sdk/python/lib/pulumi/runtime/rpc.py.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from google.protobuf import struct_pb2

from rehearsal.engine.model import UNKNOWN, Secret, Unknown, Value

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (the published mark of a secret)
UNKNOWN_VALUE: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def marked(value: Value) -> Any:
    """The value as plain JSON with Pulumi's marks. Secrets stand in it in the clear: for pipes and 0600 files."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": marked(value.value)}
    if isinstance(value, Unknown):
        return UNKNOWN_VALUE
    if isinstance(value, Mapping):
        return {str(key): marked(item) for key, item in cast(Mapping[Any, Value], value).items()}
    if isinstance(value, (list, tuple)):
        return [marked(item) for item in cast(list[Value], value)]
    return value


def unmarked(value: Any) -> Value:
    """Undoes `marked`. Assets and other marks of the wire are refused by ValueError."""
    if value == UNKNOWN_VALUE:
        return UNKNOWN
    if isinstance(value, dict):
        mapping = cast(dict[str, Any], value)
        signature = mapping.get(SIGNATURE)
        if signature == SECRET:
            return Secret(unmarked(mapping["value"]))
        if signature is not None:
            raise ValueError("an asset, archive or resource reference, which the in-process engine does not imitate")
        return {key: unmarked(item) for key, item in mapping.items()}
    if isinstance(value, list):
        return [unmarked(item) for item in cast(list[Any], value)]
    return value


def from_struct(message: struct_pb2.Struct) -> dict[str, Value]:
    """Properties of a request. Whole numbers become int, for the wire has floats alone; nulls are left out as unset."""
    fields = {name: _plain(value) for name, value in message.fields.items()}
    return {name: unmarked(value) for name, value in fields.items() if value is not None}


def to_struct(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Properties for an answer."""
    message = struct_pb2.Struct()
    message.update(marked(properties))
    return message


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return {name: _plain(item) for name, item in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None
