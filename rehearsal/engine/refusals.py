"""Every fault of a checkout's settings, by the file in which the faulty value stands."""

from collections.abc import Iterable
from typing import Any

from rehearsal.engine.config_files import PROJECT_FILE, ProjectFile, StackFile, stack_file_name
from rehearsal.errors import RehearsalError
from settings import Configuration, Fault
from settings.faults import told


class Refusals:
    """Collects faults, and refuses with all of them at once."""

    def __init__(self, project: ProjectFile) -> None:
        self._project = project
        self._unreadable: dict[str, str] = {}
        self._own: dict[str, list[Fault]] = {}
        self._shared: dict[Fault, list[str]] = {}
        """Faults of values in Pulumi.yaml to the stacks that have them from there."""
        self._leaving: dict[str, set[str]] = {}
        """Keys to the stacks that leave them to Pulumi.yaml."""

    def unreadable(self, stack: str, error: RehearsalError) -> None:
        """Notes that nothing can be said of a stack, and why."""
        self._unreadable[stack] = str(error)

    def reads(self, file: StackFile, stack: str) -> None:
        """Notes what a stack leaves to Pulumi.yaml."""
        for key in self._project.values:
            if key not in file.values:
                self._leaving.setdefault(key.removeprefix(f"{self._project.name}:"), set()).add(stack)

    def left(self, stack: str, key: str) -> bool:
        """Does the stack have the key's value from Pulumi.yaml?"""
        return stack in self._leaving.get(key, ())

    def of_stack(self, stack: str, faults: Iterable[Fault]) -> None:
        """Notes faults that stand in the stack file itself."""
        self._own.setdefault(stack, []).extend(faults)

    def of_settings(self, stack: str, faults: Iterable[Fault]) -> None:
        """Notes faults of the settings that a stack has from its own file and from Pulumi.yaml."""
        for fault in faults:
            if self.left(stack, fault.key) and self._stated(fault.key):
                self._shared.setdefault(fault, []).append(stack)
            else:
                self.of_stack(stack, [fault])

    def end(self) -> None:
        """Raises RehearsalError with all that was noted, if anything was."""
        shared = [*map(str, self._project.faults), *map(self._once, self._shared)]
        texts = [told(PROJECT_FILE, shared)] if shared else []
        faulty = {*self._unreadable, *(stack for stack, faults in self._own.items() if faults)}
        texts += [
            self._unreadable.get(stack) or told(stack_file_name(stack), self._own[stack]) for stack in sorted(faulty)
        ]
        if texts:
            raise RehearsalError("\n".join(texts))

    def _stated(self, key: str) -> bool:
        """Does Pulumi.yaml state anything under a key? An empty block states nothing, least of all what it lacks."""
        value: Any = self._project.values.get(f"{self._project.name}:{key}")
        return value is not None and (value != {} or key not in Configuration.model_fields)

    def _once(self, fault: Fault) -> str:
        stacks = self._shared[fault]
        if set(stacks) == self._leaving[fault.key]:
            return str(fault)
        return f"{fault} (stack {', '.join(stacks)})"
