"""Paths into properties, what a change of an object takes, and values that carry marks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.engine import clusters, codec, diff, wire
from rehearsal.engine import property_path as at
from rehearsal.engine.model import UNKNOWN, Change, Plan, PlannedResource, Preview, Secret, Step, masked, to_json
from rehearsal.engine.scrub import Scrubber
from rehearsal.engine.state import Held

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"

BEFORE: dict[str, Any] = {"a": [1, 2], "b": {"c": 3}}

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
Marked = st.recursive(
    Json | st.just(UNKNOWN), lambda inner: inner.map(Secret) | st.lists(inner, max_size=3), max_leaves=4
)


def resource(inputs: dict[str, Any], type_: str = DEPLOYMENT, **options: Any) -> PlannedResource:
    return PlannedResource(type_, "app", f"urn:pulumi:us-east::soma::{type_}::app", None, inputs, **options)


def change(before: PlannedResource, after: PlannedResource, *others: PlannedResource) -> Step:
    plan = Plan("us-east", (*others, after))
    return diff.actions(plan, {before.urn: Held(before)})[len(others)].step


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec.replicas", ("spec", "replicas")),
        ("spec.template.spec.containers[0].image", ("spec", "template", "spec", "containers", 0, "image")),
        ('metadata.annotations["example.com/a"]', ("metadata", "annotations", "example.com/a")),
        ('["a.b"].c', ("a.b", "c")),
        ("spec.containers[*].env", ("spec", "containers", "*", "env")),
        ("*", ("*",)),
    ],
)
def test_a_path_is_read_and_shown(text: str, path: at.Path) -> None:
    assert at.parse(text) == path
    assert at.parse(at.show(path)) == path


@pytest.mark.parametrize("text", ["spec[", 'a["b', "a[b]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a property path"):
        at.parse(text)


def test_ignored_list_items_and_keys_keep_what_the_state_has() -> None:
    before = resource({"spec": {"containers": [{"image": "a:1"}, {"image": "b:1"}], "replicas": 3}})
    after = resource(
        {"spec": {"containers": [{"image": "a:2"}, {"image": "b:2"}], "replicas": 4}},
        ignore_changes=("spec.containers[0].image", "spec.replicas"),
    )
    step = change(before, after)
    assert (step.change, step.reasons) == (Change.UPDATE, ("spec.containers[1].image",))


def test_a_star_ignores_every_item() -> None:
    before = resource({"spec": {"containers": [{"image": "a:1"}, {"image": "b:1"}]}})
    after = resource(
        {"spec": {"containers": [{"image": "a:2"}, {"image": "b:2"}]}}, ignore_changes=("spec.containers[*].image",)
    )
    assert change(before, after).change is Change.SAME


def test_an_ignored_path_that_the_state_does_not_have_stays_away() -> None:
    after = resource({"metadata": {"annotations": {"a/b": "1"}}}, ignore_changes=('metadata.annotations["a/b"]',))
    assert change(resource({"metadata": {"annotations": {}}}), after).change is Change.SAME


@pytest.mark.parametrize(
    ("type_", "before", "after", "expected"),
    [
        (DEPLOYMENT, {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, Change.UPDATE),
        (DEPLOYMENT, {"spec": {"selector": {"a": "1"}}}, {"spec": {"selector": {"a": "2"}}}, Change.REPLACE),
        (DEPLOYMENT, {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, Change.REPLACE),
        (
            "kubernetes:apps/v1:StatefulSet",
            {"spec": {"volumeClaimTemplates": [{"size": "1Gi"}]}},
            {"spec": {"volumeClaimTemplates": [{"size": "2Gi"}]}},
            Change.REPLACE,
        ),
        ("kubernetes:batch/v1:Job", {"spec": {"template": {"a": 1}}}, {"spec": {"template": {"a": 2}}}, Change.REPLACE),
        ("kubernetes:core/v1:ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, Change.REPLACE),
        ("kubernetes:core/v1:Secret", {"stringData": {"a": "1"}}, {"stringData": {"a": "2"}}, Change.REPLACE),
        ("kubernetes:core/v1:Secret", {"data": {"a": "1"}}, {"data": {"a": "2"}}, Change.REPLACE),
        ("kubernetes:core/v1:Secret", {"type": "a"}, {"type": "b"}, Change.REPLACE),
        (CLAIM, {"spec": {"accessModes": ["a"]}}, {"spec": {"accessModes": ["b"]}}, Change.REPLACE),
        (CLAIM, {"spec": {"selector": {"a": "1"}}}, {"spec": {"selector": {"a": "2"}}}, Change.REPLACE),
        (CLAIM, {"spec": {"storageClassName": "a"}}, {"spec": {"storageClassName": "b"}}, Change.REPLACE),
        (CLAIM, {"spec": {"volumeName": "a"}}, {"spec": {"volumeName": "b"}}, Change.REPLACE),
        (CLAIM, {"spec": {"resources": {"size": "1Gi"}}}, {"spec": {"resources": {"size": "2Gi"}}}, Change.UPDATE),
        ("soma:data:QdrantCluster", {"a": 1}, {"a": 2}, Change.UPDATE),
    ],
)
def test_what_a_change_takes(type_: str, before: dict[str, Any], after: dict[str, Any], expected: Change) -> None:
    assert change(resource(before, type_), resource(after, type_)).change is expected


def test_a_provider_may_say_that_config_maps_are_mutable() -> None:
    provider = resource({"enableConfigMapMutable": "true"}, "pulumi:providers:kubernetes")
    type_ = "kubernetes:core/v1:ConfigMap"
    before, after = ({"data": {"a": size}} for size in "12")
    step = change(resource(before, type_), resource(after, type_, provider=provider.urn), provider)
    assert step.change is Change.UPDATE


@pytest.mark.parametrize(
    ("field", "stated", "expected"),
    [
        ("data", {}, Change.UPDATE),
        ("stringData", {}, Change.UPDATE),
        ("type", {}, Change.REPLACE),
        ("data", {"immutable": True}, Change.REPLACE),
    ],
)
def test_a_provider_may_say_that_secrets_are_mutable(field: str, stated: dict[str, Any], expected: Change) -> None:
    provider = resource({"enableSecretMutable": "true"}, "pulumi:providers:kubernetes")
    type_ = "kubernetes:core/v1:Secret"
    before, after = (resource({field: value, **stated}, type_, provider=provider.urn) for value in "12")
    assert change(before, after, provider).change is expected


@pytest.mark.parametrize(
    ("stated", "provider", "namespace"),
    [
        ({"name": "app"}, {"namespace": "soma"}, "soma"),
        ({"name": "app"}, {"namespace": Secret("soma")}, "soma"),
        ({"name": "app", "namespace": "own"}, {"namespace": "soma"}, "own"),
        ({"name": "app"}, {}, None),
    ],
)
def test_an_object_lies_in_its_own_namespace_else_in_its_providers(
    stated: dict[str, Any], provider: dict[str, Any], namespace: str | None
) -> None:
    planned = resource({"metadata": stated})
    assert clusters.manifest(planned, provider)["metadata"].get("namespace") == namespace
    assert planned.inputs == {"metadata": stated}


@pytest.mark.parametrize(
    ("path", "new", "expected"),
    [
        ("a[1]", 9, {"a": [1, 9], "b": {"c": 3}}),
        ("a[2]", 9, BEFORE),
        ("a[0]", at.ABSENT, BEFORE),
        ("a.x", 9, BEFORE),
        ("b.c", at.ABSENT, {"a": [1, 2], "b": {}}),
        ("b.d.e", 9, {"a": [1, 2], "b": {"c": 3, "d": {"e": 9}}}),
        ("d.e", at.ABSENT, BEFORE),
    ],
)
def test_a_value_is_placed_where_there_is_a_place_for_it(path: str, new: Any, expected: dict[str, Any]) -> None:
    assert at.placed(BEFORE, at.parse(path), new) == expected


def test_an_item_below_a_list_is_placed_and_taken_away() -> None:
    before = {"a": [{"image": "a:1", "tty": True}, {"image": "b:1"}]}
    assert at.placed(before, at.parse("a[0].tty"), at.ABSENT) == {"a": [{"image": "a:1"}, {"image": "b:1"}]}
    assert at.placed(Secret(before), at.parse("a[1].image"), "b:2").value["a"][1] == {"image": "b:2"}


def test_reasons_name_paths_and_never_values() -> None:
    before = resource({"spec": {"password": Secret("old-word")}})
    step = change(before, resource({"spec": {"password": Secret("new-word")}}))
    assert step.reasons == ("spec.password",)


def test_the_document_counts_a_replacement_as_a_deletion_and_a_creation() -> None:
    step = Step(Change.REPLACE, "urn", "type", "name")
    assert to_json(Preview("us-east", (), (step,)))["changes"] == {"create": 1, "update": 0, "delete": 1, "same": 0}


@given(st.dictionaries(st.text(max_size=4), Marked, max_size=3))
def test_marks_survive_json(value: dict[str, Any]) -> None:
    assert wire.unmarked(json.loads(json.dumps(wire.marked(value)))) == value
    one = resource(value, depends_on=("a", "b"), property_dependencies={"spec": ("a",)}, protect=True)
    assert codec.decode(json.loads(json.dumps(codec.encode(one)))) == one


@given(Json.filter(lambda value: value not in (None, "", [], {})))
def test_a_masked_secret_shows_nothing_of_its_value(value: Any) -> None:
    assert masked({"a": [Secret(value)]}) == {"a": ["[secret]"]}


@given(Json, Json)
def test_values_without_differences_are_equal(one: Any, other: Any) -> None:
    assert (not list(at.differences(one, other))) == (one == other)


def test_a_message_loses_secrets_in_every_form() -> None:
    scrub = Scrubber([{"data": Secret({"a": "s3cret-w0rd"}), "pem": Secret("-----BEGIN-----\nMIIEvQIBADAN\n")}])
    told = scrub("s3cret-w0rd czNjcmV0LXcwcmQ= and MIIEvQIBADAN in a line")
    assert told == "[secret] [secret] and [secret] in a line"
