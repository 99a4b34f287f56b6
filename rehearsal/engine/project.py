"""Pulumi.yaml and the stack files, read as the Pulumi CLI reads them, and the settings in them.

Source: pulumi/pulumi, sdk/go/common/workspace (project.go, config.go): project keys may carry a schema with `default`
or `value`; a stack's own value wins; values that are no text reach the program as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from rehearsal.errors import RehearsalError
from settings import Settings, SettingsError, load

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Project:
    """One checkout's Pulumi.yaml."""

    directory: Path
    name: str
    defaults: Mapping[str, Any]
    """Full key (`project:key`) to the value that every stack has unless it says otherwise."""

    @classmethod
    def load(cls, directory: Path) -> "Project":
        """Reads Pulumi.yaml of a directory; RehearsalError when there is none or it is no mapping."""
        document = _read(directory / "Pulumi.yaml")
        name = str(document.get("name") or directory.name)
        keys = cast(Document, document.get("config") or {})
        found = {_full(name, key): _default(stated) for key, stated in keys.items()}
        return cls(directory, name, {key: value for key, value in found.items() if value is not None})

    @property
    def stacks(self) -> tuple[str, ...]:
        """Names of the stack files there are."""
        return tuple(sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in self.directory.glob("Pulumi.*.yaml")))

    def values(self, stack: str) -> dict[str, Any]:
        """Full key to value as written, the project's defaults under the stack's own. A missing stack file is empty."""
        file = self.directory / f"Pulumi.{stack}.yaml"
        document = _read(file) if file.exists() else {}
        own = cast(Document, document.get("config") or {})
        for key, value in own.items():
            if isinstance(value, dict) and "secure" in value:
                raise RehearsalError(f"{file.name}: {key} is encrypted, which takes the Pulumi CLI to read")
        stated = {_full(self.name, key): value for key, value in own.items()}
        return {**stated, **{key: value for key, value in self.defaults.items() if key not in stated}}

    def config(self, stack: str) -> dict[str, str]:
        """Full key to text, as the engine hands it to the program."""
        return {key: _text(value) for key, value in self.values(stack).items()}

    def settings(self) -> dict[str, Settings]:
        """The settings of every region, in the order of `multiregion.regions`; without a list, of every stack file.

        RehearsalError names every fault of every stack file. The list of regions is the project's.
        """
        loaded: dict[str, Settings] = {}
        faults: list[str] = []

        def read(stack: str) -> None:
            try:
                loaded[stack] = self._settings_of(stack)
            except SettingsError as error:
                faults.append(str(error))

        for stack in self.stacks:
            read(stack)
        listed = [region.name for one in loaded.values() for region in one.multiregion.regions]
        for region in dict.fromkeys(listed):
            if region not in self.stacks:
                read(region)
        if faults:
            raise RehearsalError("\n".join(faults))
        if not loaded:
            raise RehearsalError(f"no stack file in {self.directory}: Pulumi.<region>.yaml makes a region")
        return {region: loaded[region] for region in dict.fromkeys([*listed, *loaded])}

    def _settings_of(self, stack: str) -> Settings:
        prefix = f"{self.name}:"
        raw = {key.removeprefix(prefix): value for key, value in self.values(stack).items() if key.startswith(prefix)}
        return load(raw, stack)


def _read(file: Path) -> Document:
    try:
        document = yaml.safe_load(file.read_text()) or {}
    except FileNotFoundError:
        raise RehearsalError(f"{file.name}: not in {file.parent}: is this a Pulumi program?") from None
    except yaml.YAMLError as error:
        raise RehearsalError(f"{file.name}: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise RehearsalError(f"{file.name}: not a mapping of keys to values")
    return cast(Document, document)


def _full(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _default(stated: Any) -> Any:
    """The value of a project key: stated bare, or under `value` or `default` of its schema."""
    if not isinstance(stated, dict):
        return stated
    schema = cast(Document, stated)
    return schema.get("value", schema.get("default"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
