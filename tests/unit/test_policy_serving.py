"""What the packs' own server reads and says is what the policy SDK's does, which reads everything again and again."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi_policy import EnforcementLevel
from pulumi_policy import policy as sdk
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from policies import capacity, data_safety, edge, high_availability, security
from policies.checks import read
from policies.checks.plain import UNKNOWN
from policies.decoded import Decoded
from rehearsal import packs_wire
from rehearsal.engine import model, wire
from rehearsal.engine.model import PlannedResource
from tests.unit.policy_plan import planned
from tests.unit.policy_served import served

PACKS = {pack.NAME: pack for pack in (high_availability, data_safety, security, capacity)}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats(-9, 9) | st.text(max_size=3)
    | st.sampled_from([model.UNKNOWN, model.Secret("hidden"), model.Secret(3), model.Secret({"a": model.UNKNOWN})]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
Said = list[tuple[str, str, int, str]]


def whole(value: Any) -> Any:
    """With everything read."""
    if isinstance(value, Mapping):
        return {key: whole(inner) for key, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_what_is_read_of_a_message_is_what_the_sdk_reads(properties: dict[str, Any]) -> None:
    message = packs_wire.struct(properties)
    of_sdk = edge.plain(unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(message))))
    decoded = Decoded(message)
    assert whole(decoded) == of_sdk
    assert (len(decoded), list(decoded)) == (len(of_sdk), list(decoded.keys()))
    assert "is not there" not in decoded and decoded.get("is not there") is None
    assert whole(decoded) == of_sdk, "looking for what is not there makes nothing"


def test_a_file_and_a_mark_that_nobody_knows_are_known_to_the_engine_alone() -> None:
    for mark in ("c44067f5952c0a294b673a41bacd8c17", "5cf8f73096256a8f31e491e813e4eb8e", "another"):
        assert Decoded(wire.to_struct({"file": {wire.SIGNATURE: mark, "text": "hidden"}}))["file"] is UNKNOWN


def stack() -> list[PlannedResource]:
    """A region with a fault that each pack tells, an unknown and a secret."""
    resources = list(planned("kubernetes")["us-east"])
    for index, resource in enumerate(resources):
        if resource.type == "kubernetes:apps/v1:StatefulSet":
            stated: Any = resource.inputs["spec"]
            spec: dict[str, Any] = {**stated, "replicas": model.UNKNOWN, "updateStrategy": model.Secret({})}
            pod = {**spec["template"]["spec"], "hostNetwork": True, "topologySpreadConstraints": []}
            spec["template"] = {**spec["template"], "spec": pod}
            spec["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Delete"}
            resources[index] = dataclasses.replace(resource, inputs={**resource.inputs, "spec": spec}, protect=False)
    return resources


def said(servicer: Any, asked: packs_wire.Messages) -> Said:
    answers = [(request.urn, servicer.Analyze(request, None)) for request in asked.each]
    answers.append(("", servicer.AnalyzeStack(asked.together, None)))
    return [
        (it.policyName, it.urn or urn, it.enforcementLevel, it.message)
        for urn, answer in answers
        for it in answer.diagnostics
    ]


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_a_pack_says_what_the_sdks_own_server_says(pack: Any) -> None:
    recorder = edge.Recorder()
    policies = edge.policies(pack.RULES, recorder=recorder)
    of_sdk = sdk._PolicyAnalyzerServicer(pack.NAME, "0.0.1", policies, EnforcementLevel.MANDATORY)  # pyright: ignore[reportPrivateUsage] (what PolicyPack serves)
    asked = packs_wire.messages(stack())
    for request in asked.each:  # the SDK asks no policy about a type that none of ours judges singly
        recorder.record(of_message(request))
    ours = said(served(pack), asked)
    assert ours == said(of_sdk, asked)
    assert pack is capacity or len({policy for policy, *_ in ours}) > 1


def of_message(request: proto.AnalyzeRequest) -> Any:
    properties = unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(request.properties)))
    return sdk.ResourceValidationArgs(
        request.type, properties, request.urn, request.name,
        sdk.PolicyResourceOptions(request.options.protect, [], None, [], sdk.PolicyCustomTimeouts(0, 0, 0), []), None,
    )  # fmt: skip


def test_each_resource_is_read_once_for_all_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    item = read.item
    monkeypatch.setattr(read, "item", lambda resource: reads.append(resource.urn) or item(resource))
    asked = packs_wire.messages(stack())
    said(served(high_availability), asked)
    assert len(reads) == len(set(reads)) > 20
