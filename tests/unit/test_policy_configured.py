"""Packs as they are configured: what one disables hides nothing from the others, and what makes no sense is refused."""

import copy
from functools import cache
from typing import Any

import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto

from policies import capacity, data_safety, high_availability, security
from policies.checks import tokens
from policies.rules import Rule, judges_single
from rehearsal.engine import wire
from rehearsal.engine.model import PlannedResource
from tests.unit.policy_plan import planned
from tests.unit.policy_served import Refused, Said, configure, first_preview, served, with_levels

PACKS = {pack.NAME: pack for pack in (high_availability, data_safety, security, capacity)}
STACK_RULES_THAT_REFUSE = {"high-availability": 6, "data-safety": 4, "security": 4, "capacity": 0}
"""Of the few resources below, at least. The pack capacity says something only where the settings cannot be read."""


@cache
def broken() -> tuple[PlannedResource, ...]:
    """A resource of some kinds, each with a fault that its inputs alone show, and too few of them to be a region."""
    few = [
        _with(tokens.STATEFUL_SET, "updateStrategy", {"type": "OnDelete"}),
        _with(tokens.DEPLOYMENT, "replicas", None),
        _with(tokens.NETWORK_POLICY, "ingress", [{}]),
        _with(tokens.BUDGET, "maxUnavailable", 3),
        _with(tokens.AUTOSCALER, "minReplicas", 1),
        _with(tokens.SERVICE, "type", "NodePort"),
        _with(tokens.POSTGRESQL, "storage", {"size": "1Gi", "storageClass": "other"}),
    ]
    whole = [
        it
        for it in planned("aws")["us-east"]
        if it.type in (tokens.STORAGE_CLASS, tokens.BUCKET) or it.name.endswith("-settings")
    ]
    return (*few, *whole)


def _with(token: str, field: str, value: Any) -> PlannedResource:
    it = copy.deepcopy(next(it for it in planned("aws")["us-east"] if it.type == token))
    it.inputs["spec"][field] = value
    return it


def said(pack: Any, **levels: str) -> list[Said]:
    asked = served(pack)
    with_levels(asked, {name.replace("_", "-"): level for name, level in levels.items()})
    return first_preview(asked, broken())


@cache
def all_enabled(name: str) -> tuple[Said, ...]:
    return tuple(said(PACKS[name]))


RULES = [pytest.param(pack, rule, id=f"{name}-{rule.name}") for name, pack in PACKS.items() for rule in pack.RULES]


@pytest.mark.parametrize(("pack", "rule"), RULES)
def test_disabling_a_policy_silences_that_one_alone(pack: Any, rule: Rule) -> None:
    assert said(pack, **{rule.name: "disabled"}) == [it for it in all_enabled(pack.NAME) if it[0] != rule.name]


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_policies_of_a_stack_see_all_resources_where_no_policy_of_single_ones_is_enabled(pack: Any) -> None:
    stack_rules = {rule.name: rule.level.value for rule in pack.RULES if not judges_single(rule)}
    expected = [it for it in all_enabled(pack.NAME) if it[0] in stack_rules]
    assert len({policy for policy, level, *_ in expected if level == "MANDATORY"}) >= STACK_RULES_THAT_REFUSE[pack.NAME]
    assert said(pack, **{"all": "disabled", **stack_rules}) == expected


MISTAKES: list[tuple[Any, dict[str, dict[str, Any]], str]] = [
    (high_availability, {"enough-replica": {}}, "high-availability has no policy enough-replica: correct its config"),
    (high_availability, {"all": {"min_replicas": 5}}, "all takes a level alone: state min_replicas with the policies"),
    (high_availability, {"enough-replicas": {"min_replica": 5}}, "such value, it takes min_replicas"),
    (high_availability, {"rollouts": {"min_replicas": 5}}, "such value, it takes none"),
    (high_availability, {"enough-replicas": {"min_replicas": 0}}, "min_replicas = 0.0: must be 1 or more"),
    (high_availability, {"enough-replicas": {"min_replicas": -3}}, "min_replicas = -3.0: must be 1 or more"),
    (high_availability, {"enough-replicas": {"min_replicas": 2.5}}, "min_replicas = 2.5: must be a whole number"),
    (high_availability, {"enough-replicas": {"min_replicas": 5000}}, "min_replicas = 5000.0: must be 1000 or less"),
    (high_availability, {"enough-replicas": {"min_replicas": True}}, "min_replicas = True: must be a whole number"),
    (high_availability, {"enough-replicas": {"min_replicas": "3"}}, "min_replicas = '3': must be a whole number"),
    (high_availability, {"enough-replicas": {"min_replicas": None}}, "min_replicas = None: must be a whole number"),
    (high_availability, {"zone-spread": {"zones": "zone-a"}}, "zones = 'zone-a': must be a list"),
    (high_availability, {"zone-spread": {"zones": ["a", "b", "a"]}}, "zones[2] = 'a': is there twice"),
    (high_availability, {"zone-spread": {"zones": ["a", "", "b"]}}, "zones[1] = '': must not be empty"),
    (high_availability, {"zone-spread": {"zones": ["a", 2]}}, "zones[1] = 2.0: must be text"),
    (data_safety, {"kept-keys": {"key_days": 6}}, "data-safety: kept-keys.key_days = 6.0: must be 7 or more"),
    (data_safety, {"kept-keys": {"key_days": 31}}, "data-safety: kept-keys.key_days = 31.0: must be 30 or less"),
    (data_safety, {"unhurried-lifecycles": {"retention_days": 0}}, "retention_days = 0.0: must be 1 or more"),
    (data_safety, {"protected": {"kept": True}}, "data-safety: protected.kept: the policy has no such value"),
    (security, {"kept-logs": {"log_days": 9999}}, "security: kept-logs.log_days = 9999.0: must be 3653 or less"),
    (security, {"open-ports": {"public_ports": [443, 65536]}}, "public_ports[1] = 65536.0: must be 65535 or less"),
    (security, {"open-ports": {"public_ports": [443, 443]}}, "public_ports[1] = 443.0: is there twice"),
    (security, {"open-port": {}}, "security has no policy open-port"),
    (capacity, {"not-far-over": {"times_plan": 1000}}, "not-far-over.times_plan = 1000.0: must be 100 or less"),
    (capacity, {"enough-cpu": {"times_plan": 3}}, "capacity: enough-cpu.times_plan: the policy has no such value"),
]  # fmt: skip


def stated(config: dict[str, dict[str, Any]]) -> dict[str, proto.PolicyConfig]:
    """As the engine passes it on, which drops nothing that it does not know."""
    level = proto.MANDATORY
    return {
        name: proto.PolicyConfig(enforcementLevel=level, properties=wire.to_struct(it)) for name, it in config.items()
    }


@pytest.mark.parametrize(("pack", "config", "sentence"), MISTAKES)
def test_a_configuration_that_makes_no_sense_is_refused_in_a_sentence(
    pack: Any, config: dict[str, dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        configure(served(pack), stated(config))
    told = str(refused.value)
    assert told.startswith("INVALID_ARGUMENT: ")
    assert sentence in told
    assert "\n" not in told


def test_all_mistakes_of_a_configuration_are_told_at_once() -> None:
    with pytest.raises(Refused) as refused:
        configure(served(security), stated({"x": {}, "kept-logs": {"log_days": 0, "days": 1}}))
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_a_packs_own_defaults_and_a_level_for_all_are_taken(pack: Any) -> None:
    asked = served(pack)
    with_levels(asked, {"all": "advisory"})
    defaults = {
        it.name: wire.from_struct(it.configSchema.properties)
        for it in asked.GetAnalyzerInfo(empty_pb2.Empty(), None).policies
    }
    values = {name: {key: about["default"] for key, about in schema.items()} for name, schema in defaults.items()}
    assert any(values.values())
    configure(asked, stated({"all": {}, **values}))
