"""Plans on the real scheduler: pods find room on the nodes that a plan says, and not on fewer."""

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from capacity.as_set import as_set
from capacity.nodes import PLATFORM, Pod
from rehearsal import overlay, pods, run
from rehearsal.binaries import Binaries
from rehearsal.controlplane import ControlPlane
from rehearsal.drills.faults import cordon
from rehearsal.engine.project import Project
from rehearsal.kube import Client, Manifest
from rehearsal.progress import Progress
from settings import Settings
from tests.rehearsal.plans import PLAN, Ground, container, pools
from tests.rehearsal.stand import standing

NUMBER, SEED = 13, 20261130
SECONDS = 180.0
REGION = "us-east"
NAMESPACES = {"default": "memory-service", "agents": "memory-service-agents", "tools": "memory-service-tools"}
WORKLOAD: Mapping[str, Any] = {
    "memories_per_day": 50,
    "memories": 12_000_000,
    "concurrent_users": 10_000,
    "write_read_ratio": 0,
    "vector_dimensions": 2048,
    "round_trip_ms": 0.002,
    "peak_factor": 1,
    "objectives": {"latency_ms": 600_000},
    "start": "2026-12-01",
}
"""Whose stores ask for more than one machine of each zone has, and whose service for more than two, in each zone and at
all times: as many pods a zone, and no peak.
"""
STACK: Mapping[str, Any] = {
    "workload": WORKLOAD,
    "memory": {"image": "memory:1", "namespaces": [*NAMESPACES], "max_memories": 100_000_000},
    "ingress": {
        "rules": [
            {"host": f"{name}.example.com", "paths": [{"backend": {"service": service}}]}
            for name, service in NAMESPACES.items()
        ]
    },
    "backups": {"copy_region": "us-west-2"},
}


def placed(client: Client) -> tuple[list[Manifest], list[Manifest]]:
    """Pods that have a node which is there, and those of which the scheduler says that it finds none."""
    deadline = time.monotonic() + SECONDS
    while True:
        nodes = {node["metadata"]["name"] for node in client.list("v1", "Node")}
        found = [pod for pod in client.list("v1", "Pod") if not pods.is_of_a_job(pod)]
        there = [pod for pod in found if pod["spec"].get("nodeName") in nodes]
        without = [pod for pod in found if "nodeName" not in pod["spec"] and _refused(pod)]
        if len(there) + len(without) == len(found) or time.monotonic() > deadline:
            return there, without
        time.sleep(0.5)


def _refused(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable" for one in conditions)


@pytest.mark.timeout(600)
def test_pods_of_a_plan_find_room_in_any_order(
    tools: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    drawn = list(pools(NUMBER, SEED))
    said = [Ground(name, pool, pool.per_zone) for name, pool in drawn]
    less = [Ground(f"{name}-less", pool, pool.per_zone - 1) for name, pool in drawn if pool.per_zone > 1]
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path))
    plane, random = ControlPlane("plans", tuple(ground.group for ground in (*said, *less))), Random(SEED)
    try:
        plane.start(tools, Progress(io.StringIO()))
        client = plane.admin()
        for ground in (*said, *less):
            for pod in ground.pods(random):
                client.create(pod)
        there, without = placed(client)
    finally:
        plane.stop()
    short = Counter(pod["metadata"]["labels"][PLAN] for pod in without)
    assert not [ground.name for ground in said if short[ground.name]]
    assert len(there) >= sum(pod.number for ground in said for pod in ground.pool.pods)
    never = {ground.name for ground in less if ground.full}
    assert never <= short.keys()
    assert never, "no plan is drawn whose pods ask for more than one node less has"
    failed = len(short.keys() & {ground.name for ground in less})
    figure(f"capacity: {len(said)} pools find room in any order; with one node less {failed} of {len(less)} do not")


class Region:
    """A region on AWS that states a workload, with what charts and add-ons run there, which nobody plays."""

    def __init__(self, settings: Settings) -> None:
        self.pools = {pool.use: pool for pool in as_set(settings).pools}
        self.zones = tuple(settings.zone_values.values())
        self.client = ControlPlane(REGION).admin()
        played = [pod for pod in PLATFORM if pod.name != "pooler"]
        self.wanted = len(placed(self.client)[0]) + len(self.zones) * sum(pod.number for pod in played)
        for zone in self.zones:
            for pod in played:
                self.client.create(_deployment(zone, pod))

    def nodes(self, zone: str, use: str) -> list[str]:
        names = (node["metadata"]["name"] for node in self.client.list("v1", "Node"))
        return sorted(name for name in names if name.startswith(f"{zone}-{use}-"))

    def lose(self, node: str) -> None:
        """A machine that goes for good, and what runs on it; volumes stay in the zone."""
        cordon(self.client, node)
        for pod in self.client.list("v1", "Pod"):
            if pod["spec"].get("nodeName") == node:
                metadata = pod["metadata"]
                self.client.delete("v1", "Pod", metadata["name"], metadata["namespace"], grace_seconds=0)
        self.client.delete("v1", "Node", node)

    def without(self) -> list[str]:
        """Names of pods that find no room, once every pod that should be there has a node or is refused."""
        deadline = time.monotonic() + SECONDS
        while True:
            there, short = placed(self.client)
            if len(there) + len(short) >= self.wanted or time.monotonic() > deadline:
                assert len(there) + len(short) >= self.wanted
                return sorted(pod["metadata"]["name"] for pod in short)
            time.sleep(0.5)


def _deployment(zone: str, pod: Pod) -> Manifest:
    name = f"{pod.name.replace(' ', '-')}-{zone}"
    spec = {"nodeSelector": {pods.ZONE_LABEL: zone}, "containers": [container(pod)]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": pod.number,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    with standing(tmp_path) as stand:
        checkout = stand.directory
        (checkout / "Pulumi.us-west.yaml").unlink()
        project = yaml.safe_load((checkout / "Pulumi.yaml").read_text())
        project["config"]["multiregion"]["default"] = {
            "enabled": False,
            "home": REGION,
            "regions": [{"name": REGION, "aws_region": "us-east-1"}],
        }
        (checkout / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
        for key, value in STACK.items():
            stand.set(REGION, key, value)
        on_aws = overlay.on("aws", checkout)
        run.Rehearsal(Progress(io.StringIO()), "in-process", on_aws).up()
        yield Region(Project.load(on_aws).settings()[REGION])


@pytest.mark.timeout(600)
def test_a_region_finds_room_on_the_nodes_of_its_plan_and_not_on_fewer(region: Region) -> None:
    groups = [(zone, use) for zone in region.zones for use in region.pools]
    assert [len(region.nodes(*group)) for group in groups] == [region.pools[use].with_spare for _, use in groups]
    assert region.wanted > 60
    assert region.without() == []
    for group in groups:  # at worst, the spare of each is away
        region.lose(region.nodes(*group)[0])
    assert region.without() == []
    for use, pods_of_zone in (("stateful", ("qdrant-", "postgresql-us-east-")), ("stateless", ("memory-service-",))):
        region.lose(region.nodes(region.zones[0], use)[0])
        short = region.without()
        assert any(name.startswith(pods_of_zone) for name in short), short
