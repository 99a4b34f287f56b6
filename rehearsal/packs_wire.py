"""Planned resources as the messages that the engine sends to a policy pack (proto/pulumi/analyzer.proto)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto

from rehearsal.engine import wire
from rehearsal.engine.model import PlannedResource, Value, shown_to_packs


def struct(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Properties as the engine marshals them: secrets and unknowns marked, its own keys (`__defaults`) left out."""
    return wire.to_struct({key: value for key, value in properties.items() if not key.startswith("__")})


@dataclass(frozen=True)
class Messages:
    """All that a pack is asked about one region, in the engine's order."""

    each: Sequence[proto.AnalyzeRequest]
    together: proto.AnalyzeStackRequest


def messages(resources: Sequence[PlannedResource]) -> Messages:
    shown = shown_to_packs(resources)
    each = requests(shown)
    return Messages(each, stack_request(shown, each))


def requests(resources: Sequence[PlannedResource]) -> list[proto.AnalyzeRequest]:
    """One request a resource, with its inputs, options and provider."""
    by_urn = {resource.urn: resource for resource in resources}
    return [
        proto.AnalyzeRequest(
            type=resource.type,
            urn=resource.urn,
            name=resource.name,
            properties=struct(resource.inputs),
            options=_options(resource),
            provider=_provider(resource, by_urn),
        )
        for resource in resources
    ]


def stack_request(
    resources: Sequence[PlannedResource], asked: Sequence[proto.AnalyzeRequest]
) -> proto.AnalyzeStackRequest:
    """All resources together, with their outputs; those of a resource that has none yet are its inputs."""
    return proto.AnalyzeStackRequest(
        resources=[
            proto.AnalyzerResource(
                type=request.type,
                urn=request.urn,
                name=request.name,
                properties=struct(resource.outputs) if resource.outputs else request.properties,
                options=request.options,
                provider=request.provider if request.HasField("provider") else None,
                parent=resource.parent or "",
                dependencies=resource.depends_on,
                propertyDependencies={
                    name: proto.AnalyzerPropertyDependencies(urns=urns)
                    for name, urns in resource.property_dependencies.items()
                    if urns
                },
            )
            for resource, request in zip(resources, asked, strict=True)
        ]
    )


def _options(resource: PlannedResource) -> proto.AnalyzerResourceOptions:
    return proto.AnalyzerResourceOptions(
        protect=resource.protect,
        ignoreChanges=resource.ignore_changes,
        deleteBeforeReplace=resource.delete_before_replace,
        deleteBeforeReplaceDefined=resource.delete_before_replace,
        additionalSecretOutputs=resource.additional_secret_outputs,
        aliases=resource.aliases,
        customTimeouts=proto.AnalyzerResourceOptions.CustomTimeouts(
            create=resource.timeouts.get("create", 0),
            update=resource.timeouts.get("update", 0),
            delete=resource.timeouts.get("delete", 0),
        ),
        parent=resource.parent or "",
    )


def _provider(
    resource: PlannedResource, by_urn: Mapping[str, PlannedResource]
) -> proto.AnalyzerProviderResource | None:
    """The resource's provider, None where the program states none or it is not among the resources."""
    provider = by_urn.get(resource.provider or "")
    if provider is None:
        return None
    return proto.AnalyzerProviderResource(
        type=provider.type, urn=provider.urn, name=provider.name, properties=struct(provider.inputs)
    )
