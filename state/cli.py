"""Stacks through the Pulumi CLI, as the operator's machine is set up for it."""

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pulumi import automation

from components.aws.state_store import NAME, StateStore, StateStoreArgs
from promotion import stacks
from state.errors import StateError

STACK: Final = "store"
FOLDER: Final = ".state"
"""In the checkout: the state until the bucket is there."""
MISSING: Final = ("NoSuchBucket", "NotFound")
"""How the CLI tells of a bucket that is not there."""


class CliAccess:
    """`state.store.Access` by the Automation API."""

    def __init__(self, directory: Path, args: StateStoreArgs, say: Callable[[str], None]) -> None:
        self._folder, self._args, self._say = (directory / FOLDER).resolve(), args, say

    def moved(self) -> bool:
        if self._folder.is_dir():  # a run was interrupted: what the bucket has may be a stack without its state
            return False
        try:
            with self._workspace(self._args.backend()) as workspace:
                return STACK in {stack.name for stack in workspace.list_stacks()}
        except automation.CommandError as error:
            if any(word in str(error) for word in MISSING):
                return False
            raise StateError(_said(f"does not say whether {self._args.bucket} is there", error)) from None

    def up(self, moved: bool) -> None:
        if not moved:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            with self._stack(self._args.backend() if moved else self._local) as stack:
                stack.up(color="never", on_output=self._say)
        except automation.CommandError as error:
            raise StateError(_said("did not bring the bucket up; run the command again to go on", error)) from None

    def move(self) -> None:
        try:
            with self._stack(self._local) as here, self._stack(self._args.backend()) as there:
                there.import_stack(here.export_stack())
        except automation.CommandError as error:
            raise StateError(_said("did not copy the state; run the command again to go on", error)) from None

    def forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _local(self) -> str:
        return f"file://{self._folder}"

    def _program(self) -> None:
        StateStore("state", self._args)

    @contextmanager
    def _workspace(self, backend: str) -> Generator[automation.LocalWorkspace]:
        with _scratch() as place:
            yield automation.LocalWorkspace(
                work_dir=place,
                program=self._program,
                project_settings=automation.ProjectSettings(name=NAME, runtime="python"),
                env_vars=_environment(backend),
            )

    @contextmanager
    def _stack(self, backend: str) -> Generator[automation.Stack]:
        with _scratch() as place:
            yield automation.create_or_select_stack(
                STACK,
                project_name=NAME,
                program=self._program,
                opts=automation.LocalWorkspaceOptions(work_dir=place, env_vars=_environment(backend)),
            )


def exported(directory: Path, stack: str) -> Sequence[Mapping[str, Any]]:
    """Resources of a stack of the checkout, secrets encrypted. StateError when there is none."""
    found = stacks.export(directory, stack)
    if not found:
        raise StateError(f"there is no stack {stack}: `pulumi stack ls` names those of your backend")
    return stacks.resources(found)


def require() -> None:
    """StateError without the CLI."""
    if shutil.which("pulumi") is None:
        raise StateError(stacks.NO_CLI)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """For a workspace, of which the Automation API leaves its own behind."""
    return tempfile.TemporaryDirectory(prefix="soma-state-")


def _environment(backend: str) -> dict[str, str]:
    """No secret is in this stack, so none has to close it."""
    return {"PULUMI_BACKEND_URL": backend, "PULUMI_CONFIG_PASSPHRASE": ""}


def _said(what: str, error: automation.CommandError) -> str:
    return "\n".join([f"the Pulumi CLI {what}:", *stacks.last_lines(str(error))])
