"""What the monitor refuses by name, and the former URNs that it makes of aliases."""

from typing import Any, cast

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import callback_pb2
from pulumi.runtime.proto import resource_pb2 as proto

from rehearsal.engine.model import Plan
from rehearsal.engine.monitor import Monitor
from rehearsal.engine.program import Evaluation, run
from rehearsal.errors import RehearsalError

STACK = "urn:pulumi:us-east::soma::"
URN = f"{STACK}soma:test:Group::other"
UNIMITATED: dict[str, dict[str, Any]] = {
    "remote components": {"remote": True},
    "import": {"importId": "soma/settings"},
    "transforms": {"transforms": [callback_pb2.Callback(target="here")]},
    "hooks": {"hooks": proto.RegisterResourceRequest.ResourceHooksBinding(before_create=["hook"])},
    "replace_on_changes": {"replaceOnChanges": ["data"]},
    "deleted_with": {"deletedWith": URN},
    "replace_with": {"replace_with": [URN]},
    "replacement_trigger": {"replacement_trigger": struct_pb2.Value(string_value="now")},
}


@pytest.mark.parametrize("option", UNIMITATED)
def test_an_option_that_is_not_imitated_is_refused_by_name(option: str) -> None:
    monitor = Monitor("soma", "us-east", cast(Any, None), {}, preview=True)
    request = proto.RegisterResourceRequest(type="soma:test:Group", name="group", **UNIMITATED[option])
    with pytest.raises(RehearsalError, match=rf"^group \(soma:test:Group\): .* does not imitate {option}; use the"):
        monitor.RegisterResource(request)
    assert not monitor.recorded


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, kind: str = "Group", **options: Any) -> None:
        super().__init__(f"soma:test:{kind}", name, {}, pulumi.ResourceOptions(**options))


def aliases(alias: pulumi.Alias) -> tuple[str, ...]:
    """Former URNs of a component with a parent of type Outer."""

    def program() -> None:
        Group("inner", parent=Group("outer", "Outer"), aliases=[alias])

    found: Plan = run(program, Evaluation("soma", "us-east"))
    return found.resources[-1].aliases


@pytest.mark.parametrize(
    ("alias", "former"),
    [
        (pulumi.Alias(name="former"), "soma:test:Outer$soma:test:Group::former"),
        (pulumi.Alias(type_="soma:test:Former"), "soma:test:Outer$soma:test:Former::inner"),
        (pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE), "soma:test:Group::inner"),
        (pulumi.Alias(parent=f"{STACK}soma:test:Elsewhere::place"), "soma:test:Elsewhere$soma:test:Group::inner"),
    ],
)
def test_an_alias_is_the_urn_under_which_it_was_known(alias: pulumi.Alias, former: str) -> None:
    assert aliases(alias) == (f"{STACK}{former}",)


@pytest.mark.parametrize("alias", [pulumi.Alias(stack="other"), pulumi.Alias(project="other")])
def test_aliases_of_other_stacks_are_refused(alias: pulumi.Alias) -> None:
    with pytest.raises(RehearsalError, match="inner: the in-process engine does not imitate aliases of other stacks"):
        aliases(alias)
