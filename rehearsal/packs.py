"""Asks a policy pack about a region, over the protocol that Pulumi's engine speaks with it.

The pack runs in its own process, as `pulumi preview --policy-pack` starts it (`pulumi.policy` on the environment that
its PulumiPolicy.yaml names), and gets the calls of proto/pulumi/analyzer.proto in the engine's order: Analyze with the
inputs of each resource, then AnalyzeStack once. Not imitated: `Remediate` (our packs change nothing), `Handshake` and
`Cancel` (the Python SDK implements neither), configuration from Pulumi Cloud.
"""

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar, cast

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc

from rehearsal import packs_config, packs_wire, paths
from rehearsal.engine import wire
from rehearsal.engine.model import PlannedResource
from rehearsal.errors import RehearsalError

START_SECONDS = 60.0
"""A pack answers within half a second here; a cold disk and a busy machine take longer."""
CALL_SECONDS = 60.0
TAIL_LINES = 30
"""Lines of the pack's standard error that an error repeats."""
MESSAGE_BYTES = 400 << 20
"""As the engine allows (pkg/resource/plugin: rpcutil.GrpcChannelOptions)."""

_SERVE = """
import os, runpy, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
runpy.run_module("pulumi.policy", run_name="__main__", alter_sys=True)
"""
"""`python -m pulumi.policy`, ended when standard input closes: a pack never outlives the process that asks it."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Violation:
    """What a policy says about a resource. The message holds no value that may be secret."""

    pack: str
    policy: str
    level: str
    """advisory or mandatory; a mandatory violation stops an update before anything is applied."""
    urn: str
    """Empty where the stack as a whole is meant."""
    message: str

    @property
    def mandatory(self) -> bool:
        return self.level == "mandatory"


@dataclass(frozen=True)
class Policy:
    """A policy that was asked, as the pack describes it."""

    name: str
    description: str
    level: str
    """As configured: advisory, mandatory, remediate or disabled."""
    severity: str
    remedy: str
    parameters: Mapping[str, Any]
    """The values it was asked with, by name."""


@dataclass(frozen=True)
class Report:
    """Everything that one pack says about one region."""

    pack: str
    version: str
    policies: tuple[Policy, ...]
    """Those that were asked: all but the disabled."""
    violations: tuple[Violation, ...]
    seconds: float

    @property
    def mandatory(self) -> tuple[Violation, ...]:
        return tuple(violation for violation in self.violations if violation.mandatory)

    @property
    def counted(self) -> dict[str, int]:
        """How many policies passed, gave advice only, and refused something."""
        refusing = {violation.policy for violation in self.mandatory}
        advising = {violation.policy for violation in self.violations} - refusing
        passed = len(self.policies) - len(refusing) - len(advising)
        return {"passed": passed, "advise": len(advising), "failed": len(refusing)}

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the policies with a violation, in the order of the pack."""
        names = {violation.policy for violation in self.violations}
        return tuple(policy.name for policy in self.policies if policy.name in names)


def ask(
    pack_dir: Path,
    resources: Sequence[PlannedResource],
    project: str,
    stack: str,
    config: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
) -> Report:
    """Start a pack, ask it about one region and end it. Raises RehearsalError when it cannot be asked.

    See `Pack.ask` for `config` and `values`.
    """
    with Pack(pack_dir, project, stack) as pack:
        return pack.ask(resources, stack, config, values)


def directories(root: Path) -> tuple[Path, ...]:
    """The packs of a program: the folders of its `policies/` that hold a PulumiPolicy.yaml, by name; else ours."""
    for checkout in (root, paths.CHECKOUT):
        found = sorted(path.parent for path in (checkout / "policies").glob("*/PulumiPolicy.yaml"))
        if found:
            return tuple(found)
    return ()


class Pack:
    """A running policy pack. Starting takes about half a second, so that several regions may be asked of one.

    A pack process has one project and one stack in its environment, as under the engine; ours do not look at them.
    """

    def __init__(self, pack_dir: Path, project: str, stack: str) -> None:
        self._directory = pack_dir.resolve()
        self._project = project
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._readers: list[threading.Thread] = []
        self._version = ""
        self._process = self._start(stack)
        try:
            self._channel = grpc.insecure_channel(
                f"127.0.0.1:{self._port()}",
                options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.enable_http_proxy", 0)],
            )
            self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)
            self._info: proto.AnalyzerInfo = self._call(self._stub.GetAnalyzerInfo, empty_pb2.Empty())
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        return self._info.name

    def close(self) -> None:
        """End the process. May be called twice."""
        self._channel.close()
        self._end()

    def ask(
        self,
        resources: Sequence[PlannedResource],
        stack: str,
        config: Mapping[str, object] | None = None,
        values: Mapping[str, object] | None = None,
    ) -> Report:
        """Ask every policy about the resources of a region.

        `config` has the form of the engine's `--policy-pack-config` file: policy name (or `all`) to a level or to an
        object of values and `enforcementLevel`. `values` are given to every policy whose schema declares their name.
        Raises RehearsalError for a configuration that does not fit the schema and for a pack that fails.
        """
        started = time.monotonic()
        configured = self.configure(stack, config, values)
        diagnostics = self.judge(packs_wire.messages(resources))
        return Report(
            pack=self.name,
            version=self._version,
            policies=tuple(_policies(self._info, configured)),
            violations=tuple(_violation(self.name, diagnostic) for diagnostic in diagnostics),
            seconds=time.monotonic() - started,
        )

    def configure(
        self, stack: str, config: Mapping[str, object] | None = None, values: Mapping[str, object] | None = None
    ) -> Mapping[str, proto.PolicyConfig]:
        """What every policy is asked with from now on; see `ask`."""
        configured = packs_config.reconciled(self._info, config or {}, values or {})
        self._call(
            self._stub.ConfigureStack,
            proto.AnalyzerStackConfigureRequest(stack=stack, project=self._project, dry_run=True),
        )
        self._call(self._stub.Configure, proto.ConfigureAnalyzerRequest(policyConfig=configured))
        return configured

    def judge(self, asked: packs_wire.Messages) -> list[proto.AnalyzeDiagnostic]:
        """What the policies say, as they were configured."""
        diagnostics: list[proto.AnalyzeDiagnostic] = []
        for request in asked.each:
            answer = self._call(self._stub.Analyze, request)
            diagnostics += [_about(diagnostic, request.urn) for diagnostic in answer.diagnostics]
        return [*diagnostics, *self._call(self._stub.AnalyzeStack, asked.together).diagnostics]

    def idle(self, calls: int) -> None:
        """So many calls that ask nothing: what the protocol alone takes."""
        for _ in range(calls):
            self._call(self._stub.GetPluginInfo, empty_pb2.Empty())

    def _start(self, stack: str) -> "subprocess.Popen[str]":
        self._version, python = _runtime(self._directory)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        process = subprocess.Popen(
            # The engine's address is not dialled by the SDK; -u, for the line with the port is never flushed.
            [str(python), "-u", "-c", _SERVE, "127.0.0.1:1", str(self._directory)],
            cwd=self._directory,
            env={
                **environment,
                "PULUMI_PROJECT": self._project,
                "PULUMI_STACK": stack,
                "PULUMI_DRY_RUN": "true",
                "PULUMI_CONFIG": "{}",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._read_in_background(process.stderr, self._tail.append)
        return process

    def _port(self) -> int:
        """The port that the pack listens on: its first line, whole. What it prints later is dropped."""
        first: list[str] = []
        came = threading.Event()

        def take(line: str) -> None:
            if not first:
                first.append(line.strip())
                came.set()

        self._read_in_background(self._process.stdout, take, at_end=came.set)
        if not came.wait(START_SECONDS):
            raise self._failure(f"said no port within {START_SECONDS:.0f} s")
        if not first:
            raise self._failure("ended before it said its port")
        if not first[0].isdecimal():
            raise self._failure("printed something before its port; a pack must not print")
        return int(first[0])

    def _read_in_background(
        self, stream: IO[str] | None, take: Callable[[str], None], at_end: Callable[[], None] | None = None
    ) -> None:
        """Drain a stream: a full pipe would stop the pack."""

        def read() -> None:
            for line in stream or ():
                take(line)
            if at_end is not None:
                at_end()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        self._readers.append(thread)

    def _call(self, method: Callable[..., _T], request: object) -> _T:
        try:
            return method(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            call = cast(grpc.Call, error)
            raise self._failure(f"failed ({call.code().name}): {call.details()}") from error

    def _failure(self, what: str) -> RehearsalError:
        self._end()
        tail = "\n".join(f"  {line.rstrip()}" for line in self._tail)
        told = f"; it said:\n{tail}" if tail else ", and said nothing"
        return RehearsalError(f"the policy pack {self._directory.name} {what}{told}")

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for reader in self._readers:
            reader.join(timeout=1)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _runtime(directory: Path) -> tuple[str, Path]:
    """Version and interpreter that PulumiPolicy.yaml names; a relative environment starts at the pack's folder.

    (sdk/python/toolchain/pip.go, resolveVirtualEnvironmentPath: joined to the plugin's root directory.)
    """
    file = directory / "PulumiPolicy.yaml"
    try:
        project = yaml.safe_load(file.read_text(encoding="utf-8"))
        options = project["runtime"]["options"]
        environment = directory / options["virtualenv"]
    except FileNotFoundError:
        raise RehearsalError(f"{directory} is no policy pack: it has no PulumiPolicy.yaml") from None
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise RehearsalError(f"{file}: cannot be read ({error}): runtime.options.virtualenv is needed") from None
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        raise RehearsalError(f"{file}: there is no {options['virtualenv']}: run `make setup` first")
    return str(project.get("version", "")), python


def _about(diagnostic: proto.AnalyzeDiagnostic, urn: str) -> proto.AnalyzeDiagnostic:
    """A diagnostic of one resource, which a pack may report without its URN."""
    if not diagnostic.urn:
        diagnostic.urn = urn
    return diagnostic


def _violation(pack: str, diagnostic: proto.AnalyzeDiagnostic) -> Violation:
    """The SDK puts the policy's description before each message."""
    return Violation(
        pack=pack,
        policy=diagnostic.policyName,
        level=proto.EnforcementLevel.Name(diagnostic.enforcementLevel).lower(),
        urn=diagnostic.urn,
        message=diagnostic.message.removeprefix(f"{diagnostic.description}\n"),
    )


def _policies(info: proto.AnalyzerInfo, configured: Mapping[str, proto.PolicyConfig]) -> list[Policy]:
    asked: list[Policy] = []
    for policy in info.policies:
        level = configured[policy.name].enforcementLevel
        if level == proto.DISABLED:
            continue
        asked.append(
            Policy(
                name=policy.name,
                description=policy.description,
                level=proto.EnforcementLevel.Name(level).lower(),
                severity=proto.PolicySeverity.Name(policy.severity).removeprefix("POLICY_SEVERITY_").lower(),
                remedy=policy.remediation_steps,
                parameters=wire.from_struct(configured[policy.name].properties),
            )
        )
    return asked
