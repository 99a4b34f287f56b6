"""A pack as an engine finds it, asked over the messages of its protocol without a process and a network."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto

from policies import edge
from policies.serving import Servicer
from rehearsal import packs_config, packs_wire
from rehearsal.engine.model import PlannedResource

Said = tuple[str, str, str, str]
"""Policy, level, URN and message."""


class Refused(Exception):  # noqa: N818  (an answer of the pack)
    """What a pack ends a call with."""


class Context:
    """Of a call, as far as a pack uses it."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(f"{code.name}: {details}")


def served(module: Any) -> Servicer:
    """The pack of a module of policies/."""
    return Servicer(edge.pack(module.NAME, module.DESCRIPTION, module.RULES))


def configure(pack: Servicer, config: Mapping[str, proto.PolicyConfig]) -> None:
    context: Any = Context()
    pack.Configure(proto.ConfigureAnalyzerRequest(policyConfig=config), context)


def with_levels(pack: Servicer, levels: Mapping[str, object]) -> None:
    """Configured as the engine does it, by policies' levels."""
    info = pack.GetAnalyzerInfo(empty_pb2.Empty(), None)
    configure(pack, packs_config.reconciled(info, levels, {}))


def first_preview(pack: Servicer, resources: Sequence[PlannedResource]) -> list[Said]:
    """What is said of a stack whose cluster does not exist yet: no resource has an output."""
    requests = packs_wire.requests(resources)
    shown = packs_wire.stack_request([dataclasses.replace(it, outputs=None) for it in resources], requests)
    for it in shown.resources:
        it.properties.Clear()
    answers = [pack.Analyze(request, None) for request in requests]
    answers.append(pack.AnalyzeStack(shown, None))
    return [
        (it.policyName, proto.EnforcementLevel.Name(it.enforcementLevel), it.urn, it.message)
        for answer in answers
        for it in answer.diagnostics
    ]
