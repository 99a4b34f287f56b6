"""The drills themselves: a zone lost, a node drained, everything rolled, nodes taken away, load that comes and goes."""

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from policies.checks.proof import Case, Layout
from rehearsal import nodes
from rehearsal.drills import faults, judging
from rehearsal.drills.faults import eventually
from rehearsal.drills.parts import Part, budgets, evictable, healthy, layout
from rehearsal.drills.report import Outcome, Row
from rehearsal.drills.rolling import roll
from rehearsal.drills.watching import Watch
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest
from rehearsal.pods import zone_of
from rehearsal.standins.usage import CONFIG_KEY, CONFIG_MAP, CONFIG_NAMESPACE

NOTICE_SECONDS = 60.0
"""Longest wait until the controllers have seen what befell a node; they look every 5 s, for dead pods every 20 s."""
SETTLE_SECONDS = 120.0
EXPECTED_SECONDS = 60.0
"""Longest wait for what the proof says, used up only where it is wrong; the scheduler tries a pod that found no place
again within 10 s."""
HOLD_SECONDS = 2.0
"""For how long it must stay so."""
POLL_SECONDS = 0.2
AT_ONCE: Manifest = {
    "stabilizationWindowSeconds": 0,
    "policies": [{"type": "Percent", "value": 900, "periodSeconds": 1}],
    "selectPolicy": "Max",
}
HEAVY = "300%"
"""Of what a pod requests: more than any autoscaler's target."""


@dataclass
class Drill:
    """A region that is up, with all its pods ready."""

    client: Client
    region: str
    namespace: str
    zones: Sequence[str]
    groups: Sequence[nodes.Group]
    parts: Sequence[Part]

    def lose_zone(self, zone: str) -> Outcome:
        """Its nodes are not ready, then given up, then gone; at last new ones come."""
        began, lost = time.monotonic(), self._nodes_of(zone)
        layouts, index = self._layouts(), self.zones.index(zone)
        cases = {part.title: Case(part.component, layouts[part.title], index) for part in self.parts}
        with self._watch() as watch:
            self._silence(zone, lost, watch)
            allowed = self._await({title: case.evictable for title, case in cases.items()}, self._evictable)
            left = self._healthy()
            self._give_up(zone, lost, watch)
            tainted = self._await({title: case.back(tainted=True) for title, case in cases.items()}, self._healthy)
            watch.mark("its nodes are removed")
            for node in lost:
                self.client.delete("v1", "Node", node)
            gone = self._await({title: case.back(tainted=False) for title, case in cases.items()}, self._healthy)
            watch.mark("new nodes come")
            self._mend()
            watch.mark("every pod is healthy")
        rows = [
            judging.lost(part, cases[part.title], watch, left, allowed, {"tainted": tainted, "gone": gone})
            for part in self.parts
        ]
        return _done(f"lose {zone}", began, rows, watch, zone)

    def evict_and_lose(self, zone: str) -> Outcome:
        """A zone is lost while a pod of each component, of another zone, was just evicted and finds no place."""
        began, lost = time.monotonic(), self._nodes_of(zone)
        layouts, index = self._layouts(), self.zones.index(zone)
        cases = {part.title: Case(part.component, layouts[part.title], index) for part in self.parts}
        every = zone_of(self.client)
        with self._watch() as watch:
            watch.mark("every node is closed, a pod of each component evicted")
            for node in every:
                faults.cordon(self.client, node)
            evicted = {part.title: self._evict_one(part, lost) for part in self.parts}
            self._silence(zone, lost, watch)
            left = self._await({title: {case.left_after_eviction} for title, case in cases.items()}, self._healthy)
            self._give_up(zone, lost, watch)
            for node in lost:
                self.client.delete("v1", "Node", node)
            watch.mark("its nodes are removed, the others open, new ones come")
            for node in every.keys() - set(lost):
                faults.cordon(self.client, node, on=False)
            self._mend()
            watch.mark("every pod is healthy")
        rows = [judging.after_eviction(part, cases[part.title], watch, left, evicted) for part in self.parts]
        return _done(f"evict, lose {zone}", began, rows, watch, zone)

    def drain(self, node: str) -> Outcome:
        """Every pod of a node is evicted, as fast as the budgets allow; then the node is open again."""
        began = time.monotonic()
        with self._watch() as watch:
            watch.mark("cordoned, evictions begin")
            denied = self._empty([node])
            watch.mark("the node is empty, and open again")
            faults.cordon(self.client, node, on=False)
            self.settle()
            watch.mark("every pod is healthy")
        return _done(f"drain {node}", began, judging.kept(self.parts, watch, self._layouts(), denied), watch)

    def roll(self) -> Outcome:
        """Every workload goes to a new revision; StatefulSets of one group one after the other."""
        began = time.monotonic()
        with self._watch() as watch, ThreadPoolExecutor(len(self.parts)) as pool:
            watch.mark("every workload gets a new revision")
            list(pool.map(lambda part: roll(self.client, part, self._pods, SETTLE_SECONDS), self.parts))
            watch.mark("all pods are of it")
            self.settle()
            watch.mark("every pod is healthy")
        return _done("roll every workload", began, judging.kept(self.parts, watch, self._layouts()), watch)

    def fewer_nodes(self) -> Outcome:
        """One node less in each zone: drained, then gone; the others carry everything."""
        began = time.monotonic()
        last = [
            name
            for group in self.groups
            if group.per_zone > 1
            for _, name in group.nodes()[group.per_zone - 1 :: group.per_zone]
        ]
        with self._watch() as watch:
            watch.mark("the first node is drained")
            denied = sum(self._empty([node]) for node in last)
            watch.mark("the drained nodes are removed")
            for node in last:
                self.client.delete("v1", "Node", node)
            self.settle()
            watch.mark("the others carry every pod")
            layouts = self._layouts()
            self._mend()
            watch.mark("the nodes are back")
        rows = judging.kept(self.parts, watch, layouts, denied)
        return _done("one node less a zone", began, rows, watch)

    def load(self) -> Outcome:
        """A region's load: autoscalers go as far up as they may, and down again when it is over.

        The windows and steps that they state are left out, which take minutes.
        """
        began = time.monotonic()
        scalers = self.client.list("autoscaling/v2", "HorizontalPodAutoscaler", self.namespace)
        names = {scaler["spec"]["scaleTargetRef"]["name"]: int(scaler["spec"]["maxReplicas"]) for scaler in scalers}
        scaled = [part for part in self.parts if set(part.component.workloads) & names.keys()]
        most = {part.title: names[part.component.workloads[0]] for part in scaled}
        before = self._layouts()
        with self._watch() as watch, self._hasty(scalers):
            with self._used(HEAVY, scaled):
                watch.mark("load comes")
                expected = {title: {number} for title, number in most.items()}
                reached, high = self._await(expected, self._healthy, SETTLE_SECONDS), self._layouts()
            watch.mark("as many pods as there may be; load goes")
            self.settle()
            watch.mark("as many pods as before")
        rows = [
            *(row for row in judging.kept(self.parts, watch, self._layouts()) if row.component not in most),
            *(
                judging.scaled(part, before[part.title], high[part.title], most[part.title], reached, watch)
                for part in scaled
            ),
        ]
        return _done("load comes and goes", began, rows, watch)

    def settle(self) -> None:
        """Until every component has the pods of ordinary operation, all healthy."""
        wanted = {part.title: part.component.number for part in self.parts}
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            there = self._pods()
            found = self._healthy(there)
            if found == wanted == {part.title: len(part.all(there)) for part in self.parts}:
                return
            if time.monotonic() > deadline:
                raise RehearsalError(f"{self.region}: not every pod is ready: {_differences(wanted, found)}")
            time.sleep(POLL_SECONDS)

    # How it is

    def _pods(self) -> list[Manifest]:
        return self.client.list("v1", "Pod", self.namespace)

    def _on(self, lost: Iterable[str]) -> list[Manifest]:
        names, there = set(lost), self._pods()
        return [pod for part in self.parts for pod in part.all(there) if pod["spec"].get("nodeName") in names]

    def _healthy(self, there: Sequence[Manifest] | None = None) -> dict[str, int]:
        pods = self._pods() if there is None else there
        return {part.title: sum(map(healthy, part.all(pods))) for part in self.parts}

    def _evictable(self) -> dict[str, int]:
        there, guards = self._pods(), budgets(self.client, self.namespace)
        return {part.title: evictable(part, guards, there) for part in self.parts}

    def _layouts(self) -> dict[str, Layout]:
        there, zone = self._pods(), zone_of(self.client)
        return {part.title: layout(part, there, zone, self.zones) for part in self.parts}

    def _nodes_of(self, zone: str) -> list[str]:
        return [name for name, where in zone_of(self.client).items() if where == zone]

    def _watch(self) -> Watch:
        return Watch(self.client, self.namespace, self.parts)

    def _await(
        self,
        expected: Mapping[str, Iterable[int]],
        told: Callable[[], Mapping[str, int]],
        seconds: float = EXPECTED_SECONDS,
    ) -> Mapping[str, int]:
        """What is told once it is as expected and stays so, or what there is instead when the time is over."""
        deadline, since = time.monotonic() + seconds, time.monotonic()
        while True:
            found, now = told(), time.monotonic()
            if not all(found[title] in numbers for title, numbers in expected.items()):
                since = now
            if now - since >= HOLD_SECONDS or now > deadline + HOLD_SECONDS:
                return found
            time.sleep(POLL_SECONDS)

    # What is done

    def _silence(self, zone: str, lost: Sequence[str], watch: Watch) -> None:
        watch.mark(f"the nodes of {zone} fall silent")
        for node in lost:
            faults.power_off(self.client, node)
        eventually(lambda: not any(map(healthy, self._on(lost))), f"the pods of {zone} are not ready", NOTICE_SECONDS)
        watch.mark("its pods are not ready")

    def _give_up(self, zone: str, lost: Sequence[str], watch: Watch) -> None:
        watch.mark("its nodes are given up")
        for node in lost:
            faults.give_up(self.client, node)
        eventually(lambda: not self._on(lost), f"the pods of {zone} are gone", NOTICE_SECONDS)
        watch.mark("its pods are gone")

    def _evict_one(self, part: Part, lost: Sequence[str]) -> int:
        """The first pod of other nodes that the budgets give up; how many that are."""
        for pod in part.all(self._pods()):
            if pod["spec"].get("nodeName") not in lost and healthy(pod) and faults.evict(self.client, pod):
                return 1
        return 0

    def _empty(self, names: Sequence[str]) -> int:
        """Cordons nodes and evicts what is on them, again and again until all is gone; how often that was denied."""
        for node in names:
            faults.cordon(self.client, node)
        denied, deadline = 0, time.monotonic() + SETTLE_SECONDS
        while left := [pod for pod in self._on(names) if not pod["metadata"].get("deletionTimestamp")]:
            denied += sum(not faults.evict(self.client, pod) for pod in left)
            if time.monotonic() > deadline:
                raise RehearsalError(
                    f"the drain of {', '.join(names)} does not end: {left[0]['metadata']['name']} stays"
                )
            time.sleep(POLL_SECONDS)
        eventually(lambda: not self._on(names), f"the pods of {', '.join(names)} have ended", SETTLE_SECONDS)
        return denied

    def _mend(self) -> None:
        """The nodes that the region should have, open to pods, and everything on them."""
        nodes.furnish(self.client, self.region, self.groups)
        nodes.await_ready(self.client, self.region)
        self.settle()

    def mend(self) -> None:
        """After a drill that was broken off: whatever it may have left is taken back."""
        self._forget_usage()
        wanted = {name for group in self.groups for _, name in group.nodes()}
        for node in self.client.list("v1", "Node"):
            name, taints = node["metadata"]["name"], node["spec"].get("taints") or []
            if name not in wanted:
                continue
            if faults.OUT_OF_SERVICE["key"] in {taint["key"] for taint in taints} or not nodes.is_ready(node):
                self.client.delete("v1", "Node", name)
            elif node["spec"].get("unschedulable"):
                faults.cordon(self.client, name, on=False)
        self._mend()

    @contextmanager
    def _hasty(self, scalers: Sequence[Manifest]) -> Generator[None]:
        """Autoscalers go up and down at once, until the block ends."""
        for scaler in scalers:
            self._behave(scaler, {"scaleUp": AT_ONCE, "scaleDown": AT_ONCE})
        try:
            yield
        finally:
            for scaler in scalers:
                self._behave(scaler, scaler["spec"].get("behavior"))

    def _behave(self, scaler: Manifest, how: Manifest | None) -> None:
        name, patch = scaler["metadata"]["name"], {"spec": {"behavior": how}}
        self.client.patch("autoscaling/v2", "HorizontalPodAutoscaler", name, patch, self.namespace)

    @contextmanager
    def _used(self, cpu: str, scaled: Iterable[Part]) -> Generator[None]:
        """Has the metrics stand-in say that these pods use so much, until the block ends."""
        rules = [
            {"namespace": self.namespace, "selector": dict(labels), "cpu": cpu}
            for part in scaled
            for labels in part.labels
        ]
        metadata = {"name": CONFIG_MAP, "namespace": CONFIG_NAMESPACE}
        data = {CONFIG_KEY: json.dumps(rules)}
        self.client.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}, "rehearsal-drill"
        )
        try:
            yield
        finally:
            self._forget_usage()

    def _forget_usage(self) -> None:
        self.client.delete("v1", "ConfigMap", CONFIG_MAP, CONFIG_NAMESPACE)


def _done(case: str, began: float, rows: Sequence[Row], watch: Watch, zone: str = "") -> Outcome:
    return Outcome(case, time.monotonic() - began, tuple(rows), tuple(watch.events), zone)


def _differences(wanted: Mapping[str, int], found: Mapping[str, int]) -> str:
    return ", ".join(
        f"{found[title]} of {number} of {title}" for title, number in wanted.items() if found[title] != number
    )
