"""Properties of a resource in a message of the engine, as plain data that is read when somebody looks at it.

Source of the marks: pulumi/pulumi, sdk/go/common/resource/sig; of the unknowns: pulumi_policy/proxy.py.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf import struct_pb2
from pulumi_policy import proxy

from policies.checks.plain import UNKNOWN, Plain

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (the published mark of a secret)
_UNKNOWN: Final = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


class Decoded(Mapping[str, Plain]):
    """Whole numbers are int, secrets are what they hide, and `UNKNOWN` stands where only the update knows."""

    def __init__(self, message: struct_pb2.Struct) -> None:
        self._fields = message.fields
        self._read: dict[str, Plain] = {}

    def __getitem__(self, key: str) -> Plain:
        if key not in self._read:
            if key not in self._fields:  # which would make it, when it is asked for
                raise KeyError(key)
            self._read[key] = _plain(self._fields[key])
        return self._read[key]

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def _plain(value: struct_pb2.Value) -> Plain:
    match value.WhichOneof("kind"):
        case "string_value":
            text = value.string_value
            return UNKNOWN if text in _UNKNOWN else text
        case "struct_value":
            return _object(value.struct_value)
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _object(message: struct_pb2.Struct) -> Plain:
    """Files and references to resources are known to the engine alone."""
    fields = message.fields
    if _SIGNATURE not in fields:
        return {name: _plain(item) for name, item in fields.items()}
    return _plain(fields["value"]) if fields[_SIGNATURE].string_value == _SECRET else UNKNOWN
