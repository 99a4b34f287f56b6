"""The data tier on a cluster of somebody's (`make test-data KUBECONFIG=…`): its zones, and what is taken away again."""

from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from tests.dataplane.cluster import bringing, given, toolbox
from tests.dataplane.cluster.stand import ZONE

WANTED = ("zone-a", "zone-b", "zone-c")
THERE = ["eu-1a", "eu-1b", "eu-1c", "eu-1d"]


def node(zone: str | None, ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": f"of-{zone}", "labels": {} if zone is None else {ZONE: zone}},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


class TestZones:
    def test_are_those_of_nodes_that_take_pods(self) -> None:
        found = [
            node("eu-1b"),
            node("eu-1a"),
            node("eu-1a"),
            node(None),
            node("of-the-control-plane", taints=[{"key": "node-role", "effect": "NoSchedule"}]),
            node("drained", unschedulable=True),
            node("lost", ready="Unknown"),
            node("eu-1c", taints=[{"key": "rather-not", "effect": "PreferNoSchedule"}]),
        ]
        assert given.zones(found) == ["eu-1a", "eu-1b", "eu-1c"]

    def test_stand_in_the_stack_file_in_place_of_its_own(self, tmp_path: Path) -> None:
        directory, settings = bringing.region(tmp_path)
        stack = directory / bringing.STACK.name
        stack.write_text(given.named(stack.read_text(), settings.high_availability.zones, THERE))
        assert Project.load(directory).settings()[bringing.REGION].zone_values == dict(
            zip(WANTED, THERE[:3], strict=True)
        )

    def test_that_have_the_stack_files_names_keep_them(self) -> None:
        told = given.named("config: {somafractalmemory:kubernetes: {}}", WANTED, ["a-fourth", *WANTED])
        assert [f"{zone}: {zone}" in told for zone in WANTED] == [True] * 3

    @pytest.mark.parametrize(
        ("there", "said"), [(["eu-1a"], r"1 zones \(eu-1a\)"), ([], f"no node has the label {ZONE}")]
    )
    def test_that_are_too_few_are_told(self, there: list[str], said: str) -> None:
        with pytest.raises(RehearsalError, match=said):
            given.named("config: {}", WANTED, there)


def test_what_no_namespace_takes_with_it_is_taken_away_by_itself(tmp_path: Path) -> None:
    directory, _ = bringing.region(tmp_path)
    engine = InProcessEngine(directory, tmp_path / "state", lambda _: tmp_path / "kubeconfig")
    found = {(one["kind"], one["metadata"]["name"]) for one in given.beside(engine.preview(bringing.REGION).resources)}
    everywhere = "soma-data-tier-qdrant-rebalancer"
    assert found == {
        ("Namespace", "soma-data-tier"),
        ("ClusterRole", everywhere),
        ("ClusterRoleBinding", everywhere),
    }


def test_a_run_without_a_toolbox_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(toolbox.IMAGE, raising=False)
    with pytest.raises(RehearsalError, match=r"SOMA_TEST_TOOLBOX names no image .* docs/data-tier\.md"):
        given.refuse_without_toolbox()
