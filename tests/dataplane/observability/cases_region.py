"""Cases of zones and nodes, of the links between regions, and of public names."""

from collections.abc import Iterator

from observability.alerts.regions import CERTIFICATE_SECONDS, LINK_SECONDS
from observability.alerts.zones import ALMOST_FULL, CPU_USED
from observability.scope import EDGE, LINK, PUBLIC
from tests.dataplane.observability.cases import (
    EVERY,
    HOUR,
    MINUTE,
    OVER,
    UNDER,
    ZONES,
    Case,
    Pod,
    Series,
    Watched,
    again_and_again,
    fires,
    quiet,
    steady,
)
from tests.dataplane.observability.cases_service import node_cpu

FIVE, SIX = (f"1+0x10 {again_and_again(*(at >= 11 - good for at in range(11)))}" for good in (5, 6))
"""All samples are good, and then so many of the eleven that five minutes hold: the last ones, again and again."""
FIVE_BEGINS = (11 + 5) * EVERY
"""With the sixth that is not."""


def cases(watched: Watched) -> Iterator[Case]:
    """All of them."""
    for component, needed in watched.scope.needed.items():
        yield from _zones(watched, component, needed)
    yield from _job_pods(watched)
    yield from _nodes(watched)
    yield from _volumes(watched)
    if watched.scope.others:
        yield from _links(watched)
    if watched.scope.hosts:
        yield from _names(watched)
    if watched.scope.edge:
        yield from _edge(watched)


def _zones(watched: Watched, component: str, needed: int) -> Iterator[Case]:
    who = {"component": component}

    def spread(first: int, second: int) -> list[Pod]:
        names = [pod.name for pod in watched.component(component, first + second)]
        return [Pod(name, ZONES[number >= first]) for number, name in enumerate(names)]

    alert = "ZoneLossNotSurvived"
    few = watched.ready(spread(needed, needed - 1))
    yield fires(alert, f"too few of {component} outside the fullest zone", few, who)
    yield quiet(alert, f"just enough of {component} outside it", watched.ready(spread(needed, needed)))

    alert = "ComponentDown"
    every = watched.component(component, needed)
    down = watched.ready(every[1:], but=every[:1])
    yield fires(alert, f"{component} has one ready pod too few", down, who)
    yield quiet(alert, f"{component} has just enough", watched.ready(every))

    alert = "ComponentGone"
    others = [watched.component(other)[0] for other in watched.scope.needed if other != component]
    yield fires(alert, f"nothing of {component}", watched.ready(others), who)
    yield quiet(alert, f"{component} has a pod, ready or not", watched.ready(others, but=every[:1]))


def _job_pods(watched: Watched) -> Iterator[Case]:
    """Pods that are ready while they run, and are none of the stores whose name they begin with."""
    needed, cluster = watched.scope.needed, f"postgresql-{watched.scope.region}"
    for component, name in (
        ("redis", "redis-healer-29411520-4xk2p"),
        ("qdrant", "qdrant-backup-29411520-99999"),
        ("postgresql", f"{cluster}-2-join-8k2xp"),
    ):
        left = watched.component(component, needed[component] - 1)
        series = watched.ready([*left, Pod(name)])
        yield fires("ComponentDown", f"{name} does not stand for a node", series, {"component": component})


def _nodes(watched: Watched) -> Iterator[Case]:
    fair = watched.scope.monitoring.thresholds.fair_share

    def used(first: float, mean: float) -> Iterator[Series]:
        rest = (mean * len(ZONES) - first) / (len(ZONES) - 1)
        return (node_cpu(watched, zone, first if zone == ZONES[0] else rest) for zone in ZONES)

    alert, busy, hot = "NodeUneven", CPU_USED * OVER, {"node": Pod("").node, "zone": ZONES[0]}
    # Until a window is full of them, all nodes seem to be busy.
    yield fires(alert, "one has more than it should", used(busy, busy / fair / OVER), hot, begins=5 * MINUTE)
    yield quiet(alert, "one has just what it may", used(busy, busy / fair / UNDER))
    yield quiet(alert, "one has more, and is not busy", used(CPU_USED * UNDER, CPU_USED * UNDER / fair / OVER))


def _volumes(watched: Watched) -> Iterator[Case]:
    claim = {"persistentvolumeclaim": "qdrant-storage-qdrant-0"}

    def free(share: float) -> list[Series]:
        return [
            watched.of_kubelet("kubelet_volume_stats_available_bytes", steady(1000 * share), **claim),
            watched.of_kubelet("kubelet_volume_stats_capacity_bytes", steady(1000), **claim),
        ]

    limits = {"VolumeFilling": watched.scope.monitoring.thresholds.storage_free, "VolumeAlmostFull": ALMOST_FULL}
    for alert, limit in limits.items():
        yield fires(alert, "less is free than should be", free(limit * UNDER), claim)
        yield quiet(alert, "just as much is free as should be", free(limit * OVER))


def _links(watched: Watched) -> Iterator[Case]:
    way = {"source_region": watched.scope.region, "target_region": watched.scope.others[0]}

    def link(success: str, seconds: float) -> list[Series]:
        return [
            watched.probed(LINK, "probe_success", success, **way, instance="postgresql.example:5432"),
            watched.probed(LINK, "probe_duration_seconds", steady(seconds), **way, instance="postgresql.example:5432"),
        ]

    yield fires("RegionLinkDown", "nobody answers", link(steady(0), 5), way)
    yield fires("RegionLinkDown", "five of eleven come about", link(FIVE, 0.07), way, begins=FIVE_BEGINS)
    yield quiet("RegionLinkDown", "six of eleven come about", link(SIX, 0.07))
    yield fires("RegionLinkSlow", "takes too long", link(steady(1), LINK_SECONDS * OVER), way)
    yield quiet("RegionLinkSlow", "takes just not too long", link(steady(1), LINK_SECONDS * UNDER))
    yield quiet("RegionLinkSlow", "what does not come about has no length", link(steady(0), 5))


def _names(watched: Watched) -> Iterator[Case]:
    name = {"instance": f"https://{watched.scope.hosts[0]}/healthz"}

    def asked(success: str) -> list[Series]:
        return [watched.probed(PUBLIC, "probe_success", success, **name)]

    yield fires("PublicNameDown", "nobody answers", asked(steady(0)), name)
    yield fires("PublicNameDown", "five of eleven answers are good", asked(FIVE), name, begins=FIVE_BEGINS)
    yield quiet("PublicNameDown", "six of eleven answers are good", asked(SIX))

    def ending(seconds: float) -> list[Series]:
        # Time begins with the test.
        return [watched.probed(PUBLIC, "probe_ssl_earliest_cert_expiry", steady(seconds), **name)]

    yield fires("CertificateEnds", "within the time", ending(CERTIFICATE_SECONDS - 1), name)
    yield quiet("CertificateEnds", "later than that", ending(CERTIFICATE_SECONDS + 2 * HOUR))


def home_seen(watched: Watched, seeing: int) -> Iterator[Series]:
    """What the edge's pods say of home's addresses, of which load balancers have three and the proxy room for six."""
    for number, pod in enumerate(watched.component(EDGE)):
        for server in range(1, 7):
            for state in ("UP", "DOWN", "MAINT"):
                now = "MAINT" if server > 3 else "UP" if number < seeing else "DOWN"
                labels = {"proxy": watched.scope.services[0], "server": f"home{server}", "state": state}
                yield watched.scraped(EDGE, pod, "haproxy_server_status", steady(state == now), **labels)


def _edge(watched: Watched) -> Iterator[Case]:
    half = -(-watched.scope.pods[EDGE] // 2)
    yield fires("EdgeWithoutHome", "fewer than half of its pods reach home", home_seen(watched, half - 1))
    yield quiet("EdgeWithoutHome", "half of them do", home_seen(watched, half))
