"""Workloads and stack files: read, and changed with their comments kept."""

import difflib
import io
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from capacity import workload
from capacity.derive import derived
from capacity.stack import Values, flattened
from capacity.workload import Workload
from settings import Quantity, Settings, SettingsError, load

PROJECT: Final = "Pulumi.yaml"
_WIDE: Final = 4096
NEVER_LESS: Final = (
    "qdrant.replicas",
    "qdrant.storage",
    "qdrant.snapshot_storage",
    "postgresql.storage",
    "postgresql.wal_storage",
    "redis.cluster.nodes",
    "redis.storage",
)
"""Volumes only grow, and fewer nodes need a drain first."""
FIXED: Final = ("sharding.shards", "postgresql.partitions")
"""What stays as it was made."""


class FileError(Exception):
    """A file that cannot be used, and what to do."""


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def parsed(file: Path) -> Any:
    """What a YAML or JSON file holds. Raises FileError."""
    try:
        return _yaml().load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{file}: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise FileError(f"{file}: no YAML: {' '.join(str(error).split())}") from None


def given(file: Path | None, changes: Sequence[str]) -> Workload:
    """The workload of a file, with `key=value` over it. Raises FileError and WorkloadError."""
    raw: dict[str, Any] = {}
    if file is not None:
        found = parsed(file)
        if not isinstance(found, Mapping):
            raise FileError(f"{file}: expected keys of a workload, such as memories_per_day: 1000")
        raw = dict(cast(Mapping[str, Any], found.get("workload", found)))
    for change in changes:
        key, separator, text = change.partition("=")
        if not separator:
            raise FileError(f"{change}: write key=value, such as memories_per_day=1000")
        _put(raw, key.split("."), _yaml().load(text))
    return workload.read(raw, str(file) if file is not None else "workload")


def _put(raw: MutableMapping[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        inner = raw.get(part)
        raw[part] = dict(cast(Mapping[str, Any], inner)) if isinstance(inner, Mapping) else {}
        raw = raw[part]
    raw[path[-1]] = value


class StackFile:
    """A stack file of a checkout, and what a plan makes of it."""

    def __init__(self, directory: Path, stack: str) -> None:
        self.file = directory / f"Pulumi.{stack}.yaml"
        self._stack, self._project = stack, parsed(directory / PROJECT)
        self._name = str(self._project["name"])
        self.before = self._read()

    def _read(self) -> str:
        try:
            return self.file.read_text(encoding="utf-8")
        except OSError as error:
            raise FileError(f"{self.file}: {error.strerror}: name a stack of this checkout") from None

    def changed(self, blocks: Values, *, new: bool = False) -> tuple[str, list[str]]:
        """The file with a plan in it, and what of the plan was left out and why. Raises FileError.

        Unless the region is `new`, what it has by default counts as if it were stated: it was made with that.
        """
        document = parsed(self.file)
        config = document.get("config") if isinstance(document, Mapping) else None
        if not isinstance(config, MutableMapping):
            raise FileError(f"{self.file.name}: write its settings under config:, then go on")
        now = {} if new else flattened(self._loaded(document).model_dump(by_alias=True))
        left: list[str] = []
        for block, keys in blocks.items():
            at = f"{self._name}:{block}"
            if not isinstance(config.get(at), MutableMapping):
                config[at] = dict(cast(Mapping[str, Any], self._default(block)))
            self._merge(config[at], keys, block, now, left)
        text = io.StringIO()
        _yaml().dump(document, text)
        self._loaded(document)
        return text.getvalue(), left

    def _default(self, block: str) -> Any:
        """What Pulumi.yaml states: a block of the stack file replaces it as a whole."""
        return self._project["config"].get(block, {}).get("default") or {}

    def _merge(self, there: Any, keys: Mapping[str, Any], path: str, now: Mapping[str, Any], left: list[str]) -> None:
        for key, value in keys.items():
            at, stated = f"{path}.{key}", there.get(key)
            has = stated if stated is not None else now.get(at)
            if isinstance(value, Mapping):
                if not isinstance(stated, MutableMapping):
                    there[key] = {}
                self._merge(there[key], cast(Mapping[str, Any], value), at, now, left)
            elif at in FIXED and has not in (None, value):
                left.append(f"{at} stays {has} (the plan has {value}): it cannot be changed once it is made")
            elif at in NEVER_LESS and has is not None and _amount(has) > _amount(value):
                left.append(f"{at} stays {has} (the plan has {value}): it only grows, or is drained first")
            else:
                there[key] = value

    def _loaded(self, document: Any) -> Settings:
        """Settings have the last word: what they refuse is not written. Raises FileError."""
        raw = {block: self._default(block) for block in self._project["config"]}
        raw |= {key.partition(":")[2]: value for key, value in document["config"].items() if ":" in key}
        try:
            return load({key: value for key, value in raw.items() if value not in ({}, None)}, self._stack, derived)
        except SettingsError as error:
            raise FileError(f"nothing was written, for the settings would refuse it:\n{error}") from None

    def difference(self, after: str) -> str:
        """Lines that change."""
        lines = (text.splitlines(keepends=True) for text in (self.before, after))
        return "".join(difflib.unified_diff(*lines, fromfile=self.file.name, tofile=f"{self.file.name} with the plan"))

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")


def _amount(value: Any) -> float:
    return float(Quantity(str(value)).value)


def yaml_text(blocks: Values, project: str = "somafractalmemory") -> str:
    """The keys as they stand in a stack file."""
    text = io.StringIO()
    _yaml().dump({"config": {f"{project}:{block}": keys for block, keys in blocks.items()}}, text)
    return text.getvalue()
