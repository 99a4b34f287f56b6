"""What probes ask and how long they wait: a pod leaves its Services before it is killed, and is given time to start."""

from collections.abc import Iterator, Mapping

from policies.checks.model import Limits, Resource
from policies.checks.plain import Plain, at, list_at, number_at, text_at
from policies.checks.templates import containers, stays
from policies.checks.tokens import DAEMON_SET, DEPLOYMENT, STATEFUL_SET

LASTING = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
WAYS = ("httpGet", "tcpSocket", "exec", "grpc")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def apart(resource: Resource, limits: Limits) -> Iterator[str]:
    """Where readiness and liveness ask the same, being killed comes after being left out: a pod that is slow for once
    is spared calls, and not ended in the middle of them.
    """
    del limits
    for name, container in containers(resource):
        ready, alive = at(container, "readinessProbe"), at(container, "livenessProbe")
        if ready is None or alive is None or _asked(ready) != _asked(alive):
            continue
        if _patience(alive) <= _patience(ready):
            yield (
                f"container {name} is asked the same for readiness and for liveness, and is killed as soon as its "
                "Services leave it out: raise periodSeconds or failureThreshold of its livenessProbe"
            )


def _asked(probe: Plain) -> Mapping[str, Plain]:
    return {way: at(probe, way) for way in WAYS}


def _patience(probe: Plain) -> int:
    """Seconds of failures until something is done; Kubernetes' defaults where nothing is stated."""
    period, failures = number_at(probe, "periodSeconds"), number_at(probe, "failureThreshold")
    return (10 if period is None else period) * (3 if failures is None else failures)


def ports(resource: Resource, limits: Limits) -> Iterator[str]:
    """A probe of a port that nothing listens at never succeeds: the rollout stops, or the pod is killed for ever.

    The kubelet looks a name up among the container's own ports; by number it reaches those of the whole pod.
    """
    del limits
    found = list(containers(resource))
    numbers = {number_at(port, "containerPort") for _, one in found for port in list_at(one, "ports")}
    for name, container in found:
        own = {text_at(port, "name") for port in list_at(container, "ports")}
        for probe in _PROBES:
            for port in _asked_ports(at(container, probe)):
                if port not in (own if isinstance(port, str) else numbers):
                    yield f"{probe} of container {name} asks a port that is not declared"


def _asked_ports(probe: Plain) -> Iterator[str | int | None]:
    for way in ("httpGet", "tcpSocket", "grpc"):
        asked = at(probe, way)
        if asked and at(asked, "host") is None:  # another host has ports of its own
            port = at(asked, "port")
            yield port if isinstance(port, str) and not port.isdecimal() else _number(asked, port)


def _number(asked: Plain, port: Plain) -> int | None:
    return int(port) if isinstance(port, str) else number_at(asked, "port")


def startup(resource: Resource, limits: Limits) -> Iterator[str]:
    """A store reads what it holds before it answers, after a crash the longest: liveness alone kills it in a loop.

    Of a sidecar the startup probe is what those after it wait for; without one they start, and call it, before it
    answers (kubernetes.io/docs/concepts/workloads/pods/sidecar-containers).
    """
    del limits
    held = {text_at(claim, "metadata", "name") for claim in list_at(resource.inputs, "spec", "volumeClaimTemplates")}
    for name, container in containers(resource):
        if at(container, "startupProbe") is not None:
            continue
        mounted = {text_at(mount, "name") for mount in list_at(container, "volumeMounts")}
        if mounted & held and at(container, "livenessProbe") is not None:
            yield f"container {name} loads what its volumes hold and has no startupProbe: it is killed while it loads"
        if stays(container) and at(container, "readinessProbe") is not None:
            yield f"sidecar {name} has no startupProbe: the containers after it call it before it answers"
