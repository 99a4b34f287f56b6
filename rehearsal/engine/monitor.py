"""The monitor that a program registers its resources with: records each request whole and answers as a provider would.

A subclass of the SDK's mock monitor, which speaks the same requests as the Pulumi engine; the mock's own answers are
not used, for its URNs know one parent type only and its requests lose options.
"""

import re
import threading
from collections.abc import Mapping
from typing import Any, cast

from google.protobuf import empty_pb2
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2 as proto

from rehearsal.engine import wire
from rehearsal.engine.model import STACK_REFERENCE, PlannedResource, Secret, Value
from rehearsal.engine.providers import Providers
from rehearsal.engine.providers.answer import Request
from rehearsal.errors import RehearsalError

STACK = "pulumi:pulumi:Stack"
FEATURES = (
    proto.RESOURCE_MONITOR_FEATURE_SECRETS,
    proto.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    proto.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class NoMocks(Mocks):
    """The SDK asks for one; the monitor answers everything itself."""

    def call(self, args: MockCallArgs) -> Any:
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> Any:
        raise NotImplementedError(args.typ)


class Monitor(MockMonitor):
    """Records one run of one stack. `stacks` holds the outputs of other stacks, None where there are none yet."""

    def __init__(
        self,
        project: str,
        stack: str,
        providers: Providers,
        stacks: Mapping[str, Mapping[str, Value] | None],
        preview: bool,
    ) -> None:
        super().__init__(NoMocks())
        self.recorded: dict[str, PlannedResource] = {}
        """By URN, in the order of registration."""
        self.outputs: dict[str, Value] = {}
        """Stack outputs, once the program has ended."""
        self._project, self._stack = project, stack
        self._providers, self._stacks, self._preview = providers, stacks, preview
        self._lock = threading.Lock()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """A URN with the types of all ancestors but the stack, as the engine makes it (sdk/go/common/resource/urn)."""
        ancestors = parent.split("::")[2] if parent else STACK
        qualified = type_ if ancestors == STACK else f"{ancestors}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  (the SDK's name)
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK:
            return proto.RegisterResourceResponse(urn=urn)
        _refuse_unimitated(request)
        inputs = _inputs(request)
        aliases = self._aliases(request)
        if not request.custom:
            self._record(self._planned(request, urn, aliases, inputs, {}))
            return proto.RegisterResourceResponse(urn=urn, object=request.object)
        answer = self._providers.answer(
            Request(
                request.type,
                request.name,
                urn,
                inputs,
                _provider(request),
                aliases,
                tuple(request.ignoreChanges),
            )
        )
        outputs = {
            name: Secret(value) if name in request.additionalSecretOutputs else value
            for name, value in answer.outputs.items()
        }
        self._record(self._planned(request, urn, aliases, answer.inputs, {} if outputs == answer.inputs else outputs))
        return proto.RegisterResourceResponse(
            urn=urn, id=answer.id, object=wire.to_struct(outputs), unknown=not answer.complete
        )

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        if request.type != STACK_REFERENCE:
            raise RehearsalError(
                f"the in-process engine does not read {request.type} ({request.name}); use the Pulumi CLI"
            )
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = {"name": request.id}
        properties: dict[str, Value] = {"name": request.id}
        outputs = self._stacks.get(str(request.id).rsplit("/", 1)[-1])
        if outputs is None and not self._preview:
            outputs = {}
        if outputs is not None:
            properties["outputs"] = outputs
            properties["secretOutputNames"] = [name for name, value in outputs.items() if _holds_secret(value)]
        self._record(
            PlannedResource(
                STACK_REFERENCE, request.name, urn, self._parent(request), inputs, outputs={"name": request.id}
            )
        )
        return proto.ReadResourceResponse(urn=urn, properties=wire.to_struct(properties))

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if request.urn.split("::")[2] == STACK:
            self.outputs = wire.from_struct(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        raise RehearsalError(
            f"the program calls {request.tok}: the in-process engine answers no functions; use the Pulumi CLI"
        )

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: N802
        del request
        raise RehearsalError("the program transforms its resources: the in-process engine does not; use the Pulumi CLI")

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: N802
        del request
        return proto.DeploymentInfo(supportedFeatures=FEATURES)

    def _record(self, resource: PlannedResource) -> None:
        with self._lock:
            if resource.urn in self.recorded:
                raise RehearsalError(
                    f"Duplicate resource URN '{resource.urn}'; try giving it a unique name "
                    "(a URN has the types of the parents, not their names)"
                )
            self.recorded[resource.urn] = resource

    def _parent(self, request: Any) -> str | None:
        return request.parent if request.parent and request.parent.split("::")[2] != STACK else None

    def _planned(
        self,
        request: Any,
        urn: str,
        aliases: tuple[str, ...],
        inputs: dict[str, Value],
        outputs: dict[str, Value],
    ) -> PlannedResource:
        properties = {name: tuple(sorted(deps.urns)) for name, deps in request.propertyDependencies.items()}
        return PlannedResource(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=self._parent(request),
            inputs=inputs,
            protect=request.protect,
            depends_on=tuple(sorted({*request.dependencies, *(urn for urns in properties.values() for urn in urns)})),
            provider=_provider(request),
            ignore_changes=tuple(request.ignoreChanges),
            custom=request.custom,
            property_dependencies=properties,
            aliases=aliases,
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            delete_before_replace=request.deleteBeforeReplace,
            retain_on_delete=request.retainOnDelete,
            timeouts=_timeouts(request.customTimeouts),
            outputs=outputs,
        )

    def _aliases(self, request: Any) -> tuple[str, ...]:
        own = (*request.aliasURNs, *(self._alias(request, alias) for alias in request.aliases))
        parent = self.recorded.get(request.parent)
        inherited = (
            () if parent is None else tuple(self._inherited(request, parent.name, urn) for urn in parent.aliases)
        )
        return (*own, *inherited)

    def _inherited(self, request: Any, parent: str, alias: str) -> str:
        """The former URN of a child whose parent was renamed: a name that begins with the parent's followed it."""
        former = alias.split("::")[-1]
        name = former + request.name[len(parent) :] if request.name.startswith(parent) else request.name
        return self.make_urn(alias, request.type, name)

    def _alias(self, request: Any, alias: Any) -> str:
        """The former URN. Renames and moves within the stack; other stacks and projects are refused."""
        if alias.WhichOneof("alias") == "urn":
            return cast(str, alias.urn)
        spec = alias.spec
        if spec.stack or spec.project:
            raise RehearsalError(f"{request.name}: the in-process engine does not imitate aliases of other stacks")
        parent = "" if spec.noParent else spec.parentUrn or request.parent
        return self.make_urn(parent, spec.type or request.type, spec.name or request.name)


def _provider(request: Any) -> str | None:
    """The URN of a request's provider, which comes with the provider's id."""
    return cast(str, request.provider).rsplit("::", 1)[0] if request.provider else None


def _inputs(request: Any) -> dict[str, Value]:
    try:
        return wire.from_struct(request.object)
    except ValueError as error:
        raise RehearsalError(f"{request.name} ({request.type}): an input is {error}") from None


def _refuse_unimitated(request: Any) -> None:
    asked = {
        "remote components": request.remote,
        "import": request.importId,
        "transforms": request.transforms,
        "hooks": request.HasField("hooks") and request.hooks.ByteSize(),
        "replace_on_changes": request.replaceOnChanges,
        "deleted_with": request.deletedWith,
        "replace_with": request.replace_with,
        "replacement_trigger": request.HasField("replacement_trigger"),
    }
    for option, stated in asked.items():
        if stated:
            raise RehearsalError(
                f"{request.name} ({request.type}): the in-process engine does not imitate {option}; use the Pulumi CLI"
            )


def _timeouts(message: Any) -> dict[str, float]:
    """Seconds by kind of change, from Go's duration texts (`5m`, `1m30s`)."""
    return {
        kind: sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text))
        for kind in ("create", "update", "delete")
        if (text := getattr(message, kind))
    }


def _holds_secret(value: Value) -> bool:
    if isinstance(value, Secret):
        return True
    if isinstance(value, Mapping):
        return any(_holds_secret(item) for item in cast(Mapping[str, Value], value).values())
    return isinstance(value, list) and any(_holds_secret(item) for item in cast(list[Value], value))
