"""The service as its users meet it: slow, failing, unevenly loaded."""

from collections.abc import Iterator

from observability.alerts.waiting import FEWEST, SLOWEST, STORES, as_ever, users_wait
from observability.rule import Alert, Severity
from observability.scope import MEMORY, POSTGRESQL_GATEWAY, REDIS, Scope


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of the service of a region."""
    thresholds = scope.monitoring.thresholds
    yield _slow("MemoryServiceSlow", "warning", thresholds.latency.warning_ms)
    yield _slow("MemoryServiceTooSlow", "critical", thresholds.latency.critical_ms)
    yield _failing("MemoryServiceErrors", "warning", thresholds.errors.warning, scope)
    yield _failing("MemoryServiceFailing", "critical", thresholds.errors.critical, scope)
    stores = scope.of(MEMORY, 'endpoint="/memories", method="POST"')
    yield Alert(
        "MemoryStoresFail",
        f"service:failed_stores:ratio_rate5m > {thresholds.errors.warning:g} and on (service)"
        f" sum by (service) (rate(api_responses_total{stores}[5m])) > {FEWEST:g}",
        "critical",
        "{{ $labels.service }} fails to store {{ $value | humanizePercentage }} of what it is given",
        f"More than {thresholds.errors.warning:.0%} of `POST /memories` are answered 5xx: callers that do not try "
        "again lose memories.",
        "RedisCommandsFail, PostgresqlStatementsFail or QdrantRequestsFail names the store; else the service's log "
        "does.",
        "5m",
    )
    yield Alert(
        "MemoryServiceUneven",
        "max by (service) (service_pod:requests:rate5m) >"
        f" {thresholds.fair_share:g} * avg by (service) (service_pod:requests:rate5m)"
        " and sum by (service) (service_pod:requests:rate5m) > 1",
        "warning",
        "One pod of {{ $labels.service }} takes {{ $value | humanize }} requests per second, far over its share",
        "Requests are not spread over the pods: one works itself slow while the others idle.",
        "Look at who calls in `scaling-overview`: clients that keep one connection, or streams that are all pinned to "
        "one pod by their cookie. Restart that pod to spread them anew.",
        "15m",
    )
    restarts = f"increase(kube_pod_container_status_restarts_total{{{scope.own}}}[15m])"
    yield Alert(
        "ContainersRestart",
        f"sum by (pod, container) ({restarts}) >= 3",
        "warning",
        "{{ $labels.container }} of {{ $labels.pod }} was started again {{ $value | humanize }} times in 15 minutes",
        "A container ends again and again, or its liveness probe fails.",
        "`kubectl logs --previous` of that container says why; `kubectl describe pod` says whether memory was short.",
    )
    yield from _of_limits(scope)
    yield Alert(
        "MemoryServiceAtItsMost",
        f"max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas{{{scope.own}}})"
        f" >= max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas{{{scope.own}}}"
        # One that may have no more than its fewest has nothing to follow a load with.
        f" > kube_horizontalpodautoscaler_spec_min_replicas{{{scope.own}}})",
        "warning",
        "{{ $labels.horizontalpodautoscaler }} has all {{ $value }} pods that it may have",
        "The autoscaler cannot follow a load that grows further.",
        "See whether Qdrant or PostgreSQL is what requests wait for, then raise `memory.autoscaling.max_replicas`, or "
        "split the load by another entry of `memory.namespaces`.",
        "15m",
    )
    yield Alert(
        "StatementsSentAgain",
        f"sum(increase(postgresql_gateway_statements_sent_again_total{scope.of(POSTGRESQL_GATEWAY)}[15m])) >= 6",
        "info",
        "{{ $value | humanize }} statements were sent again in 15 minutes",
        "PostgreSQL broke connections off, and the gateway beside the service repeated what was not carried out.",
        "See whether a failover or a roll of PostgreSQL explains it; if not, look at the pooler's log.",
    )


def _of_limits(scope: Scope) -> Iterator[Alert]:
    """Containers that use up what they may. Pods of Jobs are of no component: theirs is work that may take all."""
    cpu, memory = scope.monitoring.thresholds.cpu, scope.monitoring.thresholds.memory
    used = 'max by (component, pod) (pod:cpu_of_limit:ratio_rate5m{component!=""})'
    more = "Raise the component's `resources` by a step and watch, or spread its load over more pods or nodes."
    yield Alert(
        "CpuShort",
        f"{used} > {cpu.warning:g}",
        "warning",
        "{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its CPU limit",
        "A container that comes to its limit is held back, for some of each tenth of a second.",
        more,
        "30m",
    )
    if scope.home:
        yield Alert(
            "CpuSpent",
            f"{used} > {cpu.critical:g} and on () ({users_wait(scope)})",
            "critical",
            "{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its CPU limit, and users wait",
            "A container is held back at its limit, and requests take longer than they should.",
            more,
            "15m",
        )
    yield Alert(
        "MemoryShort",
        # Redis keeps under maxmemory by itself, which is near: RedisEvicts tells when it is full.
        f'max by (component, pod) (pod:memory_of_limit:ratio{{component!="{REDIS}"}}) > {memory.warning:g}',
        "warning",
        "{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its memory limit",
        "At its limit the container is killed. Files that it works with count, and are given back before that.",
        more,
        "30m",
    )
    yield Alert(
        "MemorySpent",
        f'max by (component, pod) (pod:memory_kept:ratio{{component!=""}}) > {memory.critical:g}',
        "critical",
        "{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its memory limit, none of which can be taken back",
        "The container is about to be killed, and so are its equals that hold as much.",
        more,
        "5m",
    )


def _slow(name: str, severity: Severity, limit: int) -> Alert:
    slowest = SLOWEST
    if severity == "critical":
        # Growth is told in working hours; what came within a day is a fault.
        slowest = f"({slowest} unless max by (service, endpoint, method) ({as_ever(STORES)}))"
    return Alert(
        name,
        f"{slowest} > {limit / 1000:g} and on (service, endpoint, method) service:requests:rate5m > {FEWEST:g}",
        severity,
        "{{ $labels.method }} {{ $labels.endpoint }} of {{ $labels.service }} takes {{ $value | humanizeDuration }}",
        f"One request in twenty takes longer than {limit} ms.",
        "`scaling-overview` says which store is slow and which node is overloaded; scale that one out. Where no store "
        "is slow, the service itself is: it works on one request at a time. More pods help where many ask, and do "
        "not where `POST /memories` alone is slow: that grows with the memories of a namespace, and `python -m "
        "capacity explain` says how many it takes and which split of `memory.namespaces` helps.",
        "10m" if severity == "warning" else "5m",
    )


def _failing(name: str, severity: Severity, limit: float, scope: Scope) -> Alert:
    return Alert(
        name,
        f"service:errors:ratio_rate5m > {limit:g} and on (service)"
        f" sum by (service) (rate(api_responses_total{scope.of(MEMORY)}[5m])) > {FEWEST:g}",
        severity,
        "{{ $labels.service }} fails {{ $value | humanizePercentage }} of its requests",
        f"More than {limit:.0%} of requests are answered 5xx.",
        "The service's log names the store that failed. A store that is moving holds requests and does not fail them.",
        "5m",
    )
