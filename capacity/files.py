"""Workloads and stack files: read, and changed with their comments kept."""

import difflib
import io
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from capacity import documents, impossible, workload
from capacity.as_set import own_resources
from capacity.derive import derived
from capacity.documents import FileError, of_yaml, parsed
from capacity.ledger import shown
from capacity.plan import Layout
from capacity.stack import Values, flattened
from capacity.workload import Workload, WorkloadError
from settings import Quantity, Settings, SettingsError, load, placing
from settings.workload import RULES

PROJECT: Final = "Pulumi.yaml"
NEVER_LESS: Final = (
    "qdrant.replicas",
    "qdrant.storage",
    "qdrant.snapshot_storage",
    "postgresql.storage",
    "postgresql.wal_storage",
    "redis.cluster.nodes",
    "redis.storage",
    "memory.max_memories",
    "redis.resources.requests.memory",
    "redis.resources.limits.memory",
    "sharding.replication_factor",
    "postgresql.replica.replicas",
    "redis.cluster.replicas",
)
"""Volumes only grow, and fewer nodes need a drain first; fewer memories that may be kept, less memory or fewer copies
for them lose some (components/made.py).
"""
FIXED: Final = ("sharding.shards", "postgresql.partitions")
"""What stays as it was made."""

_LAID_OUT: Final = (
    *FIXED,
    "qdrant.replicas",
    "sharding.replication_factor",
    "postgresql.replica.replicas",
    "redis.cluster.nodes",
    "redis.cluster.replicas",
)
"""What the sizes of pods and volumes depend on."""


def given(file: Path | None, changes: Sequence[str]) -> Workload:
    """The workload of a file, with `key=value` over it. Raises FileError and WorkloadError."""
    raw: dict[str, Any] = {}
    if file is not None:
        found = _keys(parsed(file), file)
        if "config" in found:
            raise FileError(
                f"{file}: a stack file, and no workload: `review --stack NAME` reads the workload that it states; "
                "otherwise copy its keys into a file of their own (memories_per_day: 1000, …)"
            )
        raw = dict(_keys(found.get("workload", found), file))
    for change in changes:
        key, separator, text = change.partition("=")
        if not separator:
            raise FileError(f"{change}: write key=value, such as memories_per_day=1000")
        _put(raw, key.split("."), of_yaml(text, change))
    place = str(file) if file is not None else "workload"
    read = workload.read(raw, place)
    if beyond := impossible.faults(read):
        raise WorkloadError(place, tuple(beyond))
    return read


def _keys(found: Any, file: Path) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise FileError(f"{file}: expected keys of a workload, such as memories_per_day: 1000")
    return cast(Mapping[str, Any], found)


def _put(raw: MutableMapping[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        inner = raw.get(part)
        raw[part] = dict(cast(Mapping[str, Any], inner)) if isinstance(inner, Mapping) else {}
        raw = raw[part]
    raw[path[-1]] = value


def _project(file: Path) -> tuple[str, Mapping[str, Any]]:
    """Name and configuration of the project. Raises FileError."""
    found = parsed(file)
    if not isinstance(found, Mapping) or not cast(Mapping[str, Any], found).get("name"):
        raise FileError(f"{file}: the project has no name: write one, such as name: somafractalmemory")
    project = cast(Mapping[str, Any], found)
    config = project.get("config") or {}
    if not isinstance(config, Mapping):
        raise FileError(f"{file}: write the keys of its settings under config:")
    return str(project["name"]), cast(Mapping[str, Any], config)


class Change(NamedTuple):
    """A stack file with a plan in it."""

    text: str
    left: list[str]
    """What of the plan was left out, and why."""
    settings: Settings
    """What it says."""


class StackFile:
    """A stack file of a checkout, and what a plan makes of it."""

    def __init__(self, directory: Path, stack: str) -> None:
        self.file = directory / f"Pulumi.{stack}.yaml"
        self._stack = stack
        if not (directory / PROJECT).exists():
            raise FileError(f"{directory / PROJECT}: No such file or directory: name the checkout (--directory)")
        self._name, self._blocks = _project(directory / PROJECT)
        self.before = self._read()

    def _read(self) -> str:
        if not self.file.exists():
            raise FileError(f"{self.file}: No such file or directory: name a stack of this checkout")
        return documents.text(self.file)

    def suited(self, planned: Layout, *, new: bool = False) -> Layout:
        """The layout of a plan with what stays of the stack's, which sizes have to suit. Raises FileError."""
        has = self._has(new)

        def most(path: str, planned: int) -> int:
            return max(planned, int(has.get(path) or 0))

        vectors, rows, keys = planned
        return Layout(
            vectors._replace(
                nodes=most("qdrant.replicas", vectors.nodes),
                shards=int(has.get("sharding.shards") or vectors.shards),
                copies=most("sharding.replication_factor", vectors.copies),
            ),
            rows._replace(
                instances=1 + most("postgresql.replica.replicas", rows.instances - 1),
                partitions=int(has.get("postgresql.partitions") or rows.partitions),
            ),
            keys._replace(
                masters=most("redis.cluster.nodes", keys.masters),
                replicas=most("redis.cluster.replicas", keys.replicas),
            ),
        )

    def _has(self, new: bool) -> dict[str, Any]:
        """What the stack has, by its path; of a `new` region what the file states, else the defaults, too."""
        stated = {
            key.partition(":")[2]: block
            for key, block in self._document()["config"].items()
            if key.startswith(f"{self._name}:")
        }
        now = {} if new else flattened(self.settings().model_dump(by_alias=True))
        return {**now, **flattened(stated)}

    def changed(self, blocks: Values, alone: Values | None = None, *, new: bool = False) -> Change:
        """The file with a plan in it. `alone` is what the plan would be without what stays. Raises FileError.

        Unless the region is `new`, what it has by default counts as if it were stated: it was made with that.
        """
        document = self._document()
        config = document["config"]
        now = {} if new else flattened(self.settings().model_dump(by_alias=True))
        made, wanted = flattened(blocks), flattened(alone or blocks)
        left = [_stays(at, made[at], wanted[at]) for at in _LAID_OUT if at in made and made[at] != wanted[at]]
        for block, keys in blocks.items():
            at = f"{self._name}:{block}"
            if not isinstance(config.get(at), MutableMapping):
                default = self._default(block)
                config[at] = dict(cast(Mapping[str, Any], default)) if isinstance(default, Mapping) else {}
            self._merge(config[at], keys, block, now, left)
        text = io.StringIO()
        documents.round_trip().dump(document, text)
        try:
            settings = self._loaded(document)
        except SettingsError as error:
            raise FileError(f"nothing was written, for the settings would refuse it:\n{error}") from None
        return Change(text.getvalue(), [*left, *_comes_first(settings, made)], settings)

    def suits(self, of: Workload) -> Workload:
        """A workload with what the stack says where it says nothing: the regions, all requests entering at home, and
        the RPO. Raises FileError where it is for another stack, and WorkloadError where it is none with those.
        """
        here = self.settings()
        self._fits(of, here)
        if whole := here.model_copy(update={"workload": of}).planned_workload:
            of = of.model_copy(update={"regions": whole.regions, "objectives": whole.objectives})
        if faults := [fault for rule in RULES for fault in rule.check(of)]:
            raise WorkloadError(f"the workload in the regions of {self.file.name}", tuple(faults))
        return of

    def _fits(self, of: Workload, here: Settings) -> None:
        """Whether a plan for the workload is one for the stack. Raises FileError."""
        has = {"namespaces": len(here.memory.namespaces), "zones": len(here.high_availability.zones)}
        faults = [
            f"the stack has {shown(number, name)}, and the workload {getattr(of, name)}: state {name}={number}, or "
            f"change {'memory.namespaces' if name == 'namespaces' else 'high_availability.zones'} first"
            for name, number in has.items()
            if getattr(of, name) != number
        ]
        others = [one.name for one in of.regions if one.name not in here.regions]
        if others and "regions" in of.model_fields_set:
            faults.append(
                f"the stack's regions are {', '.join(here.regions)}, and the workload has {', '.join(others)}: name "
                "those of the stack in regions, or none"
            )
        if faults:
            raise FileError("\n".join(f"{self.file.name}: {fault}" for fault in faults))

    def settings(self) -> Settings:
        """What the file says now, with what follows from its workload. Raises FileError."""
        try:
            return self._loaded(self._document())
        except SettingsError as error:
            raise FileError(f"nothing was written, for the settings refuse the file as it is:\n{error}") from None

    def _document(self) -> Any:
        document = parsed(self.file)
        if not isinstance(document, Mapping) or not isinstance(document.get("config"), MutableMapping):
            raise FileError(f"{self.file.name}: write its settings under config:, then go on")
        return document

    def _default(self, block: str) -> Any:
        """What Pulumi.yaml states: a block of the stack file replaces it as a whole."""
        stated = self._blocks.get(block)
        return (stated.get("default") if isinstance(stated, Mapping) else stated) or {}

    def _merge(self, there: Any, keys: Mapping[str, Any], path: str, now: Mapping[str, Any], left: list[str]) -> None:
        for key, value in keys.items():
            at, stated = f"{path}.{key}", there.get(key)
            has = stated if stated is not None else now.get(at)
            if isinstance(value, Mapping):
                if not isinstance(stated, MutableMapping):
                    there[key] = {}
                self._merge(there[key], cast(Mapping[str, Any], value), at, now, left)
            elif has is not None and (
                (at in FIXED and has != value) or (at in NEVER_LESS and _amount(has) > _amount(value))
            ):
                left.append(_stays(at, has, value))
            else:
                there[key] = value

    def _loaded(self, document: Any) -> Settings:
        """Settings have the last word: what they refuse is not written. Raises SettingsError."""
        raw = {block: self._default(block) for block in self._blocks}
        raw |= {key.partition(":")[2]: value for key, value in document["config"].items() if ":" in key}
        return load({key: value for key, value in raw.items() if value not in ({}, None)}, self._stack, derived)

    def difference(self, after: str) -> str:
        """Lines that change."""
        lines = (text.splitlines(keepends=True) for text in (self.before, after))
        return "".join(difflib.unified_diff(*lines, fromfile=self.file.name, tofile=f"{self.file.name} with the plan"))

    def write(self, text: str) -> None:
        """Puts the text in its place, whole or not at all. Raises FileError."""
        try:
            placing.put(self.file, text)
        except OSError as error:
            raise FileError(f"{self.file}: nothing was written: {error.strerror}") from None


def _stays(at: str, has: object, planned: object) -> str:
    why = "it cannot be changed once it is made" if at in FIXED else "it only grows, or is drained first"
    return f"{at} stays {has} (the plan has {planned}): {why}"


def _comes_first(settings: Settings, planned: Mapping[str, Any]) -> list[str]:
    """What the region's own resources of the service keep from having an effect, and what to do."""
    own = own_resources(settings)
    has = flattened({"memory": {"resources": settings.memory_resources.as_kubernetes()}}) if own else {}
    other = [
        f"{at.removeprefix('memory.resources.')} {value} (the plan has {planned[at]})"
        for at, value in has.items()
        if at in planned and _amount(value) != _amount(planned[at])
    ]
    words = f"{own} comes before memory.resources: pods of the service have {', '.join(other)}"
    return [f"{words}; take it out, or state there what the plan has"] if other else []


def _amount(value: Any) -> float:
    return float(Quantity(str(value)).value)


def yaml_text(blocks: Values, project: str = "somafractalmemory") -> str:
    """The keys as they stand in a stack file."""
    text = io.StringIO()
    documents.round_trip().dump({"config": {f"{project}:{block}": keys for block, keys in blocks.items()}}, text)
    return text.getvalue()
