"""Probes: Kubernetes can tell a pod that works from one that only runs."""

from collections.abc import Iterator

from policies.checks.model import Container, Item, Kind, Minimums, Role, Violation, Workload

_PROBED = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)
"""Not the Pooler, whose operator adds them, and not Jobs, which end."""


def present(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """Readiness and liveness of every container that stays; of a sidecar where it serves, that is, declares a port."""
    del minimums
    if not isinstance(item, Workload) or item.kind not in _PROBED:
        return
    for container in item.containers:
        for fault in _faults(container):
            yield Violation(item.urn, f"{item.title}: {container.role.value} {container.name} {fault}")


def _faults(container: Container) -> Iterator[str]:
    if container.role is Role.INIT or (container.role is Role.SIDECAR and not container.serves):
        return
    probes = {"readiness": container.readiness, "liveness": container.liveness}
    missing = [name for name, ways in probes.items() if ways is None]
    if missing:
        yield f"has no {' and no '.join(missing)} probe"
    for name, ways in probes.items():
        if ways == 0:
            yield f"has a {name} probe that asks nothing"
        elif ways is not None and ways > 1:
            yield f"has a {name} probe that asks in {ways} ways, of which only one may be"
