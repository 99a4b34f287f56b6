"""Runs a Pulumi program without engine, provider or cluster, and keeps everything that it registered.

The SDK's mock monitor sees what its mocks do not: options, providers, parents, dependencies and secret marks. The
program runs as the language host runs it (`run_in_stack`): a `Recorded` is made once every registration has drained.
"""

import json
import runpy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml
from pulumi.runtime import mocks, stack, sync_await
from pulumi.runtime.settings import configure, set_root_resource

from rehearsal.engine import wire
from rehearsal.engine.model import Secret
from rehearsal.engine.program import drained
from tests.unit.recorded import Recorded, Resource

ROOT = Path(__file__).parents[2]
PROJECT = "somafractalmemory"
ORGANIZATION = "organization"


@dataclass(frozen=True)
class Provided(mocks.Mocks):
    """What providers would compute; everything else comes back as it was given."""

    stacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stack to its outputs, for stack references; secrets as `Secret`."""
    preview: bool = False

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(f"the program calls {args.token}: a function of a provider that no test imitates")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            stack_name = str(args.resource_id).rpartition("/")[2]
            own = {} if stack_name == pulumi.get_stack() else None  # its first update
            outputs = self.stacks.get(stack_name, own)
            assert outputs is not None, f"no outputs of stack {stack_name} were given"
            secret = [name for name, value in outputs.items() if isinstance(value, Secret)]
            revealed = {name: wire.marked(value) for name, value in outputs.items()}
            return str(args.resource_id), {**args.inputs, "outputs": revealed, "secretOutputNames": secret}
        if self.preview:
            return "", dict(args.inputs)
        return f"{args.name}-id", {**args.inputs, **_computed(args.typ, args.name)}


def _computed(type_: str, name: str) -> dict[str, Any]:
    match type_:
        case "random:index/randomPassword:RandomPassword":
            return {"result": f"<password {name}>", "bcryptHash": f"<hash {name}>"}
        case "tls:index/privateKey:PrivateKey":
            return {"privateKeyPem": f"<key {name}>", "publicKeyPem": f"<public key {name}>"}
        case "tls:index/certRequest:CertRequest":
            return {"certRequestPem": f"<request {name}>"}
        case "tls:index/selfSignedCert:SelfSignedCert" | "tls:index/locallySignedCert:LocallySignedCert":
            return {"certPem": f"<certificate {name}>", "validityEndTime": "2036-01-01T00:00:00Z"}
        case _:
            return {}


class Recorder(mocks.MockMonitor):
    """A monitor that keeps every registration as it came over the wire."""

    def __init__(self, provided: Provided) -> None:
        super().__init__(provided)
        self.kept: list[Resource] = []
        self.outputs: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._root = ""

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """A URN as the engine makes it: every parent's type but the stack's, and no parent's name."""
        types = [] if parent in ("", self._root) else [parent.split("::")[2]]
        place = (pulumi.get_stack(), pulumi.get_project(), "$".join([*types, type_]), name)
        return "urn:pulumi:" + "::".join(place)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            self._root = urn
            return super().RegisterResource(request)
        self._keep(urn, request)
        response = super().RegisterResource(request)
        for name in request.additionalSecretOutputs:
            if name in response.object.fields:
                secret = wire.to_struct({name: Secret(wire.from_struct(response.object)[name])})
                response.object.fields[name].CopyFrom(secret.fields[name])
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if request.urn == self._root:
            self.outputs = wire.from_struct(request.outputs)
        return super().RegisterResourceOutputs(request)

    def _keep(self, urn: str, request: Any) -> None:
        resource = Resource(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=None if request.parent in ("", self._root) else request.parent,
            inputs=wire.from_struct(request.object),
            protect=request.protect,
            depends_on=tuple(sorted(request.dependencies)),
            provider=request.provider.rpartition("::")[0] or None,
            ignore_changes=tuple(request.ignoreChanges),
            custom=request.custom,
        )
        with self._lock:
            if any(kept.urn == urn for kept in self.kept):
                raise AssertionError(f"two resources are called {urn}")
            self.kept.append(resource)


def record(
    program: Callable[[], None],
    *,
    stack_name: str = "test",
    config: Mapping[str, Any] | None = None,
    stacks: Mapping[str, Mapping[str, Any]] | None = None,
    preview: bool = False,
) -> Recorded:
    """Run a program to its end and return what it registered. Raises what the program raises.

    `config` is the stack's configuration without the project's name; `stacks` answers stack references.
    """
    recorder = Recorder(Provided(stacks or {}, preview))
    pulumi.runtime.set_all_config({f"{PROJECT}:{key}": as_text(value) for key, value in (config or {}).items()})
    set_root_resource(cast(Any, None))
    configure(
        mocks.MockSettings(
            monitor=recorder,
            monitor_features=set(recorder.GetDeploymentInfo(None).supportedFeatures),
            engine=mocks.MockEngine(None),
            project=PROJECT,
            stack=stack_name,
            dry_run=preview,
            organization=ORGANIZATION,
            root_directory=str(ROOT),
            callbacks=None,
            outputs=set(),
            lock=threading.Lock(),
        )
    )
    try:
        sync_await._sync_await(stack.run_in_stack(drained(program)))
    finally:
        pulumi.runtime.set_all_config({})
        set_root_resource(cast(Any, None))
    return Recorded(stack_name, tuple(recorder.kept), recorder.outputs)


def record_stack(
    name: str,
    *,
    overrides: Mapping[str, Any] | None = None,
    stacks: Mapping[str, Mapping[str, Any]] | None = None,
    preview: bool = False,
) -> Recorded:
    """Run the project's `__main__.py` with its real stack file; `overrides` replaces whole keys."""
    config = {**stack_configuration(name), **(overrides or {})}
    return record(run_main, stack_name=name, config=config, stacks=stacks, preview=preview)


def run_main() -> None:
    """The program, as Pulumi starts it."""
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def stack_configuration(name: str) -> dict[str, Any]:
    """What the engine hands over: the project's defaults under the stack file's values, without the project's name."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    given = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text()) or {}
    declared = cast(dict[str, Any], project.get("config", {}))
    defaults = {
        key: entry["default"] for key, entry in declared.items() if isinstance(entry, dict) and "default" in entry
    }
    stated = cast(dict[str, Any], given.get("config", {}))
    return {**_bare(defaults), **_bare(stated)}


def _bare(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}


def as_text(value: Any) -> str:
    """Configuration reaches a program as text, objects as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
