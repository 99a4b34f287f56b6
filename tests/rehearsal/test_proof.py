"""The proof of a zone's loss against the real scheduler and controllers: workloads drawn at random, one zone lost.

Each stands in a namespace of its own on one control plane; all lose the same zone at once: first while a pod of each
was just evicted elsewhere and finds no place, then, after it was back, for good.
"""

import io
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from policies.checks.placement import Ground as Zones
from policies.checks.placement import placed
from policies.checks.proof import Case, Layout, Proof, prove
from rehearsal import nodes
from rehearsal.binaries import Binaries
from rehearsal.controlplane import ControlPlane
from rehearsal.drills import faults
from rehearsal.drills.parts import Part, budgets, evictable, healthy, layout, parts
from rehearsal.kube import Client, KubeError, Manifest
from rehearsal.pods import zone_of
from rehearsal.progress import Progress
from rehearsal.standins import launch
from tests.rehearsal.variants import ZONES, Variant, variants

NUMBER, SEED = 200, 20261129
NODES_PER_ZONE = 5
"""110 pods each: those of two zones carry all variants."""
LOST = "zone-b"
SECONDS = 240.0
HOLD_SECONDS = 3.0


@dataclass(frozen=True)
class Told:
    """What the API server says of one variant."""

    layout: Layout
    healthy: int
    evictable: int


class Ground:
    """All variants on one control plane."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.variants = list(variants(NUMBER, SEED))
        self.parts: dict[str, Part] = {}

    def make(self) -> None:
        for variant in self.variants:
            name = {"name": variant.namespace}
            self.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": name})
        for variant in self.variants:
            for manifest in variant.manifests:
                self.client.create(manifest)
        self.parts = {variant.namespace: self._part(variant) for variant in self.variants}

    def _part(self, variant: Variant) -> Part:
        (part,) = parts(self.client, variant.namespace, ZONES)
        return part

    def told(self) -> dict[str, Told]:
        pods = _by_namespace(self.client.list("v1", "Pod"))
        guards = _by_namespace(budgets(self.client))
        zones = zone_of(self.client)
        return {
            namespace: Told(
                layout(part, pods[namespace], zones, ZONES),
                sum(map(healthy, pods[namespace])),
                evictable(part, guards[namespace], pods[namespace]),
            )
            for namespace, part in self.parts.items()
        }

    @property
    def lost(self) -> list[str]:
        """The nodes of the zone that is lost."""
        return [node for node, zone in zone_of(self.client).items() if zone == LOST]

    def close(self, *, on: bool = True) -> None:
        for node in zone_of(self.client):
            faults.cordon(self.client, node, on=on)

    def evict_one_of_each(self) -> dict[str, int]:
        """Asks for the eviction of a healthy pod of each that is not in the zone to be lost. The zones, by index, of
        those that the budgets gave up."""
        zones, evicted = zone_of(self.client), dict[str, int]()
        for namespace, pods in _by_namespace(self.client.list("v1", "Pod")).items():
            asked = ((pod, zones.get(pod["spec"].get("nodeName", ""), LOST)) for pod in pods if healthy(pod))
            pod, zone = next(((pod, zone) for pod, zone in asked if zone != LOST), (None, LOST))
            if pod is not None and _evicted(self.client, pod):
                evicted[namespace] = ZONES.index(zone)
        return evicted

    def settled(
        self,
        holds: Callable[[Mapping[str, int]], bool],
        agrees: Callable[[Mapping[str, Told]], bool] = lambda _: True,
    ) -> dict[str, Told]:
        """What is told once the number of healthy pods of each is right and stays so, and budgets have counted them; or
        when the time is over."""
        deadline, since = time.monotonic() + SECONDS, time.monotonic()
        while True:
            numbers: defaultdict[str, int] = defaultdict(int)
            for pod in self.client.list("v1", "Pod"):
                numbers[pod["metadata"]["namespace"]] += healthy(pod)
            if not holds(numbers):
                since = time.monotonic()
            if time.monotonic() - since > HOLD_SECONDS or time.monotonic() > deadline:
                found = self.told()
                if agrees(found) or time.monotonic() > deadline:
                    return found
            time.sleep(0.5)


def _evicted(client: Client, pod: Manifest) -> bool:
    try:
        return faults.evict(client, pod)
    except KubeError as refused:
        if "more than one PodDisruptionBudget" not in str(refused):
            raise
        return False


def _by_namespace(found: Iterable[Manifest]) -> Mapping[str, list[Manifest]]:
    sorted_out: defaultdict[str, list[Manifest]] = defaultdict(list)
    for one in found:
        sorted_out[one["metadata"]["namespace"]].append(one)
    return sorted_out


@pytest.fixture(scope="module")
def ground(tools: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    home = tmp_path_factory.mktemp("variants")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMA_REHEARSAL_HOME", str(home))
        plane = ControlPlane("variants", (nodes.Group(ZONES, NODES_PER_ZONE),))
    try:
        plane.start(tools, Progress(io.StringIO()))
        launch.start(plane.kubeconfig, home / "variants", Progress(io.StringIO()))
        with plane.hurried(tools):
            made = Ground(plane.admin())
            made.make()
            yield made
    finally:
        launch.stop(home / "variants")
        plane.stop()


@pytest.mark.timeout(900)
def test_the_scheduler_and_the_proof_agree_on_every_variant(ground: Ground, figure: Callable[[str], None]) -> None:
    proofs = {name: prove(part.component, ZONES) for name, part in ground.parts.items()}
    wanted = {name: {sum(map(sum, each)) for each in proof.layouts} for name, proof in proofs.items()}
    before = ground.settled(
        lambda found: all(found[name] in numbers for name, numbers in wanted.items()),
        lambda told: all(
            told[name].evictable == proof.component.evictable(told[name].healthy) for name, proof in proofs.items()
        ),
    )
    wrong = [
        f"{name}: placed as {before[name].layout}, the proof knows {sorted(proof.layouts)}"
        for name, proof in proofs.items()
        if before[name].layout not in proof.layouts
    ]
    assert not wrong, "\n".join(wrong)

    # zones close and open one after the other: what had found no place may find one among those that count then
    ground.close()
    closed = _cases(proofs, ground.settled(lambda found: all(found[name] >= before[name].healthy for name in proofs)))
    cases = _cases(proofs, _evicted_then_lost(ground, closed))
    _lost_for_good(ground, cases)
    evicted = list(closed.values())

    serving = sum(case.serves for case in cases.values())
    figure(
        f"proof: {len(cases)} variants agree with the scheduler, {serving} of them serve without {LOST}, "
        f"{sum(case.serves_after_eviction for case in evicted)} of them after an eviction"
    )
    # the draw must hold both answers, or agreement proves little
    for answers in (
        {case.serves for case in cases.values()},
        {case.guarded for case in cases.values()},
        {case.back(tainted=True) == case.back(tainted=False) for case in cases.values()},
        {max(case.back(tainted=False)) == case.placed for case in cases.values()},
        {case.serves_after_eviction for case in evicted},
        {case.serves and not case.serves_after_eviction for case in evicted},
        {case.evicted == 1 for case in evicted},
    ):
        assert answers == {True, False}


def _cases(proofs: Mapping[str, Proof], told: Mapping[str, Told]) -> dict[str, Case]:
    return {name: Case(proof.component, told[name].layout, ZONES.index(LOST)) for name, proof in proofs.items()}


def _evicted_then_lost(ground: Ground, cases: Mapping[str, Case]) -> Mapping[str, Told]:
    """The zone falls silent while what was evicted finds no place, as no node is open; then it is heard again. What is
    told at the end."""
    lost = ground.lost
    evicted = ground.evict_one_of_each()
    for node in lost:
        faults.power_off(ground.client, node)
    left = ground.settled(lambda found: all(found[name] == case.left_after_eviction for name, case in cases.items()))
    for node in lost:
        faults.power_on(ground.client, node)
    nodes.await_ready(ground.client, "variants")
    ground.close(on=False)
    back = ground.settled(
        lambda found: all(found[name] >= case.placed for name, case in cases.items()),
        lambda told: all(_is_full(case, told[name].layout) for name, case in cases.items()),
    )

    told: list[str] = []
    for name, case in cases.items():
        if int(name in evicted) != case.evicted:
            told.append(f"{name}: {int(name in evicted)} pods evicted, the proof says {case.evicted}")
        if left[name].healthy != case.left_after_eviction:
            told.append(f"{name}: {left[name].healthy} pods after both, the proof says {case.left_after_eviction}")
        if not _is_full(case, back[name].layout):
            told.append(f"{name}: {back[name].layout} after {case.layout}, the proof has room for more")
    assert not told, "\n".join(told)
    return back


def _is_full(case: Case, layout: Layout) -> bool:
    """Whether the scheduler has placed what it can. Pods with volumes may wait for a place in their own zone."""
    ((pods,), (there,)) = (case.component.pods, layout)
    return pods.bound or placed(pods, there, Zones(frozenset(range(len(ZONES))))) == frozenset({there})


def _lost_for_good(ground: Ground, cases: Mapping[str, Case]) -> None:
    """The zone falls silent, is given up, and gone."""
    lost = ground.lost
    for node in lost:
        faults.power_off(ground.client, node)
    without = ground.settled(
        lambda found: all(found[name] == case.left for name, case in cases.items()),
        lambda told: all(told[name].evictable in case.evictable for name, case in cases.items()),
    )
    for node in lost:
        faults.give_up(ground.client, node)
    tainted = ground.settled(_within(cases, tainted=True))
    for node in lost:
        ground.client.delete("v1", "Node", node)
    gone = ground.settled(_within(cases, tainted=False))
    told = [words for name, case in cases.items() for words in _differs(case, without[name], tainted[name], gone[name])]
    assert not told, "\n".join(told)


def _within(cases: Mapping[str, Case], *, tainted: bool) -> Callable[[Mapping[str, int]], bool]:
    back = {name: case.back(tainted=tainted) for name, case in cases.items()}
    return lambda found: all(found[name] in numbers for name, numbers in back.items())


def _differs(case: Case, without: Told, tainted: Told, gone: Told) -> Iterator[str]:
    name = case.component.namespace
    if without.healthy != case.left:
        yield f"{name}: {without.healthy} pods went on, the proof says {case.left} of {case.layout}"
    if without.evictable not in case.evictable:
        yield f"{name}: {without.evictable} evictions, the proof says {list(case.evictable)}"
    for what, found, expected in (
        ("tainted", tainted, case.back(tainted=True)),
        ("gone", gone, case.back(tainted=False)),
    ):
        if found.healthy not in expected:
            yield f"{name}: {found.healthy} pods with the nodes {what}, the proof says {sorted(expected)}"
