"""What goes and what stays when an object is replaced or leaves the program, and in which order."""

from pathlib import Path
from typing import Any

import pulumi_kubernetes as kubernetes
import pytest
from pulumi import ResourceOptions

from rehearsal import kube
from rehearsal.engine import awaiting, identity, removal
from rehearsal.engine.model import UNKNOWN, Change, PlannedResource
from rehearsal.engine.state import Held, State
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from tests.unit.engine_bench import REGION, Bench, Describe, config_map, named, stateful_set


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def holding(name: str, **options: Any) -> Describe:
    """A program with one StatefulSet resource, `store`, whose object has the given name."""
    metadata: Any = {"name": name, "namespace": "soma"}
    spec: Any = {"replicas": 1}
    return lambda: kubernetes.apps.v1.StatefulSet(
        "store", metadata=metadata, spec=spec, opts=ResourceOptions(**options)
    )


def objects(bench: Bench) -> set[str]:
    return {name for _, _, name in bench.cluster.objects}


def test_a_protected_resource_that_left_the_program_stops_the_update_before_anything_is_done(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store", protect=True))
    calls = list(bench.cluster.calls)
    with pytest.raises(RehearsalError, match=r"delete what is protected:\n.*StatefulSet::store\nUnset protect first"):
        bench.up(lambda: config_map("new"))
    assert bench.cluster.calls == calls


def test_a_protected_resource_is_not_replaced(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store", protect=True))
    with pytest.raises(RehearsalError, match=r"replace what is protected:\n.*StatefulSet::store"):
        bench.up(lambda: stateful_set("store", {"serviceName": "other"}, protect=True))
    assert "store" not in bench.cluster.names("delete")


def test_unset_protect_lets_the_next_update_delete(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store", protect=True))
    bench.up(lambda: stateful_set("store"))
    bench.up(lambda: None)
    assert bench.cluster.names("delete") == ["store"]


def test_a_field_that_the_server_refuses_to_change_makes_a_replacement_with_a_word_about_it(bench: Bench) -> None:
    bench.cluster.immutable = {"StatefulSet": ("podSelector",)}
    bench.up(lambda: stateful_set("store", {"podSelector": "a"}))
    result = bench.up(lambda: stateful_set("store", {"podSelector": "b"}))
    assert bench.cluster.calls[-3:] == [("apply", "store"), ("delete", "store"), ("apply", "store")]
    assert named(result, Change.REPLACE) == ["store"]
    assert "field is immutable" in bench.said.getvalue()


def test_a_protected_resource_survives_an_immutable_field_that_only_the_server_knows(bench: Bench) -> None:
    bench.cluster.immutable = {"StatefulSet": ("podSelector",)}
    bench.up(lambda: stateful_set("store", {"podSelector": "a"}, protect=True))
    with pytest.raises(RehearsalError, match="is protected, and this change takes a replacement"):
        bench.up(lambda: stateful_set("store", {"podSelector": "b"}, protect=True))
    assert not bench.cluster.names("delete")


def test_a_known_immutable_field_is_a_replacement_in_the_preview_already(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store"))
    bench.program = lambda: stateful_set("store", {"volumeClaimTemplates": [{"a": 1}]})
    assert bench.engine.preview(REGION).changes["replace"] == 1


def test_a_retained_resource_leaves_the_state_and_stays_in_the_cluster(bench: Bench) -> None:
    bench.up(lambda: config_map("settings", retain_on_delete=True))
    bench.up(lambda: None)
    assert not bench.cluster.names("delete")
    assert bench.up().steps == ()


def test_protection_that_comes_with_a_replacement_does_not_hold_it_up(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store"))
    bench.up(lambda: stateful_set("store", {"serviceName": "other"}, protect=True))
    assert bench.cluster.object("StatefulSet", "store")["spec"]["serviceName"] == "other"
    with pytest.raises(RehearsalError, match="replace what is protected"):
        bench.up(lambda: stateful_set("store", {"serviceName": "third"}, protect=True))


def test_protection_that_goes_with_a_replacement_does_not_hold_it_up(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store", protect=True))
    assert bench.up(lambda: stateful_set("store", {"serviceName": "other"})).changes["replace"] == 1


def test_protection_that_comes_with_a_change_that_only_the_server_refuses_does_not_hold_it_up(bench: Bench) -> None:
    bench.cluster.immutable = {"StatefulSet": ("podSelector",)}
    bench.up(lambda: stateful_set("store", {"podSelector": "a"}))
    assert bench.up(lambda: stateful_set("store", {"podSelector": "b"}, protect=True)).changes["replace"] == 1


def test_under_the_same_name_the_old_object_goes_first(bench: Bench) -> None:
    bench.up(lambda: config_map("settings", {"size": "3"}))
    bench.up(lambda: config_map("settings", {"size": "4"}))
    assert bench.cluster.calls == [("apply", "settings"), ("delete", "settings"), ("apply", "settings")]


def test_under_another_name_the_new_object_and_what_depends_on_it_come_first(bench: Bench) -> None:
    def program(name: str) -> Describe:
        return lambda: config_map("after", {"store": name}, depends_on=[holding(name)()])

    bench.up(program("old"))
    bench.cluster.calls.clear()
    result = bench.up(program("new"))
    assert named(result, Change.REPLACE) == ["store", "after"]
    assert [call for call in bench.cluster.calls if call[1] != "after"] == [("apply", "new"), ("delete", "old")]
    assert bench.cluster.calls[-1] == ("delete", "old")
    assert "deleted StatefulSet old, which store was before" in bench.said.getvalue()
    assert bench.up().changes["same"] == 2


def test_delete_before_replace_lets_the_old_object_go_first(bench: Bench) -> None:
    bench.up(holding("old"))
    bench.up(holding("new", delete_before_replace=True))
    assert bench.cluster.calls == [("apply", "old"), ("delete", "old"), ("apply", "new")]


def test_old_objects_go_dependents_first(bench: Bench) -> None:
    def program(stem: str) -> Describe:
        def describe() -> None:
            first: Any = {"name": f"first-{stem}", "namespace": "soma"}
            second: Any = {"name": f"second-{stem}", "namespace": "soma"}
            base = kubernetes.core.v1.ConfigMap("first", metadata=first)
            kubernetes.core.v1.ConfigMap("second", metadata=second, opts=ResourceOptions(depends_on=[base]))

        return describe

    bench.up(program("old"))
    bench.cluster.delay = 0.02
    bench.up(program("new"))
    assert bench.cluster.names("delete") == ["second-old", "first-old"]
    assert bench.cluster.most_deletions_at_once == 1


def test_a_new_object_that_is_refused_leaves_the_old_one(bench: Bench) -> None:
    bench.up(holding("old"))
    bench.cluster.refusals["new"] = kube.KubeError(400, "BadRequest", "no room")
    with pytest.raises(RehearsalError, match="no room"):
        bench.up(holding("new"))
    assert objects(bench) == {"old"}
    bench.up()
    assert objects(bench) == {"new"}


@pytest.fixture
def half_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A replacement whose new object is there and does not become ready; the engine that goes on is another one."""
    bench.up(holding("old"))
    with monkeypatch.context() as patch:
        patch.setattr(awaiting, "DEFAULT_SECONDS", 0.1)
        bench.cluster.busy = {"new"}
        with pytest.raises(RehearsalError, match="store: not ready"):
            bench.up(holding("new"))
    bench.cluster.busy.clear()
    assert objects(bench) == {"old", "new"}
    bench.engine = bench.another()
    return bench


def test_the_next_update_deletes_the_old_object_of_a_replacement_that_failed_half_way(half_way: Bench) -> None:
    half_way.up()
    assert objects(half_way) == {"new"}
    assert half_way.up().changes["same"] == 1
    assert half_way.cluster.names("delete") == ["old"]


def test_a_replacement_that_failed_half_way_can_be_taken_back(half_way: Bench) -> None:
    half_way.up(holding("old"))
    assert objects(half_way) == {"old"}
    assert half_way.up().changes["same"] == 1


def test_destroy_deletes_the_old_object_of_a_replacement_that_failed_half_way(half_way: Bench) -> None:
    half_way.engine.destroy(REGION, Progress(half_way.said))
    assert objects(half_way) == set()


def test_a_retained_object_stays_when_its_replacement_has_another_name(bench: Bench) -> None:
    bench.up(holding("old", retain_on_delete=True))
    result = bench.up(holding("new", retain_on_delete=True))
    assert objects(bench) == {"old", "new"}
    assert not bench.cluster.names("delete")
    assert result.steps[0].reasons == ("metadata.name", "the former object is kept in the cluster (retain_on_delete)")
    assert bench.up().changes["same"] == 1


def test_a_retained_object_stays_also_where_it_should_go_first(bench: Bench) -> None:
    bench.up(holding("old", retain_on_delete=True))
    bench.up(holding("new", delete_before_replace=True))
    assert objects(bench) == {"old", "new"}


def test_as_at_a_deletion_the_option_counts_that_was_there_before(bench: Bench) -> None:
    bench.up(holding("old"))
    bench.up(holding("new", retain_on_delete=True))
    assert objects(bench) == {"new"}


def test_a_retained_object_is_not_replaced_under_its_own_name(bench: Bench) -> None:
    bench.up(lambda: stateful_set("store", retain_on_delete=True))
    calls = list(bench.cluster.calls)
    with pytest.raises(
        RehearsalError, match=r"is to be kept \(retain_on_delete\):\n.*StatefulSet::store\nGive the new"
    ):
        bench.up(lambda: (stateful_set("store", {"serviceName": "other"}), config_map("new")))
    assert bench.cluster.calls == calls


def test_a_retained_object_survives_an_immutable_field_that_only_the_server_knows(bench: Bench) -> None:
    bench.cluster.immutable = {"StatefulSet": ("podSelector",)}
    bench.up(lambda: stateful_set("store", {"podSelector": "a"}, retain_on_delete=True))
    with pytest.raises(RehearsalError, match=r"store: is to be kept \(retain_on_delete\), .*field is immutable"):
        bench.up(lambda: stateful_set("store", {"podSelector": "b"}))
    assert not bench.cluster.names("delete")


def resource(name: str, *depends_on: str, **inputs: Any) -> PlannedResource:
    return PlannedResource("kubernetes:apps/v1:Deployment", name, name, None, inputs, depends_on=depends_on)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"apiVersion": "apps/v1beta2"}, True),
        ({"apiVersion": "batch/v1"}, False),
        ({"kind": "ReplicaSet"}, False),
        ({"metadata": {"name": "a", "namespace": "soma"}}, True),
        ({"metadata": {"name": "a", "namespace": "other"}}, False),
        ({"metadata": {"name": "b"}}, False),
        ({"metadata": {"name": UNKNOWN}}, False),
    ],
)
def test_what_makes_the_identity_of_an_object(other: dict[str, Any], same: bool) -> None:
    stated: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    provider = {"namespace": "soma"}
    before, after = resource("a", **stated), resource("a", **{**stated, **other})
    assert (identity.of(before, provider) == identity.of(after, provider)) is same


def test_contradictory_records_hold_no_deletion_up() -> None:
    unwanted = {"a": Held(resource("a", "b")), "c": Held(resource("c", "a"))}
    leaving = {"b (former 1)": Held(resource("b", "a"))}
    assert removal.order(unwanted, {}) == {"a": ["c"], "c": []}
    assert removal.order(unwanted, leaving) == {"a": ["c"], "c": [], "b (former 1)": []}


def test_what_is_leaving_survives_an_interrupt(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    old, new = (Held(resource("store", metadata={"name": name}), "cluster-1") for name in ("old", "new"))
    state.put(new, leaving=old)
    journal = state.path.with_suffix(".journal")
    assert State(state.path).leaving == [old]
    lines = journal.read_text()
    state.close()
    journal.write_text(lines)  # as an interrupt leaves it that comes before its end
    folded = State(state.path)
    assert folded.leaving == [old]
    folded.left(old)
    assert State(state.path).leaving == []
