"""Names that must not meet: memory namespaces, zones of the cluster, Kubernetes namespaces, dashboards."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.rules.rule import Check, place, repeated, rule


@rule("memory.namespaces")
def namespaces_are_distinct(draft: Draft) -> Iterator[Finding]:
    for index, first in repeated(draft.settings.memory.namespaces):
        yield draft.finding(
            place(f"memory.namespaces[{index}]"), f"named already at namespaces[{first}]: name each namespace once"
        )


@rule("kubernetes.zones", "high_availability.zones")
def zones_of_the_cluster_are_distinct(draft: Draft) -> Iterator[Finding]:
    zones, kubernetes = draft.settings.high_availability.zones, draft.settings.kubernetes
    for zone in kubernetes.zones:
        if zone not in zones:
            yield draft.finding(
                ("kubernetes", "zones", zone),
                f"no zone of high_availability.zones ({', '.join(zones)}): name one of them",
            )
    distinct = tuple(dict.fromkeys(zones))
    for index, first in repeated(kubernetes.zone_value(zone) for zone in distinct):
        at = distinct[index] if distinct[index] in kubernetes.zones else distinct[first]
        other = distinct[first] if at == distinct[index] else distinct[index]
        yield draft.finding(
            ("kubernetes", "zones", at), f"{other} maps to this as well: each zone needs one of its own"
        )


@rule(
    "kubernetes.namespace",
    "kubernetes.ingress_namespace",
    "kubernetes.cnpg_namespace",
    "kubernetes.monitoring_namespace",
)
def our_namespace_is_ours(draft: Draft) -> Iterator[Finding]:
    kubernetes = draft.settings.kubernetes
    for key in ("ingress_namespace", "cnpg_namespace", "monitoring_namespace"):
        if getattr(kubernetes, key) == kubernetes.namespace:
            yield draft.finding(
                place("kubernetes.namespace"),
                f"is kubernetes.{key} too, whose pods its restrictions would stop: choose another one",
            )


@rule("grafana.dashboards")
def dashboards_are_distinct(draft: Draft) -> Iterator[Finding]:
    for index, first in repeated(draft.settings.grafana.dashboards):
        yield draft.finding(
            place(f"grafana.dashboards[{index}]"), f"named already at dashboards[{first}]: name each dashboard once"
        )


RULES: tuple[Check, ...] = (
    namespaces_are_distinct,
    zones_of_the_cluster_are_distinct,
    our_namespace_is_ours,
    dashboards_are_distinct,
)
