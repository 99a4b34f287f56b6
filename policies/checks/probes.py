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
        missing = list(_missing(container))
        if missing:
            title = f"{item.title}: {container.role.value} {container.name}"
            yield Violation(item.urn, f"{title} has no {' and no '.join(missing)} probe")


def _missing(container: Container) -> Iterator[str]:
    if container.role is Role.INIT or (container.role is Role.SIDECAR and not container.serves):
        return
    if not container.readiness:
        yield "readiness"
    if not container.liveness:
        yield "liveness"
