"""What a region used, by its Prometheus, beside what it has and what its plan gives.

Asked are recording rules of observability/recording.py alone. Of CPU and memory it is the fullest pod that counts, with
all of its containers: a mean would hide the primary behind its replicas.
"""

import http.client
import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from capacity import facts
from capacity.plan import BESIDE, COMPONENTS, POSTGRESQL, QDRANT, REDIS, SERVICE, Plan
from settings import Resources, Settings

_PATIENCE: Final = 10.0
_WEEK: Final = 7
"""Days of which each minute is looked at, of more days fewer moments: 90 days of 100 pods at each minute are 13 M
samples, and Prometheus refuses 50 M in a query. A Prometheus that is a minute old has an answer, too.
"""
Ask = Callable[[str, str], Mapping[str, float]]
"""Answers a query: value by what a label says; what is no finite number is left out."""
CLAIMS: Final = {
    f"{QDRANT}.storage": re.compile(r"storage-qdrant-\d+"),
    f"{QDRANT}.snapshot_storage": re.compile(r"snapshots-qdrant-\d+"),
    f"{POSTGRESQL}.storage": re.compile(r"postgresql-.+-\d+"),
    f"{POSTGRESQL}.wal_storage": re.compile(r"postgresql-.+-\d+-wal"),
    f"{REDIS}.storage": re.compile(r"data-redis-.+"),
}
"""Setting of a volume to the names of its claims."""
UNITS: Final = {
    "cpu": "cores",
    "memory": "B",
    "maxmemory": "B",
    "storage": "B",
    "snapshot_storage": "B",
    "wal_storage": "B",
    "pods": "pods",
    "latency": "s",
    "connections": "connections",
}
"""By the last part of a use's name."""


class ReviewError(Exception):
    """No review, and what to do."""


class Use(NamedTuple):
    """The most that was used in the window: by a pod, but for `pods`; on a volume; latency is that of 95 in 100."""

    name: str
    """Component and what of it, such as `qdrant.memory`."""
    used: float
    given: float
    planned: float | None = None
    """What the plan gives; None where there is none, or it says nothing of this."""
    before: float | None = None
    """What was used at the last review."""

    @property
    def component(self) -> str:
        return self.name.partition(".")[0]

    @property
    def what(self) -> str:
        return self.name.partition(".")[2]

    @property
    def share(self) -> float:
        return self.used / self.given


class Query(NamedTuple):
    """A question to Prometheus."""

    expr: str
    label: str
    """By which its values are told apart; empty where there is one."""
    of: Mapping[str, tuple[re.Pattern[str], float]]
    """Name of a use to the values that are its, and what a value is multiplied by."""


def prometheus(url: str) -> Ask:
    """Asks a Prometheus. Raises ReviewError."""

    def ask(query: str, label: str) -> Mapping[str, float]:
        address = f"{url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        if not address.startswith(("http://", "https://")):
            raise ReviewError(f"{url}: write the address of Prometheus like http://127.0.0.1:9090")
        try:
            with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310 (http or https)
                said: Any = json.load(answer)
            found = ((one["metric"], float(one["value"][1])) for one in said["data"]["result"])
            return {str(metric.get(label, "")): value for metric, value in found if math.isfinite(value)}
        except urllib.error.HTTPError as error:
            raise ReviewError(f"{url} answers {error.code} to a query: is it a Prometheus?") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ReviewError(f"{url} does not answer ({reason}): forward its port, then try again") from None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, http.client.HTTPException):
            raise ReviewError(f"{url} does not answer as a Prometheus does: name its address") from None

    return ask


def scales(settings: Settings) -> bool:
    """Whether an autoscaler may choose a number of pods."""
    scaling = settings.memory.autoscaling
    return scaling.enabled and scaling.max_replicas > settings.memory.min_replicas


def resources(settings: Settings, component: str) -> Resources:
    """Of a component's main container."""
    return {
        SERVICE: settings.memory_resources,
        QDRANT: settings.qdrant.resources,
        POSTGRESQL: settings.postgresql.primary.resources,
        REDIS: settings.redis.resources,
    }[component]


def beside(settings: Settings, component: str, what: str) -> float:
    """Cores or bytes that the other containers of a pod request."""
    if component == POSTGRESQL and not settings.backs_up:
        return 0
    return float(getattr(BESIDE[component], what))


def watched(settings: Settings) -> tuple[str, ...]:
    """Components that work: the service's pods of a standby wait for a promotion."""
    return tuple(name for name in COMPONENTS if name != SERVICE or settings.is_home)


def given(settings: Settings, of: Plan | None) -> dict[str, float]:
    """What the region has, by the name of a use; what is slower than its objective is slow."""
    found: dict[str, float] = {}
    for name in watched(settings):
        requests = resources(settings, name).requests
        found[f"{name}.cpu"] = float(requests.cpu.value) + beside(settings, name, "cpu")
        found[f"{name}.memory"] = float(requests.memory.value) + beside(settings, name, "memory")
    if settings.is_home:
        if scales(settings):
            found[f"{SERVICE}.pods"] = settings.memory.autoscaling.max_replicas
        objective = settings.monitoring.thresholds.latency.warning_ms
        found[f"{SERVICE}.latency"] = (of.workload.objectives.latency_ms if of else objective) / 1000
    rows, keys = settings.postgresql, settings.redis
    return found | {
        f"{QDRANT}.storage": float(settings.qdrant.storage.value),
        f"{QDRANT}.snapshot_storage": float(settings.qdrant.snapshot_storage.value),
        f"{POSTGRESQL}.storage": float(rows.storage.value),
        f"{POSTGRESQL}.wal_storage": float(rows.wal_storage.value),
        f"{POSTGRESQL}.connections": rows.max_connections,
        f"{REDIS}.maxmemory": float(keys.resources.limits.memory.value) * facts.MAXMEMORY_SHARE.value,
        f"{REDIS}.storage": float(keys.storage.value),
    }


def planned(settings: Settings, of: Plan) -> dict[str, float]:
    """What the plan gives, as far as it says."""
    found = dict(of.provided)
    for name in COMPONENTS:
        one = of.component(name)
        found[f"{name}.cpu"] = one.cpu + beside(settings, name, "cpu")
        found[f"{name}.memory"] = one.memory + beside(settings, name, "memory")
    found[f"{QDRANT}.snapshot_storage"] = found[f"{QDRANT}.storage"]
    found[f"{POSTGRESQL}.connections"] = of.component(POSTGRESQL).notes["server_connections"]
    found[f"{REDIS}.maxmemory"] = of.component(REDIS).memory * facts.MAXMEMORY_SHARE.value
    return found


def queries(region: str, has: Mapping[str, float], days: int) -> Iterator[Query]:
    """What has to be asked, so that the use of all that there `is` is known."""
    window = f"[{days}d:{-(-days // _WEEK)}m]"

    def series(name: str, more: str = "") -> str:
        return f'{name}{{region="{region}"{more}}}'

    def most(expr: str) -> str:
        return f"max_over_time({expr}{window})"

    def one(name: str, times: float = 1) -> dict[str, tuple[re.Pattern[str], float]]:
        return {name: (re.compile(""), times)}

    for what, rule in (("cpu", "pod:cpu_used:cores_rate5m"), ("memory", "pod:memory_used:bytes")):
        of = {name: (re.compile(name), 1.0) for name in COMPONENTS if f"{name}.{what}" in has}
        yield Query(
            f"max by (component) ({most(series(rule))})",
            "component",
            {f"{name}.{what}": value for name, value in of.items()},
        )
    volumes = f"1 - min by (persistentvolumeclaim) (min_over_time({series('volume:free:ratio')}{window}))"
    yield Query(volumes, "persistentvolumeclaim", {name: (claim, has[name]) for name, claim in CLAIMS.items()})
    for name, rule in (
        (f"{POSTGRESQL}.connections", "postgresql:connections:ratio"),
        (f"{REDIS}.maxmemory", "redis_node:memory_used:ratio"),
    ):
        yield Query(f"max({most(series(rule))})", "", one(name, has[name]))
    if f"{SERVICE}.pods" in has:
        running = f"(count by (service) ({series('service_pod:requests:rate5m')}))"
        yield Query(f"max({most(running)})", "", one(f"{SERVICE}.pods"))
    if f"{SERVICE}.latency" in has:
        # NaN where nobody asked; and one slow moment of the week is no trend.
        asked = series("service:latency_seconds:quantile_rate5m", ', quantile="0.95"')
        yield Query(f"max(quantile_over_time(0.95, ({asked} >= 0){window}))", "", one(f"{SERVICE}.latency"))


def uses(ask: Ask, settings: Settings, of: Plan | None, days: int, before: Mapping[str, float]) -> list[Use]:
    """What was used of all that the region has. Raises ReviewError where a series is missing."""
    has, plans = given(settings, of), planned(settings, of) if of else {}
    used: dict[str, float] = {}
    lacking: list[str] = []
    for query in queries(settings.region.name, has, days):
        told = ask(query.expr, query.label)
        for name, (which, times) in query.of.items():
            values = [value for label, value in told.items() if which.fullmatch(label)]
            if values:
                used[name] = max(values) * times
            else:
                lacking.append(f"{name}: {query.expr}")
    if lacking:
        raise ReviewError(
            f'Prometheus has no numbers of region="{settings.region.name}" for:\n'
            + "\n".join(f"  {one}" for one in lacking)
            + "\nare the region's recording rules there (docs/monitoring.md), and is the name right?"
        )
    return [Use(name, used[name], amount, plans.get(name), before.get(name)) for name, amount in has.items()]
