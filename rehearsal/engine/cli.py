"""The real Pulumi CLI as an engine: its own state, provider plugins and policy packs, through the Automation API.

Needs on PATH: `pulumi`, `pulumi-language-python` (comes with it) and the provider plugins, there or installed
(`pulumi plugin install`). State lies in a file backend in the run directory, encrypted with a passphrase made there.
The CLI waits until what it makes is ready; the stand-ins make it so (rehearsal/standins).
"""

import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import yaml
from pulumi import automation
from pulumi.automation import events as api

from rehearsal import kubeconfig, minimums, packs, paths
from rehearsal.aws.endpoint import Endpoint
from rehearsal.engine import aws_service, cli_report, cli_workspace, elsewhere
from rehearsal.engine.aws_accounts import Accounts
from rehearsal.engine.model import Gate, Preview, Result
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from rehearsal.packs import Violation
from rehearsal.progress import Progress

TOOLS: Final = ("pulumi", "pulumi-language-python")
PLUGINS: Final = ("kubernetes", "random", "tls")
"""Providers of the program's resources."""
LAST_LINES: Final = 12
"""How much of the CLI's output an error repeats that no event explains."""


def missing() -> list[str]:
    """What is not there of the CLI and its plugins, by the name of the executable; empty where the engine can run."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    plugins = [f"pulumi-resource-{name}" for name in PLUGINS]
    return tools + [plugin for plugin in plugins if shutil.which(plugin) is None and not _installed(plugin)]


def available() -> bool:
    """Whether this machine has the CLI and all that it needs here."""
    return not missing()


@dataclass(frozen=True)
class JudgedPreview(Preview):
    """A preview with what the policy packs reported to the engine."""

    violations: tuple[Violation, ...] = ()


class PulumiEngine:
    """The CLI on the program of one checkout. Each region has a stack; all share one state directory."""

    name: ClassVar[str] = "pulumi"

    def __init__(
        self, checkout: Path = paths.CHECKOUT, kubeconfig: Callable[[str], Path] | None = None, judge: bool = True
    ) -> None:
        absent = missing()
        if absent:
            raise RehearsalError(
                f"the Pulumi engine needs {', '.join(absent)} on PATH or installed: install the Pulumi CLI "
                "(pulumi plugin install resource kubernetes|random|tls brings plugins), or use --engine in-process"
            )
        self._checkout = checkout
        self._project = Project.load(checkout)
        self._kubeconfig = kubeconfig or (lambda region: paths.region_dir(region) / "kubeconfig")
        self._packs = packs.directories(checkout) if judge else ()
        self._stop = threading.Event()
        self._accounts_lock = threading.Lock()
        self._opened: Accounts | None = None

    def preview(self, region: str) -> JudgedPreview:
        """What an update would do, and what the packs of the checkout say to it. Violations are no error here."""
        with self._attached(region) as workspace:
            return self._preview(region, workspace)

    def _preview(self, region: str, workspace: automation.LocalWorkspace) -> JudgedPreview:
        arguments = ["preview", "--json", "--show-sames", "--color", "never", "--stack", region]
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "events"
            arguments += ["--event-log", str(log)]
            for pack, configuration in zip(*self._pack_files(region, Path(directory)), strict=True):
                arguments += ["--policy-pack", pack, "--policy-pack-config", configuration]
            printed, failure = _run(workspace, arguments)
            told = cli_report.logged(log)
        violated = cli_report.violations(told)
        digest = cli_report.digest(printed)
        if failure is not None and (digest is None or cli_report.errors(told) or not violated):
            raise _failed(region, told, failure)
        states = [step["newState"] for step in (digest or {}).get("steps") or [] if step.get("newState")]
        return JudgedPreview(
            region=region,
            resources=cli_report.resources(states),
            steps=cli_report.steps(cli_report.digest_steps(digest or {})),
            outputs=cli_report.told_outputs(told),
            violations=violated,
        )

    def up(self, region: str, progress: Progress, gate: Gate | None = None) -> Result:
        """Preview first: a mandatory violation, or the gate, stops the update with nothing applied."""
        planned = self.preview(region)
        mandatory = [violation for violation in planned.violations if violation.mandatory]
        if mandatory:
            lines = "\n".join(f"  {violation.policy}: {violation.message}" for violation in mandatory)
            raise RehearsalError(
                f"{region}: {len(mandatory)} mandatory policy violations, nothing was applied\n{lines}"
            )
        if gate is not None:
            gate(region, planned.resources)
        with self._attached(region) as workspace, tempfile.TemporaryDirectory() as directory:
            stack = automation.Stack.select(region, workspace)
            judges, configurations = self._pack_files(region, Path(directory))
            told = _operate(
                region,
                progress,
                stack,
                lambda watch: stack.up(
                    on_event=watch, color="never", policy_packs=judges, policy_pack_configs=configurations
                ),
            )
        if self._opened is not None:
            self._opened.finish()
        return _result(region, stack, told)

    def destroy(self, region: str, progress: Progress) -> Result:
        """Delete what `up` made, or nothing while a resource is protected.

        Only the preview of Pulumi refuses beforehand: without it all else is deleted before the refusal (3.260).
        """
        with self._attached(region) as workspace:
            stack = automation.Stack.select(region, workspace)
            _operate(region, progress, stack, lambda watch: stack.preview_destroy(on_event=watch, color="never"))
            told = _operate(region, progress, stack, lambda watch: stack.destroy(on_event=watch, color="never"))
        return _result(region, stack, told)

    def interrupt(self) -> None:
        """Ends every running command as Ctrl-C would: what it has made is recorded first."""
        self._stop.set()

    @contextmanager
    def _attached(self, region: str) -> Generator[automation.LocalWorkspace]:
        """The workspace of a region, whose commands find the simulated account where the region is on AWS."""
        workspace = self._workspace(region)
        if self._project.settings()[region].platform != "aws":
            yield workspace
            return
        service = aws_service.Service(self._accounts(), self._endpoint)
        with aws_service.serving(service) as port:
            workspace.env_vars = {**workspace.env_vars, aws_service.VARIABLE: f"aws:{port}"}
            yield workspace

    def _accounts(self) -> Accounts:
        with self._accounts_lock:
            if self._opened is None:
                there = [one for settings in self._project.settings().values() for one in elsewhere.stated(settings)]
                self._opened = Accounts(cli_workspace.account_file(), there)
            return self._opened

    def _endpoint(self, region: str) -> Endpoint | None:
        path = self._kubeconfig(region)
        found = kubeconfig.endpoint(path) if path.exists() else None
        return None if found is None else Endpoint(*found)

    def _workspace(self, region: str) -> automation.LocalWorkspace:
        """The project, with a stack for every stack file: a reference to a stack that is not there is an error."""
        workspace = cli_workspace.prepare(self._checkout, region, self._kubeconfig(region), self._stop)
        with cli_workspace.preparing:
            for stack in {*self._project.stacks, region}:
                if not cli_workspace.state_file(self._project.name, stack).exists():
                    workspace.create_stack(stack)
        return workspace

    def _pack_files(self, region: str, directory: Path) -> tuple[list[str], list[str]]:
        """Paths of the packs, and of a configuration file for each, written to `directory`."""
        files: list[str] = []
        for pack in self._packs:
            _require_environment(pack)
            file = directory / f"{pack.name}.json"
            file.write_text(json.dumps(minimums.configuration(pack, self._project.settings()[region])))
            files.append(str(file))
        return [str(pack) for pack in self._packs], files


def _installed(plugin: str) -> bool:
    """Whether some version of a plugin lies in Pulumi's own plugin directory."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return any((home / "plugins").glob(f"{plugin.removeprefix('pulumi-')}-v*"))


def _require_environment(pack: Path) -> None:
    """Pulumi waits for ever for a pack whose virtual environment is not there (seen with 3.260)."""
    document = yaml.safe_load((pack / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    named = document.get("runtime", {}).get("options", {}).get("virtualenv", "")
    if named and not (pack / named).exists():
        raise RehearsalError(f"{pack / 'PulumiPolicy.yaml'}: there is no {named}: run `make setup` first")


def _run(workspace: automation.LocalWorkspace, arguments: list[str]) -> tuple[str, str | None]:
    """Standard output of a command, and what it said when it failed."""
    printed: list[str] = []
    try:
        workspace.pulumi_command.run(arguments, workspace.work_dir, workspace.env_vars, on_output=printed.append)
    except automation.CommandError as error:
        return "\n".join(printed), str(error)
    return "\n".join(printed), None


def _operate(
    region: str,
    progress: Progress,
    stack: automation.Stack,
    work: Callable[[Callable[[api.EngineEvent], None]], object],
) -> list[api.EngineEvent]:
    """The events of one update or destroy. A lock that an ended run left behind is removed, once."""
    for last in (False, True):
        told: list[api.EngineEvent] = []
        try:
            with progress.step(f"{region}: pulumi"):
                work(told.append)
        except automation.ConcurrentUpdateError as error:
            if last or _owner_lives(str(error)):
                raise _failed(region, told, str(error)) from None
            stack.cancel()
        except automation.CommandError as error:
            raise _failed(region, told, str(error)) from None
        else:
            return told
    raise AssertionError("the second attempt answers or raises")


def _owner_lives(message: str) -> bool:
    """Whether a process that holds the stack's lock still runs (the file backend's message names it)."""
    for owner in re.findall(r"\(pid (\d+)\)", message):
        try:
            os.kill(int(owner), 0)
        except ProcessLookupError:
            continue
        except PermissionError:
            return True
        return True
    return False


def _result(region: str, stack: automation.Stack, told: Sequence[api.EngineEvent]) -> Result:
    deployment = stack.export_stack().deployment or {}
    states = cast(Sequence[Mapping[str, Any]], deployment.get("resources") or [])
    announced = [step for step in map(cli_report.step_of, told) if step is not None]
    return Result(
        region=region,
        resources=cli_report.resources(states),
        steps=cli_report.steps(announced),
        outputs=cli_report.outputs(states),
    )


def _failed(region: str, told: Sequence[api.EngineEvent], said: str) -> RehearsalError:
    """The error for people: what the engine reported, else the end of what the CLI printed."""
    found = cli_report.errors(told)
    if found:
        return RehearsalError("\n".join(found))
    lines = [line for line in said.splitlines() if line.strip() and not line.strip().startswith(("code:", "stdout:"))]
    words = "\n".join(f"  {line}" for line in lines[-LAST_LINES:])
    return RehearsalError(f"{region}: pulumi failed and said\n{words}")
