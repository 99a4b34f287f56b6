"""A pack as an engine asks it: the policy SDK's own server, with what that leaves out and what it does too often.

Every resource is recorded before the policies are asked, also when all policies that look at single resources are
disabled: the SDK does not call a disabled one, and what judges the whole stack needs the inputs of all. A configuration
that does not fit is refused before anything is judged.

The SDK reads each resource of a stack anew for each policy, which takes it most of a second for a region. Here each is
read once, as far as somebody looks at it, and policies of single resources are asked about the types that they judge.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyProviderResource,
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import policy as sdk

from policies.decoded import Decoded

_P = TypeVar("_P", bound=Policy)

_VERSION = "0.0.1"
"""As the SDK says it; the engine reads the real one in PulumiPolicy.yaml."""


@dataclass(frozen=True)
class Pack:
    """What is served."""

    name: str
    description: str
    policies: list[Policy]
    """None of which is asynchronous, has a remedy that it applies, or calls a resource not applicable."""
    record: Callable[[ResourceValidationArgs], object]
    """Called once for each resource, with its inputs."""
    judges: Callable[[str, str], bool]
    """Whether a policy (by its name) looks at single resources of a type."""
    misconfigured: Callable[[Mapping[str, Mapping[str, object]]], Iterable[str]]
    """What is wrong with a configuration (policy to values, without the levels), a sentence each."""


class Servicer(sdk._PolicyAnalyzerServicer):
    """Answers proto/pulumi/analyzer.proto."""

    def __init__(self, pack: Pack) -> None:
        super().__init__(pack.name, _VERSION, pack.policies, EnforcementLevel.MANDATORY, description=pack.description)
        self._pack = pack
        self._asked: dict[str, list[ResourceValidationPolicy]] = {}

    def Configure(self, request: proto.ConfigureAnalyzerRequest, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        stated = {name: json_format.MessageToDict(entry.properties) for name, entry in request.policyConfig.items()}
        faults = list(self._pack.misconfigured(stated))
        if faults:
            _context.abort(grpc.StatusCode.INVALID_ARGUMENT, "\n".join(faults))
        answer = super().Configure(request, _context)
        self._asked.clear()
        return answer

    def Analyze(self, request: proto.AnalyzeRequest, _context: grpc.ServicerContext | None) -> Any:  # noqa: N802
        answer = proto.AnalyzeResponse()
        shown = partial(
            ResourceValidationArgs, request.type, Decoded(request.properties), request.urn, request.name,
            self._get_resource_options(request), _provider(request),
        )  # fmt: skip
        self._pack.record(shown(None))
        for policy in self._judging(request.type):
            self._ask(policy, shown(self._get_policy_config(policy.name)), answer)
        return answer

    def AnalyzeStack(self, request: proto.AnalyzeStackRequest, _context: grpc.ServicerContext | None) -> Any:  # noqa: N802
        answer = proto.AnalyzeResponse()
        resources = self._shown(request)
        for policy in self._enabled(StackValidationPolicy):
            self._ask(policy, StackValidationArgs(resources, self._get_policy_config(policy.name)), answer)
        return answer

    def _shown(self, request: proto.AnalyzeStackRequest) -> list[PolicyResource]:
        """All resources, which lead to each other, for every policy of the stack."""
        resources = [
            PolicyResource(
                it.type, Decoded(it.properties), it.urn, it.name, self._get_resource_options(it), _provider(it), None,
                [], {},
            )
            for it in request.resources
        ]  # fmt: skip
        by_urn = {it.urn: it for it in resources}
        for resource, it in zip(resources, request.resources, strict=True):
            resource.parent = by_urn.get(it.parent)
            resource.dependencies = [by_urn[urn] for urn in it.dependencies if urn in by_urn]
            resource.property_dependencies = {
                name: [by_urn[urn] for urn in origins.urns if urn in by_urn]
                for name, origins in it.propertyDependencies.items()
            }
        return resources

    def _judging(self, token: str) -> Sequence[ResourceValidationPolicy]:
        """Those of single resources that look at a type, as they are configured: found once."""
        if token not in self._asked:
            enabled = self._enabled(ResourceValidationPolicy)
            self._asked[token] = [policy for policy in enabled if self._pack.judges(policy.name, token)]
        return self._asked[token]

    def _enabled(self, kind: type[_P]) -> Iterator[_P]:
        for policy in self._pack.policies:
            if isinstance(policy, kind) and self._get_enforcement_level(policy) is not EnforcementLevel.DISABLED:
                yield policy

    def _ask(self, policy: Any, args: Any, answer: proto.AnalyzeResponse) -> None:
        level = self._get_enforcement_level(policy)
        if level is EnforcementLevel.REMEDIATE:  # as the SDK takes it where nothing is remedied
            level = EnforcementLevel.MANDATORY
        report = self._create_report_violation(answer, policy.name, policy.description, level, policy.severity)
        policy.validate(args, report)


def _provider(request: proto.AnalyzeRequest | proto.AnalyzerResource) -> PolicyProviderResource | None:
    if not request.HasField("provider"):
        return None
    provider = request.provider
    return PolicyProviderResource(provider.type, Decoded(provider.properties), provider.urn, provider.name)


def serve(pack: Pack) -> None:
    """Answer an engine until it ends the process. The first line of the standard output says the port.

    As pulumi_policy.PolicyPack does it, whose constructor takes no other server than its own.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=sdk._GRPC_CHANNEL_OPTIONS)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Servicer(pack), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(None)
