"""All drills of one region, one after the other."""

from rehearsal import binaries, minimums, nodes, paths, pods, processes
from rehearsal.controlplane import NODES_PER_ZONE, ControlPlane
from rehearsal.drills.cases import Drill
from rehearsal.drills.parts import parts
from rehearsal.drills.report import Outcome
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from settings import Settings


def drill(region: str, settings: Settings, progress: Progress) -> tuple[Outcome, ...]:
    """Every drill. The region must be up with all its pods ready, and is left so."""
    with processes.exclusive(paths.home()):
        plane = ControlPlane(region, nodes.groups(settings, NODES_PER_ZONE))
        if not plane.alive():
            raise RehearsalError(f"{region} is not up: run `make up` first")
        drill = _prepared(region, settings, plane)
        with plane.hurried(binaries.ensure(progress)):
            return _drilled(drill, progress)


def _prepared(region: str, settings: Settings, plane: ControlPlane) -> Drill:
    client, namespace = plane.admin(), settings.kubernetes.namespace
    lagging = pods.lagging(client, namespace)
    if lagging:
        raise RehearsalError(f"{region}: not every pod is ready: {'; '.join(lagging)}: run `make up` first")
    zones = minimums.zones(settings)
    groups = nodes.groups(settings, NODES_PER_ZONE)
    return Drill(client, region, namespace, zones, groups, parts(client, namespace, zones))


def _drilled(drill: Drill, progress: Progress) -> tuple[Outcome, ...]:
    names = [name for group in drill.groups for _, name in group.nodes()]
    steps = [
        *((f"lose {zone}", lambda zone=zone: drill.lose_zone(zone)) for zone in drill.zones),
        *((f"evict, lose {zone}", lambda zone=zone: drill.evict_and_lose(zone)) for zone in drill.zones),
        *((f"drain {node}", lambda node=node: drill.drain(node)) for node in names),
        ("roll every workload", drill.roll),
        ("one node less a zone", drill.fewer_nodes),
        ("load comes and goes", drill.load),
    ]
    outcomes: list[Outcome] = []
    try:
        for words, step in steps:
            with progress.step(words):
                outcomes.append(step())
    except BaseException:
        drill.mend()
        raise
    return tuple(outcomes)
