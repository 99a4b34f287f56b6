"""What a control plane needs before pods can land: simulated nodes in zones, and a storage class."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from capacity.instances import known
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest, NotFound
from rehearsal.programs import SIMULATED
from settings import Settings
from settings.aws import STATEFUL, STATELESS, USE

CAPACITY = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "1Ti", "pods": "110"}
"""Of each node whose machine is not known: a region of the guide's size fits on six with one zone lost."""
READY_SECONDS = 30.0
POLL_SECONDS = 0.05
MANAGER = "rehearsal"
AWAY = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
"""Taints of a node that is new or fell silent, until the controller manager has seen that it is ready."""

STORAGE_CLASS: Manifest = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/host-path",
    "reclaimPolicy": "Retain",
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": True,
}
"""The cluster's default. Its volumes are empty directories; a stand-in binds them to the zone of their pod."""


@dataclass(frozen=True)
class Group:
    """Nodes of one use: the same number in each zone, called `<zone>-1` or `<zone>-<use>-1` and so on."""

    zones: tuple[str, ...]
    per_zone: int
    use: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()
    capacity: Mapping[str, str] = field(default_factory=lambda: CAPACITY)
    """What a node has for pods, by resource."""

    def nodes(self) -> list[tuple[str, str]]:
        """Zone and name of each."""
        parts = [self.use] if self.use else []
        numbers = range(1, self.per_zone + 1)
        return [(zone, "-".join([zone, *parts, str(number)])) for zone in self.zones for number in numbers]


def groups(settings: Settings, per_zone: int) -> tuple[Group, ...]:
    """What stands under a region: on AWS the node groups that it makes, else `per_zone` nodes like any other."""
    zones = tuple(settings.zone_values.values())
    if settings.platform != "aws" or settings.aws.cluster.existing is not None:
        return (Group(zones, per_zone),)
    stateful, stateless = settings.aws.nodes.stateful, settings.aws.nodes.stateless
    taint = {"key": USE, "value": STATEFUL, "effect": "NoSchedule"}
    return (
        Group(zones, stateful.per_zone, STATEFUL, {USE: STATEFUL}, (taint,), capacity(stateful.instance_types[0])),
        Group(zones, stateless.per_zone, STATELESS, {USE: STATELESS}, (), capacity(stateless.instance_types[0])),
    )


def capacity(instance_type: str) -> Mapping[str, str]:
    """What a machine leaves for pods beside what every node runs, which is not played, by resource.
    Of a type that plans do not count with, as much as of nodes like any other.
    """
    machine = known(instance_type)
    if machine is None:
        return CAPACITY
    left = {"cpu": f"{int(machine.allocatable_cores * 1000)}m", "memory": str(int(machine.allocatable_bytes))}
    return {**CAPACITY, **left, "pods": str(machine.max_pods)}


def wanted(region: str, groups: Sequence[Group]) -> list[Manifest]:
    """The nodes of a region."""
    named = [(group, zone, name) for group in groups for zone, name in group.nodes()]
    return [_node(region, group, zone, name, index) for index, (group, zone, name) in enumerate(named)]


def furnish(client: Client, region: str, groups: Sequence[Group]) -> None:
    """Makes what is missing, removes simulated nodes that are not wanted, and waits until all are Ready."""
    there = {node["metadata"]["name"] for node in simulated(client)}
    nodes = {node["metadata"]["name"]: node for node in wanted(region, groups)}
    for name in sorted(nodes.keys() - there):
        client.create(nodes[name], field_manager=MANAGER)
    for name in sorted(there - nodes.keys()):
        client.delete("v1", "Node", name)
    if client.find("storage.k8s.io/v1", "StorageClass", STORAGE_CLASS["metadata"]["name"]) is None:
        client.create(STORAGE_CLASS, field_manager=MANAGER)


def await_ready(client: Client, region: str) -> None:
    """Until every simulated node is Ready and schedulable; RehearsalError when one is not in time."""
    deadline = time.monotonic() + READY_SECONDS
    while waiting := [node["metadata"]["name"] for node in simulated(client) if not is_ready(node)]:
        if time.monotonic() > deadline:
            raise RehearsalError(
                f"{region}: nodes are not Ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}; "
                "look at kwok.log and kube-controller-manager.log, then run `make down` and `make up`"
            )
        time.sleep(POLL_SECONDS)
    await_account(client, deadline)


def is_ready(node: Manifest) -> bool:
    """Ready, and rid of the taints that keep pods away until the controller manager has seen that it is."""
    conditions: list[Manifest] = (node.get("status") or {}).get("conditions") or []
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    taints: list[Manifest] = node["spec"].get("taints") or []
    return ready and AWAY.isdisjoint(taint["key"] for taint in taints)


def await_account(client: Client, deadline: float) -> None:
    """Admission refuses pods in a namespace until the controller manager has made its default service account."""
    while time.monotonic() < deadline:
        try:
            client.get("v1", "ServiceAccount", "default", "default")
        except NotFound:
            time.sleep(POLL_SECONDS)
        else:
            return


def simulated(client: Client) -> list[Manifest]:
    """The nodes that are played."""
    return client.list("v1", "Node", label_selector=f"{SIMULATED}=true")


def _node(region: str, group: Group, zone: str, name: str, index: int) -> Manifest:
    labels = {
        **group.labels,
        SIMULATED: "true",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    }
    pods = f"10.244.{index}.0/24"
    addresses = [
        {"type": "InternalIP", "address": f"10.200.0.{index + 1}"},
        {"type": "Hostname", "address": name},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": pods, "podCIDRs": [pods], **({"taints": list(group.taints)} if group.taints else {})},
        "status": {"capacity": {**group.capacity}, "allocatable": {**group.capacity}, "addresses": addresses},
    }
