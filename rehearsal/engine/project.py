"""Pulumi.yaml and the stack files, read as the Pulumi CLI reads them, and the settings in them.

Source: pulumi/pulumi, sdk/go/common/workspace (project.go, config.go): project keys may carry a schema with `default`
or `value`; a stack's own value wins; values that are no text reach the program as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.engine.config_files import StackFile, read_project, read_stack, stack_file_name
from rehearsal.errors import RehearsalError
from settings import Settings, SettingsError, load


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
        file = read_project(directory)
        return cls(directory, file.name, file.values)

    @property
    def stacks(self) -> tuple[str, ...]:
        """Names of the stack files there are."""
        return tuple(sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in self.directory.glob("Pulumi.*.yaml")))

    def values(self, stack: str) -> dict[str, Any]:
        """Full key to value as written, the project's defaults under the stack's own. A missing stack file is empty."""
        return self._over_defaults(self._file(stack).sound())

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
            except (RehearsalError, SettingsError) as error:
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

    def _file(self, stack: str) -> StackFile:
        file = self.directory / stack_file_name(stack)
        if not file.exists() and not file.is_symlink():
            return StackFile(file.name, {}, {})
        return read_stack(file, self.name)

    def _over_defaults(self, file: StackFile) -> dict[str, Any]:
        return {**file.values, **{key: value for key, value in self.defaults.items() if key not in file.values}}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
