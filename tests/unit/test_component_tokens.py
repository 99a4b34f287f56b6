"""Every component states a token of its own, and its children carry its name and a provider."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pulumi
import pytest

import components
from tests.unit import aws_region
from tests.unit.recorded import Recorded, Resource

TOKEN = re.compile(r"soma:[a-z]+:[A-Z][A-Za-z]+")
STATED = re.compile(r'super\(\).__init__\(\s*"([^"]*)"')


def component_classes(modules: Iterator[ModuleType]) -> list[type[pulumi.ComponentResource]]:
    """Component classes defined in these modules (imported ones count where they are defined)."""
    return [
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, pulumi.ComponentResource) and member.__module__ == module.__name__
    ]


def stated_token(component: type) -> str:
    """The token that a component's source states; empty where it states none."""
    found = STATED.search(inspect.getsource(component))
    return found.group(1) if found else ""


def our_modules() -> Iterator[ModuleType]:
    return (
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(components.__path__, f"{components.__name__}.")
        if ".files" not in module.name
    )


def test_every_component_states_a_well_formed_token_of_its_own() -> None:
    tokens = {component: stated_token(component) for component in component_classes(our_modules())}
    assert len(tokens) >= 24, "the walk has lost components"
    assert all(TOKEN.fullmatch(token) for token in tokens.values()), tokens
    assert len(set(tokens.values())) == len(tokens), tokens


def test_a_token_ends_with_its_class() -> None:
    kinds = {c.__name__: stated_token(c).rpartition(":")[2] for c in component_classes(our_modules())}
    assert {name: kind for name, kind in kinds.items() if name != kind} == {
        "KubernetesPlatform": "Kubernetes",
        "AwsPlatform": "Aws",
    }


class Named(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("soma:test:Named", "x")


class Nameless(pulumi.ComponentResource):
    def __init__(self, token: str) -> None:
        super().__init__(token, "x")


def test_the_walk_finds_components_and_notices_a_missing_token() -> None:
    here = inspect.getmodule(test_the_walk_finds_components_and_notices_a_missing_token)
    assert here is not None
    tokens = {component.__name__: stated_token(component) for component in component_classes(iter([here]))}
    assert tokens == {"Named": "soma:test:Named", "Nameless": ""}


@pytest.mark.parametrize("token", ["", "soma:Data:Qdrant", "soma:data:qdrant", "pulumi:data:Qdrant", "soma:data:Q:R"])
def test_a_token_of_another_form_is_noticed(token: str) -> None:
    assert not TOKEN.fullmatch(token)


@pytest.fixture(params=["us_east", "us_west", 0, 1])
def run(request: pytest.FixtureRequest) -> Recorded:
    """Home and standby, on a cluster of somebody else and on AWS."""
    stack: str | int = request.param
    return request.getfixturevalue(stack) if isinstance(stack, str) else aws_region.two()[stack]


def _parent(run: Recorded, resource: Resource) -> Resource | None:
    return run.by_urn[resource.parent] if resource.parent else None


def test_children_carry_the_name_of_their_component(run: Recorded) -> None:
    """A URN carries no parent's name: without this, two components of a kind would collide."""
    for resource in run.resources:
        parent = _parent(run, resource)
        assert parent is None or resource.name.startswith(f"{parent.name}-"), resource.urn


def test_everything_of_a_region_hangs_under_one_component(run: Recorded) -> None:
    assert [r.type for r in run.resources if r.parent is None] == ["soma:region:Region"]


def test_every_kubernetes_object_goes_to_the_regions_own_provider(run: Recorded) -> None:
    providers = {resource.provider for resource in run.objects}
    assert len(providers) == 1
    assert re.search(rf"::{run.stack}-platform(-eks)?-provider$", str(providers.pop()))


def test_every_kubernetes_object_states_its_name_and_namespace(run: Recorded) -> None:
    for resource in run.objects:
        assert resource.metadata.get("name"), resource.urn
        if resource.kind not in (
            "Namespace",
            "ClusterRole",
            "ClusterRoleBinding",
            "StorageClass",
            "TargetGroupBinding",
        ):
            assert resource.metadata.get("namespace") == "somafractalmemory", resource.urn
        assert resource.metadata["labels"]["app.kubernetes.io/part-of"] == "somafractalmemory", resource.urn


def test_no_two_objects_share_kind_and_name(run: Recorded) -> None:
    names = [(resource.type, resource.object_name) for resource in run.objects]
    assert sorted(set(names)) == sorted(names)
