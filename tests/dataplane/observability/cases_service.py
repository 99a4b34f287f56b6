"""Cases of the service, its objective, and the collection itself."""

from collections.abc import Iterator

from observability.alerts.collection import WATCHDOG, always, jobs
from observability.alerts.objectives import BURNS, FEWEST_FAILED
from observability.alerts.waiting import FEWEST, SUDDEN
from observability.scope import GATEWAYS, INGRESS, MEMORY, POSTGRESQL_GATEWAY
from tests.dataplane.observability.cases import (
    EVERY,
    LENGTH,
    MINUTE,
    OVER,
    RATE_BEGINS,
    TURNS,
    UNDER,
    ZONES,
    Case,
    Labels,
    Pod,
    Series,
    Watched,
    fires,
    growing,
    number,
    pods,
    quiet,
    seconds,
    steady,
    steps,
    taking,
    turning,
)

POD = Pod("memory-service-6d8f9c7b5-x0k2p")
SEARCH = {"endpoint": "/memories/search", "method": "POST"}
STORE, STATS = {"endpoint": "/memories", "method": "POST"}, {"endpoint": "/stats", "method": "GET"}
SLOW_EVERY = 600
"""Seconds between the samples of days."""


def cases(watched: Watched) -> Iterator[Case]:
    """All of them."""
    yield from _latency(watched)
    yield from _errors(watched)
    yield from _uneven(watched)
    yield from _containers(watched)
    yield from _objectives(watched)
    yield from _collection(watched)


def _service(watched: Watched) -> dict[str, str]:
    return {"service": watched.scope.services[0]}


def requests(watched: Watched, seconds: float, request: Labels = SEARCH, per_second: float = 10) -> Iterator[Series]:
    """To the service, of which one in twenty takes longer than that."""
    for bound, rate in taking(seconds, per_second).items():
        name = "api_request_latency_seconds_bucket"
        yield watched.scraped(MEMORY, POD, name, growing(rate), **request, le=bound)
    yield watched.scraped(MEMORY, POD, "api_requests_total", growing(per_second), **request)


def _latency(watched: Watched) -> Iterator[Case]:
    latency = watched.scope.monitoring.thresholds.latency
    for alert, milliseconds in (
        ("MemoryServiceSlow", latency.warning_ms),
        ("MemoryServiceTooSlow", latency.critical_ms),
    ):
        limit = milliseconds / 1000
        slow = {**_service(watched), **SEARCH}
        yield fires(alert, "one in twenty is late", requests(watched, limit * OVER), slow, begins=RATE_BEGINS)
        yield quiet(alert, "one in twenty is just in time", requests(watched, limit * UNDER))
        yield quiet(alert, "hardly anybody asks", requests(watched, limit * OVER, per_second=FEWEST * UNDER))
        yield quiet(alert, "figures of the whole are slow", requests(watched, limit * OVER, STATS))
        stores = requests(watched, limit * OVER, STORE)
        if alert == "MemoryServiceSlow":
            yield fires(alert, "stores are late", stores, {**_service(watched), **STORE}, begins=RATE_BEGINS)
        else:
            yield quiet(alert, "stores are late, and always were", stores)
    yield from _sudden(watched)


def _sudden(watched: Watched) -> Iterator[Case]:
    """Stores that take as long as others may not take, after so long as they did."""
    alert, limit = "MemoryServiceTooSlow", watched.scope.monitoring.thresholds.latency.critical_ms / 1000
    late = limit * OVER * OVER
    quick, slower = late / SUDDEN / OVER, late / SUDDEN * OVER

    def after(before: float, late: float) -> Iterator[Series]:
        then = taking(late, 1000)
        for bound, rate in taking(before, 1000).items():
            values = turning(rate, then[bound])
            yield watched.scraped(MEMORY, POD, "api_request_latency_seconds_bucket", values, **STORE, le=bound)
        yield watched.scraped(MEMORY, POD, "api_requests_total", growing(10), **STORE)

    slow = {**_service(watched), **STORE}
    # One in sixteen is over the limit, and one in twenty of a window once nine of its ten parts are of those; far
    # over it, once one is.
    yield fires(alert, "stores are late at once", after(quick, late), slow, begins=(TURNS + 9) * EVERY)
    yield quiet(alert, "stores are late, and were half as late before", after(slower, late))
    yield fires(
        alert, "stores that always were late are much later", after(late, late * 10), slow, begins=(TURNS + 1) * EVERY
    )


def while_users_wait(
    watched: Watched, alert: str, over: list[Series], under: list[Series], labels: Labels, begins: int = RATE_BEGINS
) -> Iterator[Case]:
    """Of an alert on a cause, which wakes nobody while requests are in time."""
    limit = watched.scope.monitoring.thresholds.latency.warning_ms / 1000
    late, soon = list(requests(watched, limit * OVER)), list(requests(watched, limit * UNDER))
    stores = requests(watched, limit * OVER, STORE)
    yield fires(alert, "over the limit, and users wait", [*over, *late], labels, begins=begins)
    yield quiet(alert, "just under the limit, and users wait", [*under, *late])
    yield quiet(alert, "over the limit, and nobody waits", [*over, *soon])
    yield quiet(alert, "over the limit, and stores alone are late", [*over, *stores])
    yield quiet(alert, "over the limit, and nobody asks", over)


def answers(watched: Watched, per_second: float, status: int = 200, share: float = 1) -> Series:
    """Of the service, a share of its requests with a status."""
    values = growing(per_second * share)
    return watched.scraped(MEMORY, POD, "api_responses_total", values, **SEARCH, status=str(status))


def _errors(watched: Watched) -> Iterator[Case]:
    errors = watched.scope.monitoring.thresholds.errors
    for alert, limit in (("MemoryServiceErrors", errors.warning), ("MemoryServiceFailing", errors.critical)):

        def failing(share: float, status: int = 500) -> list[Series]:
            return [answers(watched, 100, 200, 1 - share), answers(watched, 100, status, share)]

        service = _service(watched)
        yield fires(alert, "more than the limit fail", failing(limit * OVER), service, begins=RATE_BEGINS)
        yield fires(alert, "every one fails", [answers(watched, 100, 503)], service, begins=RATE_BEGINS)
        yield quiet(alert, "just under the limit fail", failing(limit * UNDER))
        yield quiet(alert, "what the callers get wrong is no failure", failing(0.5, 404))
        yield quiet(alert, "none has ever failed", [answers(watched, 100)])
        yield quiet(alert, "all of very few fail", [answers(watched, FEWEST * UNDER, 503)])
        yield quiet(alert, "nobody calls", [answers(watched, 0), answers(watched, 0, 500)])


def _asked(watched: Watched, rates: list[float | None]) -> Iterator[Series]:
    """Requests per second of each pod; None of one that was never asked, and has no figure."""
    for pod, rate in zip(pods(watched.named(MEMORY), len(rates)), rates, strict=True):
        yield watched.scraped(MEMORY, pod, "up", steady(1))
        if rate is not None:
            yield watched.scraped(MEMORY, pod, "api_requests_total", growing(rate), **SEARCH)


def _uneven(watched: Watched) -> Iterator[Case]:
    alert, fair = "MemoryServiceUneven", watched.scope.monitoring.thresholds.fair_share
    total = 30  # of which a first rate, of two samples in five minutes, is a tenth
    over, under = total / 3 * fair * OVER, total / 3 * fair * UNDER
    service = _service(watched)

    def one_has(rate: float) -> list[float | None]:
        return [rate, (total - rate) / 2, (total - rate) / 2]

    yield fires(alert, "one has more than it should", _asked(watched, one_has(over)), service, begins=RATE_BEGINS)
    # Clients that keep their connection to the only pod that there was.
    yield fires(alert, "new pods are never asked", _asked(watched, [total, None, None]), service, begins=RATE_BEGINS)
    yield quiet(alert, "one has just what it may", _asked(watched, one_has(under)))
    yield quiet(alert, "there is one pod", _asked(watched, [total]))
    yield quiet(alert, "hardly anybody calls", _asked(watched, [0.9, 0, None]))


def _containers(watched: Watched) -> Iterator[Case]:
    own = {"namespace": watched.scope.namespace, "pod": "qdrant-0", "container": "qdrant"}
    who = {"pod": "qdrant-0", "container": "qdrant"}

    def restarts(*times: int) -> list[Series]:
        changes = [(count, samples) for count, samples in enumerate(times)]
        values = steps(*changes, then=len(times))
        return [watched.told("kube_pod_container_status_restarts_total", values, **own)]

    # At the sample of the third restart; the quiet one is looked at while both are in the window.
    yield fires("ContainersRestart", "three times in ten minutes", restarts(10, 5, 5), who, begins=20 * EVERY)
    yield quiet("ContainersRestart", "twice, just before", restarts(150, 5))

    used = watched.of_kubelet("container_memory_working_set_bytes", "", pod="qdrant-0", container="qdrant")
    limit = watched.told("kube_pod_container_resource_limits", steady(1000), **own, resource="memory", unit="byte")
    # The cgroup of the pod itself has no container, and would be no container's share.
    whole = Series(used.name, {**used.labels, "container": ""}, steady(5000))

    def using(share: float) -> list[Series]:
        return [Series(used.name, used.labels, steady(1000 * share)), limit, whole]

    full = {"pod": "qdrant-0", "component": "qdrant"}
    memory = watched.scope.monitoring.thresholds.memory
    yield fires("MemoryShort", "nearly at its limit", using(memory.warning * OVER), full)
    yield quiet("MemoryShort", "just under", using(memory.warning * UNDER))
    in_redis = [
        Series(one.name, {**one.labels, "pod": "redis-zone-a-0"}, one.values) for one in using(memory.warning * OVER)
    ]
    yield quiet("MemoryShort", "Redis, which keeps under maxmemory", in_redis)

    def kept(share: float, pod: str = "qdrant-0") -> list[Series]:
        """All of the limit is in use, and this share by the processes."""
        rss = Series("container_memory_rss", {**used.labels, "pod": pod}, steady(1000 * share))
        whole_rss = Series(rss.name, {**rss.labels, "container": ""}, steady(5000))
        return [*using(1), rss, whole_rss, Series(limit.name, {**limit.labels, "pod": pod}, limit.values)]

    yield fires("MemorySpent", "nearly all of its limit by itself", kept(memory.critical * OVER), full)
    yield quiet("MemorySpent", "the rest are files", kept(memory.critical * UNDER))
    backup = "qdrant-backup-29411520-4xk2p"
    yield quiet("MemorySpent", "the pod of a Job", kept(memory.critical * OVER, backup)[1:])

    cpu = watched.scope.monitoring.thresholds.cpu
    cores = watched.told("kube_pod_container_resource_limits", steady(4), **own, resource="cpu", unit="core")

    def working(share: float, pod: str = "qdrant-0") -> list[Series]:
        labels = {"pod": pod, "container": "qdrant"}
        busy = watched.of_kubelet("container_cpu_usage_seconds_total", growing(4 * share), **labels)
        return [busy, Series(cores.name, {**cores.labels, "pod": pod}, cores.values)]

    # With a window that is full.
    yield fires("CpuShort", "nearly at its limit", working(cpu.warning * OVER), full, begins=5 * MINUTE)
    yield quiet("CpuShort", "just under", working(cpu.warning * UNDER))
    yield quiet("CpuShort", "the pod of a Job", working(1, backup))
    if watched.scope.home:
        spent, left = working(cpu.critical * OVER), working(cpu.critical * UNDER)
        yield from while_users_wait(watched, "CpuSpent", spent, left, full, begins=5 * MINUTE)

    scaler = {"namespace": watched.scope.namespace, "horizontalpodautoscaler": "memory-service"}
    most = watched.told("kube_horizontalpodautoscaler_spec_max_replicas", steady(12), **scaler)

    def scaled(count: int, fewest: int = 3) -> list[Series]:
        least = watched.told("kube_horizontalpodautoscaler_spec_min_replicas", steady(fewest), **scaler)
        there = watched.told("kube_horizontalpodautoscaler_status_current_replicas", steady(count), **scaler)
        return [most, least, there]

    named = {"horizontalpodautoscaler": "memory-service"}
    yield fires("MemoryServiceAtItsMost", "all pods that there may be", scaled(12), named)
    yield quiet("MemoryServiceAtItsMost", "one fewer", scaled(11))
    yield quiet("MemoryServiceAtItsMost", "it may have no more than its fewest", scaled(12, 12))

    def again(count: int) -> list[Series]:
        name, values = "postgresql_gateway_statements_sent_again_total", steps((0, 150), then=count)
        return [watched.scraped(POSTGRESQL_GATEWAY, POD, name, values)]

    yield fires("StatementsSentAgain", "six", again(6), begins=150 * EVERY)
    yield quiet("StatementsSentAgain", "five, just before", again(5))


def _in_turn(watched: Watched, first: float, then: float, every: int, lasts: int) -> tuple[Series, ...]:
    """A share of a thousand requests per second that fail, and another share for as many samples again."""

    def counted(status: int, before: float, after: float) -> Series:
        values = f"0+{number(before)}x{lasts} {number(before * lasts + after)}+{number(after)}x{lasts}"
        return Series("api_responses_total", answers(watched, 0, status).labels, values)

    whole = 1000 * every
    good = counted(200, whole * (1 - first), whole * (1 - then))
    return good, counted(500, whole * first, whole * then)


def _objectives(watched: Watched) -> Iterator[Case]:
    budget, service = 1 - watched.scope.monitoring.availability, _service(watched)
    for alert, _, factor, _, short in BURNS:
        rate = factor * budget

        def failing(share: float, per_second: float = 1000) -> list[Series]:
            return [answers(watched, per_second, 200, 1 - share), answers(watched, per_second, 500, share)]

        yield fires(alert, "errors come too fast", failing(rate * OVER), service, begins=RATE_BEGINS)
        yield quiet(alert, "errors come just slowly enough", failing(rate * UNDER))
        seldom = (FEWEST_FAILED - 2) / (LENGTH * EVERY) / (rate * OVER)
        yield quiet(alert, "few requests at all", failing(rate * OVER, seldom))
        # Two times, each a little longer than the short window; both are within the long one.
        every = EVERY if short == "5m" else SLOW_EVERY
        lasts = seconds(short) // every + 1
        for says, first, then in (
            ("it is over, but for a few", 0.5, rate * UNDER),
            ("it has just begun", 0, 2 * rate * UNDER),
        ):
            series = _in_turn(watched, first, then, every, lasts)
            yield Case(alert, says, series, quiet_at=2 * lasts * every, every=every)


def _collection(watched: Watched) -> Iterator[Case]:
    def up(job: str, answering: int, of: int) -> Iterator[Series]:
        for count, pod in enumerate(pods("pod-{}", of)):
            yield watched.scraped(job, pod, "up", steady(count < answering))

    yield fires("TargetDown", "one of three", up("qdrant", 2, 3), {"job": "qdrant"})
    yield fires("TargetDown", "one of three ingress controllers", up(INGRESS, 2, 3), {"job": INGRESS})
    yield quiet("TargetDown", "three of eleven", up("qdrant", 8, 11))

    needed = jobs(watched.scope)
    for job in needed:
        others = [series for other in needed if other != job for series in up(other, 1, 1)]
        missing = {"job": job, "namespace": watched.namespace(job)}
        yield fires("TargetMissing", f"nobody of {job}", others, missing)
    none_answers = [series for job in needed for series in up(job, 0, 1)]
    yield quiet("TargetMissing", "there is one of each, though it does not answer", none_answers)

    yield from _vanished(watched)
    yield from _figures(watched)
    cluster = [
        *watched.ready([Pod("qdrant-0")]),
        watched.of_kubelet("kubelet_volume_stats_available_bytes", steady(1), persistentvolumeclaim="qdrant-0"),
        watched.of_kubelet("container_memory_working_set_bytes", steady(1), pod="qdrant-0", container="qdrant"),
        node_cpu(watched, ZONES[0], 0.5),
    ]
    for name in sorted({series.name for series in cluster} - {"kube_pod_status_ready"}):
        rest = [series for series in cluster if series.name != name]
        yield fires("ClusterMetricsMissing", f"no {name}", rest)
    for label in ("label_topology_kubernetes_io_zone", "node"):
        bare = [
            Series(one.name, {name: value for name, value in one.labels.items() if name != label}, one.values)
            for one in cluster
        ]
        yield fires("ClusterMetricsMissing", f"no {label} among the labels", bare)
    yield quiet("ClusterMetricsMissing", "all are there", cluster)
    yield fires(WATCHDOG, "always", [])


def _vanished(watched: Watched) -> Iterator[Case]:
    """One of the pods of a job, which are ready."""
    alert, beside = "TargetVanished", GATEWAYS if watched.scope.home else ()

    def seen(component: str, *unread: str, ready: bool = True) -> list[Series]:
        """All pods of a component, of which jobs read all but the last one."""
        every = watched.component(component, 3)
        states = [*watched.ready(every[:2]), *watched.pod_states(every[2], ready)]
        read = [
            watched.scraped(job, pod, "up", steady(1))
            for job in (component, *(beside if component == MEMORY else ()))
            for pod in (every[:2] if job in unread else every)
        ]
        return [*states, *read]

    for component in watched.scope.needed:
        for job in (component, *(beside if component == MEMORY else ())):
            gone = {"namespace": watched.scope.namespace, "pod": watched.component(component, 3)[2].name, "job": job}
            yield fires(alert, f"one of three is not read by {job}", seen(component, job), gone)
        yield quiet(alert, f"all of {component} are read", seen(component))
        yield quiet(alert, f"one of {component} is not read, and is not ready", seen(component, component, ready=False))
    job_pod = Pod("redis-healer-29411520-4xk2p")
    yield quiet(alert, "the pod of a Job", [*watched.nodes(), *watched.pod_states(job_pod)])


def _figures(watched: Watched) -> Iterator[Case]:
    alert = "FiguresMissing"
    for job, metric in always(watched.scope).items():
        pod = Pod(f"{job}-0")
        up = watched.scraped(job, pod, "up", steady(1))
        told = watched.scraped(job, pod, metric, steady(0))
        another = watched.scraped(job, Pod(f"{job}-1"), metric, steady(0))
        yield fires(alert, f"{job} answers without {metric}", [up, another], {"job": job, "pod": pod.name})
        yield quiet(alert, f"{job} tells it", [up, told])
        yield quiet(alert, f"{job} does not answer", [watched.scraped(job, pod, "up", steady(0))])


def node_cpu(watched: Watched, zone: str, used: float) -> Series:
    """Of the node exporter, with what docs/monitoring.md has it say of its node."""
    labels = {"job": "node-exporter", "node": Pod("", zone).node, "zone": zone, "cpu": "0", "mode": "idle"}
    return Series("node_cpu_seconds_total", {**watched.cluster, **labels}, growing(1 - used))
