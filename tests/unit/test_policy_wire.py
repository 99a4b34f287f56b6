"""What is sent to a policy pack about a resource, and how its configuration is put together."""

from typing import Any

import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2 as proto

from rehearsal import packs_config, packs_wire
from rehearsal.engine import wire
from rehearsal.engine.model import UNKNOWN, PlannedResource, Secret
from rehearsal.errors import RehearsalError

PROVIDER = PlannedResource("pulumi:providers:kubernetes", "cluster", "urn:cluster", None, {"kubeconfig": Secret("k")})
PARENT = PlannedResource("soma:region:Region", "us-east", "urn:region", None, {}, custom=False)
WHOLE = PlannedResource(
    type="kubernetes:core/v1:Secret",
    name="token",
    urn="urn:token",
    parent="urn:region",
    inputs={
        "stringData": {"token": Secret("hunter2")},
        "count": 3,
        "later": UNKNOWN,
        "__defaults": [],
        "in": {"__k": 1},
    },
    protect=True,
    depends_on=("urn:cluster", "urn:region"),
    provider="urn:cluster",
    ignore_changes=("spec.replicas",),
    property_dependencies={"stringData": ("urn:cluster",), "count": ()},
    aliases=("urn:old",),
    additional_secret_outputs=("result",),
    delete_before_replace=True,
    timeouts={"create": 1.0, "update": 2.0, "delete": 3.0},
)
BARE = PlannedResource("kubernetes:core/v1:Service", "bare", "urn:bare", None, {})
ALL = [PROVIDER, PARENT, WHOLE, BARE]


def test_a_resource_is_sent_with_everything_that_a_policy_may_look_at() -> None:
    request = packs_wire.requests(ALL)[2]
    assert (request.type, request.urn, request.name) == ("kubernetes:core/v1:Secret", "urn:token", "token")
    options = request.options
    assert (options.protect, options.parent, list(options.ignoreChanges)) == (True, "urn:region", ["spec.replicas"])
    assert (options.deleteBeforeReplace, options.deleteBeforeReplaceDefined) == (True, True)
    assert (list(options.aliases), list(options.additionalSecretOutputs)) == (["urn:old"], ["result"])
    timeouts = options.customTimeouts
    assert (timeouts.create, timeouts.update, timeouts.delete) == (1.0, 2.0, 3.0)
    assert (request.provider.urn, request.provider.type) == ("urn:cluster", "pulumi:providers:kubernetes")


def test_a_resource_without_options_is_sent_with_none() -> None:
    request = packs_wire.requests(ALL)[3]
    options = request.options
    assert not request.HasField("provider")
    assert (options.protect, options.parent, options.deleteBeforeReplaceDefined) == (False, "", False)
    timeouts = options.customTimeouts
    assert (timeouts.create, timeouts.update, timeouts.delete) == (0, 0, 0)


def test_secrets_and_unknowns_carry_the_engines_marks() -> None:
    sent: dict[str, Any] = json_format.MessageToDict(packs_wire.requests(ALL)[2].properties)
    assert sent["stringData"]["token"] == {wire.SIGNATURE: wire.SECRET, "value": "hunter2"}
    assert sent["later"] == wire.UNKNOWN_VALUE


def test_the_engines_own_keys_are_left_out_at_the_top_alone() -> None:
    sent = json_format.MessageToDict(packs_wire.requests(ALL)[2].properties)
    assert "__defaults" not in sent
    assert sent["in"] == {"__k": 1.0}


def test_a_stack_is_sent_with_parents_dependencies_and_outputs() -> None:
    known = PlannedResource("t", "known", "urn:known", None, {"a": 1}, outputs={"a": 1, "b": 2})
    resources = [*ALL, known]
    sent = packs_wire.stack_request(resources, packs_wire.requests(resources)).resources
    assert [resource.urn for resource in sent] == [resource.urn for resource in resources]
    assert (sent[2].parent, list(sent[2].dependencies)) == ("urn:region", ["urn:cluster", "urn:region"])
    assert {name: list(d.urns) for name, d in sent[2].propertyDependencies.items()} == {"stringData": ["urn:cluster"]}
    assert (sent[2].provider.urn, sent[2].options.protect) == ("urn:cluster", True)
    assert sent[2].properties == packs_wire.requests(ALL)[2].properties, "no outputs yet: the inputs"
    assert wire.from_struct(sent[4].properties) == {"a": 1, "b": 2}
    assert (sent[3].parent, sent[3].HasField("provider")) == ("", False)


INFO = proto.AnalyzerInfo(
    name="sample",
    policies=[
        proto.PolicyInfo(
            name="enough",
            enforcementLevel=proto.MANDATORY,
            configSchema=proto.PolicyConfigSchema(
                properties=wire.to_struct({
                    "least": {"type": "integer", "minimum": 1, "default": 3},
                    "names": {"type": "array", "default": []},
                    "ports": {"type": "array", "items": {"type": "integer", "maximum": 65535}},
                    "words": {"type": "array", "items": {"type": "string"}},
                    "note": {"type": "string"},
                })
            ),
        ),
        proto.PolicyInfo(name="plain", enforcementLevel=proto.ADVISORY),
    ],
)  # fmt: skip


def reconciled(config: dict[str, object], **values: object) -> dict[str, tuple[str, dict[str, Any]]]:
    """Level and values of each policy."""
    return {
        name: (proto.EnforcementLevel.Name(policy.enforcementLevel), wire.from_struct(policy.properties))
        for name, policy in packs_config.reconciled(INFO, config, values).items()
    }


def test_every_policy_gets_its_own_level_and_its_defaults() -> None:
    assert reconciled({}) == {"enough": ("MANDATORY", {"least": 3, "names": []}), "plain": ("ADVISORY", {})}


def test_values_go_where_they_are_declared_and_a_policys_own_win() -> None:
    asked = reconciled({"enough": {"least": 5, "note": "x"}}, least=4, names=["a"], unheard=True)
    assert asked == {"enough": ("MANDATORY", {"least": 5, "names": ["a"], "note": "x"}), "plain": ("ADVISORY", {})}


def test_a_policys_own_level_wins_over_that_of_all() -> None:
    levels = {name: level for name, (level, _) in reconciled({"all": "disabled", "plain": "mandatory"}).items()}
    assert levels == {"enough": "DISABLED", "plain": "MANDATORY"}
    with_level = reconciled({"enough": {"enforcementLevel": "remediate", "least": 1}})
    assert with_level["enough"] == ("REMEDIATE", {"least": 1, "names": []})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"enuogh": "advisory"}, "sample has no policy enuogh: correct its configuration"),
        ({"enough": "loud"}, "sample: enough: the level must be advisory, mandatory, remediate or disabled"),
        ({"all": {"enforcementLevel": 1}}, "sample: enough: the level must be"),
        ({"enough": {"most": 3}}, "sample: enough.most = 3: the policy has no such value"),
        ({"enough": {"least": "3"}}, "sample: enough.least = '3': must be a whole number"),
        ({"enough": {"least": 2.5}}, "sample: enough.least = 2.5: must be a whole number"),
        ({"enough": {"least": True}}, "sample: enough.least = True: must be a whole number"),
        ({"enough": {"least": 0}}, "sample: enough.least = 0: must be 1 or more"),
        ({"enough": {"ports": [80, 65536]}}, "sample: enough.ports[1] = 65536: must be 65535 or less"),
        ({"enough": {"ports": ["http"]}}, "sample: enough.ports[0] = 'http': must be a whole number"),
        ({"enough": {"words": ["a", 3]}}, "sample: enough.words[1] = 3: must be text"),
        ({"enough": {"names": "a"}}, "sample: enough.names = 'a': must be a list"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(config: dict[str, object], said: str) -> None:
    with pytest.raises(RehearsalError) as caught:
        reconciled(config)
    assert said in str(caught.value)
