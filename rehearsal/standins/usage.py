"""How much CPU and memory a simulated pod uses: a share of its requests, or what a rule says.

Rules are a JSON list; the first one that fits a pod counts:
`[{"namespace": "somafractalmemory", "selector": {"app.kubernetes.io/name": "memory-service"}, "cpu": "900m"}]`
`selector` holds labels that the pod must have, `namespace` may be left out. `cpu` and `memory` are the use of one whole
pod, a Kubernetes quantity or a percentage of its requests ("80%"); what is left out stays at the default share. All of
it is put down to one container: `container`, or the pod's first. Rules come from the ConfigMap `rehearsal-usage` in
kube-system (key `rules.json`) and, before those, from the file `usage.json` in the state directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from rehearsal.kube import Manifest

CONFIG_MAP, CONFIG_NAMESPACE, CONFIG_KEY = "rehearsal-usage", "kube-system", "rules.json"
STATE_FILE = "usage.json"

SHARE = {"cpu": Decimal("0.05"), "memory": Decimal("0.5")}
"""Of the requests: little CPU so that no autoscaler moves (5 % of 8 cores are 400m, below the target of 700m)."""
WITHOUT_REQUESTS = {"cpu": Decimal("0.01"), "memory": Decimal(32 * 1024**2)}

SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


class RulesError(ValueError):
    """The rules are not what the module's docstring says."""


def quantity(text: str) -> Decimal:
    """The value of a Kubernetes quantity, in cores or bytes."""
    digits = text.rstrip("numkKMGTPEi")
    try:
        return Decimal(digits) * SUFFIXES[text[len(digits) :]]
    except (InvalidOperation, KeyError):
        raise RulesError(f"{text!r} is no Kubernetes quantity") from None


@dataclass(frozen=True)
class Rule:
    """What the pods with certain labels use."""

    selector: Mapping[str, str]
    namespace: str | None = None
    container: str | None = None
    cpu: str | None = None
    memory: str | None = None

    def fits(self, pod: Manifest) -> bool:
        """Whether the rule is about this pod."""
        metadata = pod["metadata"]
        labels: dict[str, str] = metadata.get("labels") or {}
        here = self.namespace in (None, metadata["namespace"])
        return here and all(labels.get(key) == value for key, value in self.selector.items())


def rules(text: str) -> tuple[Rule, ...]:
    """Reads rules; RulesError says what is wrong with them."""
    try:
        entries = json.loads(text)
        read = tuple(Rule(**cast(dict[str, Any], entry)) for entry in entries)
    except (ValueError, TypeError) as error:
        raise RulesError(f"not a JSON list of rules: {error}") from None
    for rule in read:
        for amount in (rule.cpu, rule.memory):
            quantity((amount or "0").removesuffix("%"))
    return read


def of_pod(pod: Manifest, given: tuple[Rule, ...]) -> dict[str, dict[str, Decimal]]:
    """Use by container, then by resource (`cpu` in cores, `memory` in bytes)."""
    containers = running_containers(pod)
    use = {container["name"]: _default(container) for container in containers}
    rule = next((rule for rule in given if rule.fits(pod)), None)
    if rule is None or not use:
        return use
    chosen = rule.container if rule.container in use else containers[0]["name"]
    for resource, amount in (("cpu", rule.cpu), ("memory", rule.memory)):
        if amount is None:
            continue
        total = sum((_request(container, resource) or Decimal(0) for container in containers), Decimal(0))
        value = quantity(amount[:-1]) / 100 * total if amount.endswith("%") else quantity(amount)
        for name in use:
            use[name][resource] = value if name == chosen else Decimal(0)
    return use


def running_containers(pod: Manifest) -> list[Manifest]:
    """The containers that run beside each other: those of the pod and its native sidecars."""
    spec = pod["spec"]
    sidecars = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    return [*spec["containers"], *sidecars]


def _request(container: Manifest, resource: str) -> Decimal | None:
    text = ((container.get("resources") or {}).get("requests") or {}).get(resource)
    return quantity(str(text)) if text is not None else None


def _default(container: Manifest) -> dict[str, Decimal]:
    def amount(resource: str) -> Decimal:
        request = _request(container, resource)
        return WITHOUT_REQUESTS[resource] if request is None else request * SHARE[resource]

    return {resource: amount(resource) for resource in SHARE}
