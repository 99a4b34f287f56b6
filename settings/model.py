"""The base of all settings: frozen to the bottom, strict about types, closed to unknown keys."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, ValidationInfo


class Model(BaseModel):
    """One block of the stack file. Lists become tuples, so that nothing can be changed after it was checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


def keys(model: type[BaseModel]) -> dict[str, str]:
    """The fields of a block and the keys that stand for them in a stack file (`class` is no Python name)."""
    return {
        name: field.validation_alias if isinstance(field.validation_alias, str) else name
        for name, field in model.model_fields.items()
    }


class FormatError(ValueError):
    """A text of the right type that is no name, host, path, image, … as it should be."""


LENIENT = "lenient"
"""Validation context under which texts keep a wrong format, so that the rules can be tried on what was written."""


def checked(check: Callable[[str], str]) -> AfterValidator:
    """Validates the format of a text by a function that raises ValueError."""

    def validate(text: str, info: ValidationInfo) -> str:
        if info.context == LENIENT:
            return text
        try:
            return check(text)
        except ValueError as error:
            raise FormatError(str(error)) from None

    return AfterValidator(validate)


class FrozenMap(Mapping[str, str]):
    """A mapping of texts that cannot be changed, keeps its order and can be hashed, copied and pickled."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str]) -> None:
        self._items = tuple(items.items())

    def __getitem__(self, key: str) -> str:
        for known, value in self._items:
            if known == key:
                return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return repr(dict(self._items))


Count = Annotated[int, Field(ge=1, le=1000)]
"""A number of pods or shards in a model; more than a thousand is a slip of the pen."""

Texts = Annotated[Mapping[str, str], AfterValidator(FrozenMap), PlainSerializer(dict)]
"""A frozen mapping of texts in a model."""
