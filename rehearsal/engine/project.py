"""Pulumi.yaml and the stack files, read as the Pulumi CLI reads them, and the settings in them.

Source: pulumi/pulumi, sdk/go/common/workspace (project.go, config.go): project keys may carry a schema with `default`
or `value`; a stack's own value wins; values that are no text reach the program as JSON.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.derivation import derived
from rehearsal.engine.config_files import (
    PROJECT_FILE,
    ProjectFile,
    StackFile,
    read_project,
    read_stack,
    stack_file_name,
)
from rehearsal.engine.refusals import Refusals
from rehearsal.errors import RehearsalError
from settings import Fault, Settings, SettingsError, load, public_names
from settings.agreement import disagreements
from settings.faults import ABSENT, written


@dataclass(frozen=True)
class Project:
    """One checkout's Pulumi.yaml and its stack files."""

    directory: Path
    file: ProjectFile

    @classmethod
    def load(cls, directory: Path) -> "Project":
        """Reads Pulumi.yaml of a directory; RehearsalError when there is none or it cannot be read at all."""
        return cls(directory, read_project(directory))

    @property
    def name(self) -> str:
        """The project's name, which is the prefix of its keys."""
        return self.file.name

    @property
    def stacks(self) -> tuple[str, ...]:
        """Names of the stack files there are."""
        return tuple(sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in self.directory.glob("Pulumi.*.yaml")))

    def values(self, stack: str) -> dict[str, Any]:
        """Full key to value as written, the project's defaults under the stack's own. A missing stack file is empty."""
        self.file.sound()
        return self._over_defaults(self._file(stack).sound())

    def config(self, stack: str) -> dict[str, str]:
        """Full key to text, as the engine hands it to the program."""
        return {key: _text(value) for key, value in self.values(stack).items()}

    def settings(self) -> dict[str, Settings]:
        """The settings of every region, in the order of `multiregion.regions`; without a list, of every stack file.

        RehearsalError names every fault of every file, each once. The list of regions is the project's.
        """
        refusals = Refusals(self.file)
        loaded: dict[str, Settings] = {}
        for stack in self.stacks:
            loaded |= self._checked(stack, refusals)
        listed = [region.name for one in loaded.values() for region in one.multiregion.regions]
        for region in dict.fromkeys(listed):
            if region not in self.stacks:
                loaded |= self._checked(region, refusals)
        shared = (stack for stack in loaded if refusals.left(stack, "multiregion"))
        for stack, different in disagreements(loaded, next(shared, None)).items():
            refusals.of_stack(stack, different)
        ordered = {region: loaded[region] for region in dict.fromkeys([*listed, *loaded]) if region in loaded}
        for stack, refused in public_names.conflicts(ordered).items():
            refusals.of_stack(stack, refused)
        refusals.end()
        if not loaded:
            raise RehearsalError(f"no stack file in {self.directory}: Pulumi.<region>.yaml makes a region")
        return ordered

    def _checked(self, stack: str, refusals: Refusals) -> dict[str, Settings]:
        """The settings of a stack, if they are sound; notes what is not."""
        try:
            file = self._file(stack)
        except RehearsalError as error:
            refusals.unreadable(stack, error)
            return {}
        refusals.of_stack(stack, file.faults)
        refusals.of_stack(stack, self._undecided(file))
        refusals.reads(file, stack)
        prefix = f"{self.name}:"
        values = self._over_defaults(file)
        try:
            raw = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
            return {stack: load(raw, stack, derived)}
        except SettingsError as error:
            refusals.of_settings(stack, error.faults)
            return {}

    def _undecided(self, file: StackFile) -> list[Fault]:
        """The keys that the stack would have to state (pkg/workspace/config.go: "is missing configuration value")."""
        message = f"{PROJECT_FILE} declares it without a default: state it here, or give it a default there"
        missing = [key.removeprefix(f"{self.name}:") for key in self.file.undecided if key not in file.values]
        return [Fault(written((key,)), ABSENT, message) for key in missing]

    def _file(self, stack: str) -> StackFile:
        file = self.directory / stack_file_name(stack)
        if not file.exists() and not file.is_symlink():
            return StackFile(file.name, {}, {})
        return read_stack(file, self.name)

    def _over_defaults(self, file: StackFile) -> dict[str, Any]:
        return {**file.values, **{key: value for key, value in self.file.values.items() if key not in file.values}}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
