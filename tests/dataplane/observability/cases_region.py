"""Cases of zones and nodes, of the links between regions, and of public names."""

from collections.abc import Iterator, Mapping

from components.monitors import BOUNDS_MS
from observability.alerts.regions import CERTIFICATE_SECONDS, LINK_SECONDS, OWN_CERTIFICATE, OWN_SECONDS
from observability.alerts.waiting import FEWEST, SUDDEN
from observability.alerts.zones import CPU_APART, CPU_FULL, CPU_USED
from observability.scope import EDGE, INGRESS, LINK, PUBLIC
from tests.dataplane.observability.cases import (
    EVERY,
    HOUR,
    MINUTE,
    OVER,
    RATE_BEGINS,
    TURNS,
    UNDER,
    ZONES,
    Case,
    Pod,
    Series,
    Watched,
    again_and_again,
    fires,
    growing,
    quiet,
    steady,
    taking,
    turning,
)
from tests.dataplane.observability.cases_service import STATS, STORE, answers, node_cpu, requests, while_users_wait

CONTROLLER = Pod("nginx-ingress-controller-5f6d7c8b9-x0k2p")

FIVE, SIX = (f"1+0x10 {again_and_again(*(at >= 11 - good for at in range(11)))}" for good in (5, 6))
"""All samples are good, and then so many of the eleven that five minutes hold: the last ones, again and again."""
FIVE_BEGINS = (11 + 5) * EVERY
"""With the sixth that is not."""


def cases(watched: Watched) -> Iterator[Case]:
    """All of them."""
    for component, needed in watched.scope.needed.items():
        yield from _zones(watched, component, needed)
    for component, least in watched.scope.least.items():
        yield from _below_minimum(watched, component, least)
    yield from _job_pods(watched)
    yield from _nodes(watched)
    yield from _spent_nodes(watched)
    yield from _volumes(watched)
    if watched.scope.others:
        yield from _links(watched)
    if watched.scope.hosts:
        yield from _names(watched)
        yield from _configured(watched)
        if watched.scope.home:
            yield from _ingress(watched)
    yield from _own_certificates(watched)
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


def _below_minimum(watched: Watched, component: str, least: int) -> Iterator[Case]:
    alert, short = "ZoneBelowMinimum", {"component": component, "zone": ZONES[2]}
    every = watched.component(component, least * len(ZONES))
    elsewhere = [pod for pod in every if pod.zone != ZONES[2]]
    first, *rest = (pod for pod in every if pod.zone == ZONES[2])
    # Of other components nothing is known: they are short in every zone.
    others = [
        {"component": other, "zone": zone} for other in watched.scope.least if other != component for zone in ZONES
    ]
    yield fires(alert, f"{component} has one too few", watched.ready([*elsewhere, *rest], but=[first]), short, *others)
    yield fires(alert, f"{component} has no pod there", watched.ready(elsewhere), short, *others)
    whole = [pod for other, count in watched.scope.least.items() for pod in watched.component(other, count * 3)]
    yield quiet(alert, f"{component} has just enough, as all have", watched.ready(whole))
    yield quiet(alert, "nobody tells of pods", [])


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


def _used(watched: Watched, first: float, mean: float) -> Iterator[Series]:
    """CPU of three nodes."""
    rest = (mean * len(ZONES) - first) / (len(ZONES) - 1)
    return (node_cpu(watched, zone, first if zone == ZONES[0] else rest) for zone in ZONES)


def _nodes(watched: Watched) -> Iterator[Case]:
    fair = watched.scope.monitoring.thresholds.fair_share
    alert, busy, hot = "NodeUneven", CPU_USED * OVER, {"node": Pod("").node, "zone": ZONES[0]}
    # Until a window is full of them, all nodes seem to be busy.
    first = _used(watched, busy, busy / fair / OVER)
    yield fires(alert, "one has more than it should", first, hot, begins=5 * MINUTE)
    yield quiet(alert, "one has just what it may", _used(watched, busy, busy / fair / UNDER))
    idle = _used(watched, CPU_USED * UNDER, CPU_USED * UNDER / fair / OVER)
    yield quiet(alert, "one has more, and is not busy", idle)
    # So busy on average that nothing is over the fair share.
    mean, little = 0.8, 0.01
    assert fair * mean > 1
    full = _used(watched, CPU_FULL + little, mean)
    # Of a window that fills, from seven tenths on: the others' idle time comes with it.
    yield fires(alert, "one is full, and the others are busy", full, hot, begins=210)
    yield quiet(alert, "one is nearly full, and the others are busy", _used(watched, CPU_FULL - little, mean))
    near = CPU_FULL + little - CPU_APART
    far = _used(watched, CPU_FULL + little, near - little)
    yield fires(alert, "one is full, just far enough over the others", far, hot, begins=5 * MINUTE)
    yield quiet(alert, "all are nearly full", _used(watched, CPU_FULL + little, near + little))


def _spent_nodes(watched: Watched) -> Iterator[Case]:
    thresholds, hot = watched.scope.monitoring.thresholds, {"node": Pod("").node, "zone": ZONES[0]}
    cpu = thresholds.cpu

    def busy(share: float) -> list[Series]:
        return [node_cpu(watched, ZONES[0], share)]

    yield fires("NodeCpuShort", "more than it should be", busy(cpu.warning * OVER), hot, begins=RATE_BEGINS)
    yield quiet("NodeCpuShort", "just what it may be", busy(cpu.warning * UNDER))
    if watched.scope.home:
        yield from while_users_wait(watched, "NodeCpuSpent", busy(cpu.critical * OVER), busy(cpu.critical * UNDER), hot)

    def full(share: float) -> list[Series]:
        labels = {**watched.cluster, "job": "node-exporter", **hot}
        sizes = {"MemAvailable": 1000 * (1 - share), "MemTotal": 1000}
        return [Series(f"node_memory_{name}_bytes", labels, steady(size)) for name, size in sizes.items()]

    for alert, limit in (
        ("NodeMemoryShort", thresholds.memory.warning),
        ("NodeMemorySpent", thresholds.memory.critical),
    ):
        yield fires(alert, "more than there should be", full(limit * OVER), hot)
        yield quiet(alert, "just what there may be", full(limit * UNDER))


def _volumes(watched: Watched) -> Iterator[Case]:
    claim = {"persistentvolumeclaim": "storage-qdrant-0"}

    def free(share: float) -> list[Series]:
        return [
            watched.of_kubelet("kubelet_volume_stats_available_bytes", steady(1000 * share), **claim),
            watched.of_kubelet("kubelet_volume_stats_capacity_bytes", steady(1000), **claim),
        ]

    thresholds = watched.scope.monitoring.thresholds
    limits = {"VolumeFilling": thresholds.storage_free, "VolumeAlmostFull": thresholds.storage_free_critical}
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


def _configured(watched: Watched) -> Iterator[Case]:
    alert, controller = "IngressNotConfigured", "nginx_ingress_controller_nginx"

    def reloaded(status: int, errors: int) -> list[Series]:
        return [
            watched.scraped(INGRESS, CONTROLLER, f"{controller}_last_reload_status", steady(status)),
            watched.scraped(INGRESS, CONTROLLER, f"{controller}_reload_errors_total", steady(errors)),
        ]

    yield fires(alert, "NGINX refused it", reloaded(0, 1), {"pod": CONTROLLER.name})
    yield quiet(alert, "NGINX took one since", reloaded(1, 1))
    yield quiet(alert, "it is about to be configured for the first time", reloaded(0, 0))


def upstream(
    watched: Watched,
    pod: Pod,
    codes: Mapping[str, float],
    milliseconds: float,
    before: float | None = None,
    /,
    **others: str,
) -> Iterator[Series]:
    """What a pod of the ingress controller says of one upstream: answers per second by code, and their time, `before`
    which it may have been another one.
    """
    own, service = watched.scope.namespace, watched.scope.services[0]
    labels = {
        "upstream": f"vs_{own}_memory-example-com_api",
        "server": "10.0.1.5:9595",
        "service": service,
        "resource_type": "virtualserver",
        "resource_name": "memory-example-com",
        "resource_namespace": own,
        "pod_name": f"{service}-6d8f9c7b5-x0k2p",
        **others,
    }
    name = "nginx_ingress_controller_upstream_server_response_latency_ms"
    for code, rate in codes.items():
        yield watched.scraped(INGRESS, pod, f"{name}_count", growing(rate), **labels, code=code)
        first = taking(before or milliseconds, rate, BOUNDS_MS)
        for bound, within in taking(milliseconds, rate, BOUNDS_MS).items():
            values = growing(within) if before is None else turning(first[bound], within)
            yield watched.scraped(INGRESS, pod, f"{name}_bucket", values, **labels, code=code, le=bound)


def _ingress(watched: Watched) -> Iterator[Case]:
    """Of the service's upstream, on which users wait or fail, and of what the service says of it."""
    thresholds, service = watched.scope.monitoring.thresholds, {"service": watched.scope.services[0]}
    alert, limit = "IngressErrors", thresholds.errors.critical

    def failing(share: float, rate: float = 100, code: str = "502", **others: str) -> list[Series]:
        return list(upstream(watched, CONTROLLER, {"200": rate * (1 - share), code: rate * share}, 60, **others))

    well, bad = [answers(watched, 100)], [answers(watched, 100, 200, 0.5), answers(watched, 100, 500, 0.5)]
    yield fires(alert, "more than the service tells", [*failing(limit * OVER), *well], service, begins=RATE_BEGINS)
    yield fires(alert, "no request comes to the service", failing(1), service, begins=RATE_BEGINS)
    yield quiet(alert, "just under the limit", [*failing(limit * UNDER), *well])
    yield quiet(alert, "the service says so itself", [*failing(0.5), *bad])
    yield quiet(alert, "streams fail", failing(1, upstream=f"vs_{watched.scope.namespace}_memory-example-com_stream"))
    yield quiet(alert, "those of others fail", failing(1, resource_namespace="elsewhere"))
    yield quiet(alert, "hardly anybody asks", failing(1, FEWEST * UNDER))

    yield quiet(alert, "pods answer so", [*failing(limit * OVER, code="500"), *well])

    alert, most, limit = "UsersGetErrors", thresholds.errors.critical, thresholds.errors.warning
    single = [*failing(limit * OVER, code="500"), *well]
    yield fires(alert, "single memories cannot be read", single, service, begins=RATE_BEGINS)
    yield quiet(alert, "just under the limit", [*failing(limit * UNDER, code="500"), *well])
    yield quiet(alert, "the service says so itself", [*failing(0.5, code="500"), *bad])
    yield quiet(alert, "no pod is reached", [*failing(most * OVER), *well])
    yield quiet(alert, "hardly anybody asks", failing(1, FEWEST * UNDER, "500"))

    alert, limit = "IngressSlow", thresholds.latency.critical_ms

    def late(milliseconds: float) -> list[Series]:
        return list(upstream(watched, CONTROLLER, {"200": 100}, milliseconds))

    quick, slow = (list(requests(watched, thresholds.latency.warning_ms / 1000 * share)) for share in (UNDER, OVER))
    yield fires(alert, "they wait before the service", [*late(limit * OVER), *quick], service, begins=RATE_BEGINS)
    yield fires(alert, "single memories are read slowly", late(limit * OVER), service, begins=RATE_BEGINS)
    yield quiet(alert, "just in time", [*late(limit * UNDER), *quick])
    yield quiet(alert, "the service says so itself", [*late(limit * OVER), *slow])
    whole = list(requests(watched, thresholds.latency.warning_ms / 1000 * OVER, STATS))
    yield fires(alert, "figures of the whole are slow, too", [*late(limit * OVER), *whole], service, begins=RATE_BEGINS)
    stores = list(requests(watched, thresholds.latency.warning_ms / 1000 * OVER, STORE))
    yield quiet(alert, "stores are late, as ever", [*late(limit * OVER), *stores])

    def later(milliseconds: float) -> list[Series]:
        """After a while in which all was a little over the limit."""
        return list(upstream(watched, CONTROLLER, {"200": 1000}, milliseconds, limit * OVER))

    yield fires(
        alert, "stores are late, and all the rest at once", [*later(limit * SUDDEN * OVER * OVER * OVER), *stores],
        service, begins=(TURNS + 9) * EVERY,
    )  # fmt: skip
    yield quiet(alert, "stores are late, and the rest a little later", [*later(limit * SUDDEN * UNDER), *stores])


def _own_certificates(watched: Watched) -> Iterator[Case]:
    """As the program's own rules record them, which are no rules of these."""
    alert, own = "OwnCertificateEnds", {"certificate": "server", "region": watched.scope.region}

    def left(seconds: float) -> list[Series]:
        return [Series(OWN_CERTIFICATE, own, steady(seconds))]

    yield fires(alert, "it was not renewed for half a year", left(OWN_SECONDS * UNDER), own)
    yield quiet(alert, "it is to be renewed soon", left(OWN_SECONDS * OVER))


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
