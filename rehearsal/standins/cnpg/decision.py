"""Decides what to do with the instances of a Cluster: which to make, replace or remove, and which is primary.

Pure: what is seen goes in, what to do comes out. The order of the rules is that of the operator
(internal/controller/replicas.go and cluster_upgrade.go, v1.30.0): first a primary that works, then the number of
instances, then changed specs, and each only when the one before has nothing left to do.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from rehearsal.standins.cnpg import names

POLL = 1.0
"""Seconds between two looks while servers change their roles."""
STARTING = ("", names.PHASE_FIRST_PRIMARY, names.PHASE_CANNOT_CREATE)
"""Phases of a Cluster in which no instance has been ready yet."""


@dataclass(frozen=True)
class Report:
    """What a real instance says of itself."""

    primary: bool
    """It takes writes."""
    receiving: bool
    """WAL comes in from a primary."""
    lsn: int
    """How far the WAL reaches that it has received, or written as the primary."""
    replayed: int = 0
    """How far it has replayed that."""
    timeline: int = 1


@dataclass(frozen=True)
class Instance:
    """One instance as it is now."""

    serial: int
    name: str
    has_pod: bool = True
    """Its pod exists and is not being deleted."""
    gone: bool = False
    """No pod of its name exists, not even one that is being deleted."""
    ready: bool = True
    """Its pod is ready and is not being deleted."""
    outdated: bool = False
    """Its pod was made from another spec."""
    leaving: bool = False
    """Its node is cordoned."""
    full: bool = False
    """Its container has ended because its volume for WAL is full."""
    report: Report | None = None
    """With real servers: None while it does not answer."""


@dataclass(frozen=True)
class Wanted:
    """What the Cluster asks for."""

    cluster: str
    instances: int
    failover_delay: float = 0.0
    """Seconds that a primary may fail before another takes over."""
    in_place: bool = True
    """`primaryUpdateMethod: restart`, the operator's default; else switchover."""
    supervised: bool = False
    """`primaryUpdateStrategy: supervised`: the user moves the primary."""
    real: bool = False
    """The instances run servers, which report."""
    quorum: int = 0
    """`failoverQuorum`: standbys that confirm a commit; 0: not asked."""


@dataclass(frozen=True)
class Held:
    """What the status remembers."""

    primary: str = ""
    failing_since: datetime | None = None
    phase: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do now, and what the status says meanwhile."""

    primary: str
    phase: str
    reason: str = ""
    failing_since: datetime | None = None
    make: tuple[int, ...] = ()
    """Serials whose claims and pod are to be made (again)."""
    replace: tuple[str, ...] = ()
    """Pods to delete; they are made again from the present spec."""
    remove: tuple[str, ...] = ()
    """Instances to delete with their claims."""
    look_again: float | None = None
    """Seconds until something is due that no change announces."""
    pending: bool = False
    """Nobody is to be primary now: the one that was has to stop before another may take over."""


def decide(wanted: Wanted, instances: tuple[Instance, ...], held: Held, now: datetime) -> Decision:
    """The next step for a Cluster."""
    primary = held.primary or _first(wanted, instances)
    full = [instance.name for instance in instances if instance.full]
    if full:  # before anything else: no failover, for somebody has to enlarge the volume (ensureNoFailoverOnFullDisk)
        reason = f"Insufficient disk space for WAL in {', '.join(full)}"
        return Decision(primary, names.PHASE_DISK_FULL, reason, look_again=POLL)
    current = _named(instances, primary)
    ready = [instance for instance in instances if instance.ready]
    if not ready and held.phase in STARTING:
        reason = f"Creating primary instance {primary}"
        return Decision(primary, names.PHASE_FIRST_PRIMARY, reason, make=_gone(instances))
    if current is None or not current.ready:
        return _without_primary(wanted, instances, held, now)
    if wanted.real and current.report is None:
        return Decision(
            primary, names.PHASE_WAITING, f"Primary {primary} is ready but does not answer", look_again=POLL
        )
    if current.report and not current.report.primary:
        return Decision(primary, names.PHASE_FAILOVER, f"Waiting for {primary} to be the primary", look_again=POLL)
    if current.leaving and (moved := _off_a_cordoned_node(wanted, instances, current)):
        return moved
    return (
        _number(wanted, instances, current) or _changes(wanted, instances, current) or _settled(wanted, ready, current)
    )


def _first(wanted: Wanted, instances: tuple[Instance, ...]) -> str:
    return instances[0].name if instances else f"{wanted.cluster}-1"


def _named(instances: tuple[Instance, ...], name: str) -> Instance | None:
    return next((instance for instance in instances if instance.name == name), None)


def _gone(instances: tuple[Instance, ...]) -> tuple[int, ...]:
    """Serials whose pod is to be made again; the very first one when there are no instances yet."""
    return tuple(instance.serial for instance in instances if instance.gone) if instances else (1,)


def _without_primary(wanted: Wanted, instances: tuple[Instance, ...], held: Held, now: datetime) -> Decision:
    """The primary fails: after the delay another takes over, of simulated ones that with the lowest number."""
    if held.phase == names.PHASE_IN_PLACE:  # the operator itself restarts it: no failover
        return Decision(held.primary, names.PHASE_IN_PLACE, f"Restarting {held.primary}", make=_gone(instances))
    since = held.failing_since or now
    left = wanted.failover_delay - (now - since).total_seconds()
    heirs = [instance for instance in instances if instance.ready and instance.name != held.primary]
    heirs.sort(key=lambda instance: instance.leaving)  # stable: the lowest number of those that stay
    again = _gone(instances)
    if heirs and left <= 0 and wanted.real:
        return _election(wanted, heirs, replace(held, failing_since=since), again)
    if heirs and left <= 0:
        reason = f"Failing over from {held.primary} to {heirs[0].name}"
        return Decision(heirs[0].name, names.PHASE_FAILOVER, reason, make=again)
    wait = left if heirs else None
    reason = f"Primary {held.primary} is not ready"
    return Decision(held.primary, names.PHASE_WAITING, reason, failing_since=since, make=again, look_again=wait)


def _election(wanted: Wanted, heirs: list[Instance], held: Held, again: tuple[int, ...]) -> Decision:
    """Of real replicas the one that has received most, once none receives any more, and only if some that answer must
    have every commit: R + W > N (docs/src/failover.md; internal/controller/replicas.go, replicas_quorum.go)."""
    reports = {instance.name: instance.report for instance in heirs if instance.report}
    waiting = Decision(held.primary, names.PHASE_WAITING, failing_since=held.failing_since, make=again, look_again=POLL)
    others = wanted.instances - 1
    if not reports or (wanted.quorum and len(reports) + wanted.quorum <= others):
        reason = (
            f"Primary {held.primary} is not ready; {len(reports)} of {others} replicas answer: too few to fail over"
        )
        return replace(waiting, reason=reason)
    if any(report.receiving for report in reports.values()):
        reason = f"Failing over from {held.primary}: its replicas still receive"
        return replace(waiting, phase=names.PHASE_FAILOVER, reason=reason, pending=True)
    heir = max((each for each in heirs if each.name in reports), key=lambda each: _advance(each, reports[each.name]))
    return Decision(heir.name, names.PHASE_FAILOVER, f"Failing over from {held.primary} to {heir.name}", make=again)


def _advance(instance: Instance, report: Report) -> tuple[int, int, bool, int]:
    """Order of election (pkg/postgres/status.go, Less): what has been received, then what has been replayed; of equals
    one that stays on its node, and the lowest number decides."""
    return report.lsn, report.replayed, not instance.leaving, -instance.serial


def _heirs(wanted: Wanted, candidates: list[Instance]) -> list[Instance]:
    """Who may take over while the primary lives, the first one first. A real one waits for the end of its stream, so it
    has to have one (internal/controller/replicas.go and cluster_upgrade.go pass over a candidate without)."""
    if not wanted.real:
        return candidates
    streaming = [(each, each.report) for each in candidates if each.report and each.report.receiving]
    return [each for each, _ in sorted(streaming, key=lambda one: _advance(*one), reverse=True)]


def _off_a_cordoned_node(wanted: Wanted, instances: tuple[Instance, ...], current: Instance) -> Decision | None:
    """The primary leaves a cordoned node when every other instance is ready elsewhere, so that a drain can end."""
    others = [instance for instance in instances if instance is not current and instance.ready]
    staying = _heirs(wanted, [instance for instance in others if not instance.leaving])
    if not staying or len(others) < wanted.instances - 1:
        return None
    heir = staying[0].name
    reason = f"Switching over to {heir}, because primary instance was running on unschedulable node"
    return Decision(heir, names.PHASE_SWITCHOVER, reason)


def _number(wanted: Wanted, instances: tuple[Instance, ...], current: Instance) -> Decision | None:
    """As many instances as declared: missing ones are made, those with the highest numbers go, never the primary."""
    free = (serial for serial in range(1, 1000) if serial not in {instance.serial for instance in instances})
    missing = wanted.instances - len(instances)
    again = _gone(instances)
    new = tuple(next(free) for _ in range(missing)) if missing > 0 else ()
    if again or new:
        text = ", ".join(f"{wanted.cluster}-{serial}" for serial in (*again, *new))
        return Decision(current.name, names.PHASE_CREATING_REPLICA, f"Creating replica {text}", make=(*again, *new))
    if missing < 0:
        removable = sorted((instance for instance in instances if instance is not current), key=lambda one: -one.serial)
        leaving = tuple(instance.name for instance in removable[:-missing])
        return Decision(current.name, names.PHASE_WAITING, f"Removing {', '.join(leaving)}", remove=leaving)
    return None


def _changes(wanted: Wanted, instances: tuple[Instance, ...], current: Instance) -> Decision | None:
    """One instance after the other takes the changed spec, each when all are ready; the primary last."""
    outdated = [instance for instance in instances if instance.outdated and instance.has_pod]
    broken = [instance for instance in outdated if not instance.ready]
    if not outdated or (not broken and not all(instance.ready for instance in instances)):
        return None
    replicas = [instance for instance in outdated if instance is not current]
    if replicas:
        chosen = next((instance for instance in broken if instance is not current), replicas[-1])
        return Decision(current.name, names.PHASE_UPGRADE, f"Restarting instance {chosen.name}", replace=(chosen.name,))
    if wanted.supervised:
        return Decision(current.name, names.PHASE_USER, "User must issue a supervised switchover")
    heirs = [instance for instance in instances if instance is not current and not instance.leaving]
    if wanted.in_place or not heirs:
        return Decision(current.name, names.PHASE_IN_PLACE, f"Restarting {current.name}", replace=(current.name,))
    streaming = _heirs(wanted, heirs)
    if not streaming:
        reason = f"Waiting for a replica that streams from {current.name}, to switch over to it"
        return Decision(current.name, names.PHASE_UPGRADE, reason, look_again=POLL)
    heir = streaming[0].name
    return Decision(heir, names.PHASE_SWITCHOVER, f"Switching over to {heir} to restart {current.name}")


def _settled(wanted: Wanted, ready: list[Instance], current: Instance) -> Decision:
    if len(ready) < wanted.instances:
        return Decision(current.name, names.PHASE_WAITING, f"{len(ready)} of {wanted.instances} instances are ready")
    return Decision(current.name, names.PHASE_HEALTHY)
