"""Pods that end after nobody is led to them any more: what a Service leads to waits before it stops."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, at, labels_at, list_at, number_at, object_at, text_at
from policies.checks.services import Index, declared, listens, reachable
from policies.checks.templates import pod
from policies.checks.tokens import DEPLOYMENT, SERVICE, STATEFUL_SET
from policies.checks.whole import Whole, each

GRACE: Final = 30
"""Seconds from the start of a termination to SIGKILL where nothing is stated: Kubernetes' default."""


def graceful(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A pod's end and its removal from every node's list of endpoints begin together: for some seconds new calls come
    to a process that has stopped (kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle: pod termination).

    Not of headless Services, whose clients know each pod, and not of pods that an operator makes.
    """
    del limits
    there, led_to = Index(), dict[str, list[Plain]]()

    def known(resource: Resource) -> Iterator[str]:
        there.add(reachable(resource))
        yield from ()

    def leading(service: Resource) -> Iterator[str]:
        spec = object_at(service.inputs, "spec")
        labels = labels_at(spec, "selector")
        if labels and text_at(spec, "clusterIP") != "None":
            for it in there.selected(metadata.namespace(service), labels):
                led_to.setdefault(it.resource.urn, []).extend(list_at(spec, "ports"))
        yield from ()

    workloads = whole.of(DEPLOYMENT, STATEFUL_SET)
    yield from each(workloads, known)
    yield from each(whole.of(SERVICE) if workloads else (), leading)
    yield from each(
        [it for it in workloads if it.urn in led_to], lambda resource: _stops(resource, led_to[resource.urn])
    )


def _stops(resource: Resource, ports: Sequence[Plain]) -> Iterator[str]:
    spec = pod(resource)
    stated = number_at(spec, "terminationGracePeriodSeconds")
    grace = GRACE if stated is None else stated
    for container in list_at(spec, "containers"):
        own = tuple(declared([container]))
        if not any(listens(port, own) for port in ports):
            continue
        name, hook = text_at(container, "name"), at(container, "lifecycle", "preStop")
        if hook is None:
            yield f"container {name} stops while a Service still leads to it: lifecycle.preStop has to wait for that"
        elif _seconds(hook) >= grace:
            yield f"container {name} is killed before lifecycle.preStop ends: raise terminationGracePeriodSeconds"


def written(resource: Resource, limits: Limits) -> Iterator[str]:
    """A store writes what it holds when it ends; one that is killed before it has reads it back from its log."""
    del limits
    claims = list_at(resource.inputs, "spec", "volumeClaimTemplates")
    if claims and at(pod(resource), "terminationGracePeriodSeconds") is None:
        yield f"is killed after {GRACE} s, Kubernetes' own choice, whatever it has not written yet"


def _seconds(hook: Plain) -> int:
    """How long a hook sleeps, as far as it says: another command is taken to know when to end."""
    command = list_at(hook, "exec", "command")
    if len(command) == 2 and command[0] == "sleep" and str(command[1]).isdecimal():
        return int(command[1])
    return number_at(hook, "sleep", "seconds") or 0
