"""What an update of the in-process engine does, told by a program in a few lines and an API server double."""

import io
import stat
import threading
from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest
from pulumi import ResourceOptions

from rehearsal import kube
from rehearsal.engine import awaiting
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Change
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from tests.unit.engine_bench import REGION, Bench, Describe, config_map, named, stateful_set
from tests.unit.engine_cluster import FakeCluster


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_objects_are_applied_after_those_that_they_depend_on(bench: Bench) -> None:
    def program() -> None:
        first = config_map("first")
        second = config_map("second", depends_on=[first])
        config_map("third", {"after": second.metadata.apply(lambda metadata: str(metadata.name))})

    bench.up(program)
    assert bench.cluster.names("apply") == ["first", "second", "third"]


def test_what_depends_on_a_component_waits_for_its_children(bench: Bench) -> None:
    class Group(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("soma:test:Group", "group")
            config_map("group-child", parent=self, depends_on=[slow])
            self.register_outputs({})

    slow: Any = None

    def program() -> None:
        nonlocal slow
        slow = config_map("slow")
        config_map("after", depends_on=[Group()])

    bench.up(program)
    assert bench.cluster.names("apply") == ["slow", "group-child", "after"]


def test_what_depends_on_a_workload_waits_until_it_is_ready(bench: Bench) -> None:
    bench.cluster.busy = {"store"}

    def program() -> None:
        config_map("after", depends_on=[stateful_set("store")])
        config_map("apart")

    update = threading.Thread(target=lambda: bench.up(program))
    update.start()
    while ("apply", "apart") not in bench.cluster.calls:
        update.join(0.01)
    assert "after" not in bench.cluster.names("apply")
    bench.cluster.become_ready("StatefulSet", "store")
    update.join(10)
    assert bench.cluster.names("apply")[-1] == "after"


def test_many_slow_workloads_are_awaited_side_by_side(bench: Bench) -> None:
    names = [f"store-{number}" for number in range(20)]
    bench.cluster.busy = set(names)

    def program() -> None:
        for name in names:
            config_map(f"after-{name}", depends_on=[stateful_set(name)])

    update = threading.Thread(target=lambda: bench.up(program))
    update.start()
    while len(bench.cluster.names("apply")) < len(names):
        assert update.is_alive()
        update.join(0.01)
    for name in reversed(names):
        bench.cluster.become_ready("StatefulSet", name)
        while f"after-{name}" not in bench.cluster.names("apply"):
            assert update.is_alive()
            update.join(0.01)
    update.join(10)


def test_a_second_update_changes_nothing(bench: Bench) -> None:
    def program() -> None:
        random.RandomPassword("password", length=16)
        config_map("settings", {"size": "3"})

    bench.up(program)
    calls = list(bench.cluster.calls)
    again = bench.up()
    assert again.changes == {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 2}
    assert bench.cluster.calls == calls


def test_what_left_the_program_is_deleted_dependents_first(bench: Bench) -> None:
    def program() -> None:
        first = config_map("first")
        config_map("third", depends_on=[config_map("second", depends_on=[first])])
        config_map("kept")

    bench.up(program)
    bench.cluster.delay = 0.02
    result = bench.up(lambda: config_map("kept"))
    assert bench.cluster.most_deletions_at_once == 1
    assert bench.cluster.names("delete") == ["third", "second", "first"]
    assert named(result, Change.DELETE) == ["third", "second", "first"]
    assert [key[2] for key in bench.cluster.objects] == ["kept"]


def test_a_release_is_recorded_and_nothing_of_it_is_asked_of_the_cluster(bench: Bench) -> None:
    def program(version: str) -> Describe:
        def describe() -> None:
            release = kubernetes.helm.v3.Release(
                "operator", chart="operator", name="operator", namespace="operators", version=version
            )
            config_map("after", depends_on=[release])

        return describe

    bench.up(program("1.0.0"))
    assert bench.cluster.calls == [("apply", "after")]
    assert [(step.name, step.change) for step in bench.up(program("1.1.0")).steps] == [
        ("operator", Change.UPDATE),
        ("after", Change.SAME),
    ]
    assert bench.cluster.calls == [("apply", "after")]
    bench.up(lambda: None)
    assert bench.cluster.calls == [("apply", "after"), ("delete", "after")]


def test_ignored_changes_stay_what_the_cluster_has(bench: Bench) -> None:
    ignored = ["spec.replicas"]
    bench.up(lambda: stateful_set("store", {"replicas": 3}, ignore_changes=ignored))
    bench.cluster.object("StatefulSet", "store")["spec"]["replicas"] = 7  # an autoscaler did that
    only_ignored = bench.up(lambda: stateful_set("store", {"replicas": 5}, ignore_changes=ignored))
    assert only_ignored.changes["same"] == 1
    bench.up(lambda: stateful_set("store", {"replicas": 5, "minReadySeconds": 9}, ignore_changes=ignored))
    spec = bench.cluster.object("StatefulSet", "store")["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (7, 9)


def test_after_a_failure_half_way_the_next_update_goes_on(bench: Bench) -> None:
    bench.cluster.refusals["second"] = kube.KubeError(500, "InternalError", "etcd is away")

    def program() -> None:
        first = config_map("first")
        config_map("third", depends_on=[config_map("second", depends_on=[first])])
        config_map("apart")

    with pytest.raises(RehearsalError, match=r"1 of 4 resources failed.*\n  second: etcd is away"):
        bench.up(program)
    assert "third" not in bench.cluster.names("apply")
    bench.cluster.calls.clear()
    bench.engine = bench.another()
    result = bench.up()
    assert bench.cluster.names("apply") == ["second", "third"]
    assert (result.changes["create"], result.changes["same"]) == (2, 2)


def test_a_workload_that_was_not_ready_is_awaited_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "DEFAULT_SECONDS", 0.1)
    bench.cluster.busy = {"store"}
    with pytest.raises(RehearsalError, match="store: not ready after 0 s: waited for its controller to see it"):
        bench.up(lambda: stateful_set("store"))
    bench.cluster.busy.clear()
    assert bench.up().changes["update"] == 1
    assert bench.up().changes["same"] == 1


def test_a_service_waits_for_a_pod_unless_it_selects_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "DEFAULT_SECONDS", 0.1)

    def program() -> None:
        for name, spec in {
            "entry": {"selector": {"app": "entry"}},
            "headless": {"selector": {"app": "entry"}, "clusterIP": "None"},
            "elsewhere": {"type": "ExternalName", "externalName": "example.com"},
            "held": {"selector": {"app": "held"}},
        }.items():
            annotations = {"pulumi.com/skipAwait": "true"} if name == "held" else {}
            metadata: Any = {"name": name, "namespace": "soma", "annotations": annotations}
            kubernetes.core.v1.Service(name, metadata=metadata, spec=cast(Any, spec))

    bench.cluster.busy = {"entry", "headless", "elsewhere", "held"}
    with pytest.raises(RehearsalError, match=r"1 of 4 .*\n  entry: .* waited for a ready pod behind it"):
        bench.up(program)


def test_an_interrupt_ends_waits_and_the_next_update_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "SLICE_SECONDS", 0.1)
    bench.cluster.busy = {"store"}
    failures: list[Exception] = []

    def update() -> None:
        try:
            bench.up(lambda: config_map("after", depends_on=[stateful_set("store")]))
        except RehearsalError as error:
            failures.append(error)

    thread = threading.Thread(target=update)
    thread.start()
    while not bench.cluster.names("apply"):
        thread.join(0.01)
    bench.engine.interrupt()
    thread.join(5)
    assert "was interrupted" in str(failures[0])
    bench.cluster.busy.clear()
    assert bench.up().changes["create"] == 1


def test_an_object_that_somebody_deleted_is_made_again_and_the_step_says_why(bench: Bench) -> None:
    bench.up(lambda: config_map("settings"))
    bench.cluster.objects.clear()
    result = bench.up()
    assert [(step.change, step.reasons) for step in result.steps] == [
        (Change.CREATE, ("was missing from the cluster",))
    ]


def test_the_objects_of_another_cluster_do_not_count(bench: Bench) -> None:
    bench.up(lambda: config_map("settings"))
    objects = bench.cluster.objects
    bench.cluster = FakeCluster("cluster-2")
    bench.cluster.objects.update(objects)  # somebody else's, of the same names
    result = bench.up()
    assert named(result, Change.CREATE) == ["settings"]
    assert bench.cluster.names("apply") == ["settings"]


def test_each_provider_leads_to_its_own_cluster(tmp_path: Path) -> None:
    clusters = {"east": FakeCluster("1"), "west": FakeCluster("2")}
    (tmp_path / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")

    def program() -> None:
        for name in clusters:
            provider = kubernetes.Provider(name, kubeconfig=f"/clusters/{name}", context=f"{name}-admin")
            config_map(f"in-{name}", provider=provider)

    def connect(kubeconfig: Path, context: str | None) -> FakeCluster:
        assert context == f"{kubeconfig.name}-admin"
        return clusters[kubeconfig.name]

    engine = InProcessEngine(tmp_path, tmp_path, connect=connect, program=program)
    engine.up(REGION, Progress(io.StringIO()))
    assert {name: cluster.names("apply") for name, cluster in clusters.items()} == {
        "east": ["in-east"],
        "west": ["in-west"],
    }


def test_a_kubeconfig_given_as_text_lies_in_a_private_file(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")
    seen: list[Path] = []

    def connect(kubeconfig: Path, context: str | None) -> FakeCluster:
        seen.append(kubeconfig)
        return FakeCluster()

    def program() -> None:
        config_map("settings", provider=kubernetes.Provider("p", kubeconfig="apiVersion: v1\nkind: Config\n"))

    InProcessEngine(tmp_path, tmp_path, connect=connect, program=program).up(REGION, Progress(io.StringIO()))
    assert seen[0].read_text() == "apiVersion: v1\nkind: Config\n"
    assert stat.S_IMODE(seen[0].stat().st_mode) == 0o600


def test_a_gate_that_refuses_leaves_nothing_applied(bench: Bench) -> None:
    def gate(region: str, resources: Any) -> None:
        assert [resource.name for resource in resources] == ["settings"]
        raise RehearsalError("a policy says no")

    bench.program = lambda: config_map("settings")
    with pytest.raises(RehearsalError, match="a policy says no"):
        bench.engine.up(REGION, Progress(bench.said), gate)
    assert not bench.cluster.calls


def test_an_input_that_only_the_cluster_knows_is_refused(bench: Bench) -> None:
    def program() -> None:
        store = stateful_set("store")
        config_map("settings", {"ready": store.status.apply(lambda status: str(status))})

    with pytest.raises(RehearsalError, match="settings: an input needs what only the cluster knows"):
        bench.up(program)


def test_a_renamed_resource_with_an_alias_is_the_same(bench: Bench) -> None:
    def program(name: str, **options: Any) -> Describe:
        metadata: Any = {"name": "settings", "namespace": "soma"}
        return lambda: kubernetes.core.v1.ConfigMap(name, metadata=metadata, opts=ResourceOptions(**options))

    bench.up(program("old"))
    result = bench.up(program("new", aliases=[pulumi.Alias(name="old")]))
    assert (result.changes["same"], result.changes["delete"]) == (1, 0)
    assert bench.up(program("new")).changes["same"] == 1


def test_destroy_deletes_everything_dependents_first(bench: Bench) -> None:
    bench.up(lambda: config_map("second", depends_on=[config_map("first")]))
    bench.engine.destroy(REGION, Progress(bench.said))
    assert bench.cluster.names("delete") == ["second", "first"]
    assert not bench.cluster.objects


def test_the_state_file_costs_one_line_a_resource(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    from rehearsal.engine.state import State

    monkeypatch.setattr(State, "close", lambda self: lines.extend(self._journal_path.read_text().splitlines()))
    bench.up(lambda: [config_map(f"settings-{n}") for n in range(10)])
    assert len([line for line in lines if '"put"' in line]) == 10
    assert max(len(line) for line in lines) < 600


def test_a_torn_journal_costs_one_resource(bench: Bench) -> None:
    bench.up(lambda: (config_map("first"), config_map("second")))
    bench.state.with_suffix(".journal").write_text('{"remove": "urn:pulumi:us-east::soma::x')
    assert bench.up().changes["same"] == 2
