"""The gate after an update: what a region has to show before the next one is brought to the same commit.

Pulumi waits for most of what it makes. Not for what a standby holds back, not for what operators make, and not for a
replica that has stopped to follow.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from components.postgres_cluster import cluster_name
from promotion.losses import Lag, lag
from promotion.world import database
from rehearsal import pods
from settings import Settings


class Cluster(Protocol):
    """A region's cluster, as `promotion.cli_access.CliAccess` asks it. PromotionError where it does not answer."""

    def listed(self, region: str, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind in the region's namespace."""
        ...

    def query(self, region: str, statement: str) -> str | None:
        """One row of PostgreSQL's designated or current primary."""
        ...


def faults(region: str, regions: Mapping[str, Settings], outputs: Mapping[str, Any], cluster: Cluster) -> list[str]:
    """A line for everything that is not as it has to be; none where the next region may follow."""
    settings = regions[region]
    lists = _Lists(cluster, region)
    namespace = settings.kubernetes.namespace
    return [
        *_of_outputs(settings, outputs),
        *pods.lagging(lists, namespace),
        *_of_rollouts(lists, namespace),
        *_of_jobs(lists.list("batch/v1", "Job", namespace)),
        *_of_postgresql(lists.list("postgresql.cnpg.io/v1", "Cluster", namespace), settings, tuple(regions)),
        *([] if settings.is_home else _of_replication(cluster, settings)),
    ]


def _of_outputs(settings: Settings, outputs: Mapping[str, Any]) -> Iterator[str]:
    expected = {
        "region": settings.region.name,
        "role": "home" if settings.is_home else "standby",
        "home": settings.home,
        "promotion": "",
    }
    for name, value in expected.items():
        said = outputs.get(name, "")
        if said != value:
            yield f"the stack's output {name} is {said!r}, not {value!r}"


def _of_rollouts(lists: "_Lists", namespace: str) -> Iterator[str]:
    """Workloads whose pods are not all of the new kind. Whether those are ready, their pods say."""
    for kind in ("Deployment", "StatefulSet"):
        for one in lists.list("apps/v1", kind, namespace):
            status, name = one.get("status") or {}, one["metadata"]["name"]
            if int(status.get("observedGeneration") or 0) < int(one["metadata"].get("generation") or 0):
                yield f"{kind} {name}: its controller has not seen the update yet"
            elif int(status.get("updatedReplicas") or 0) < (wanted := int(one["spec"].get("replicas", 1))):
                yield f"{kind} {name}: {status.get('updatedReplicas') or 0} of {wanted} pods are of the update"


def _of_jobs(jobs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Those of the program: one of a CronJob fails on its own account, and its alert tells."""
    for job in jobs:
        metadata, status = job["metadata"], job.get("status") or {}
        if any(owner.get("kind") == "CronJob" for owner in metadata.get("ownerReferences") or ()):
            continue
        ended = {one["type"] for one in status.get("conditions") or () if one.get("status") == "True"}
        if "Failed" in ended:
            yield f"Job {metadata['name']} failed: kubectl logs job/{metadata['name']}"
        elif "Complete" not in ended:
            yield f"Job {metadata['name']} has not ended"


def _of_postgresql(clusters: Sequence[Mapping[str, Any]], settings: Settings, names: tuple[str, ...]) -> Iterator[str]:
    name = cluster_name(settings.region.name)
    manifest = next((one for one in clusters if one["metadata"]["name"] == name), None)
    if manifest is None:
        yield f"there is no PostgreSQL Cluster {name}"
        return
    found, wanted = database(manifest, names), int(manifest["spec"].get("instances") or 0)
    if found.fault:
        yield f"PostgreSQL: {found.fault}"
    if found.ready < wanted:
        yield f"PostgreSQL: {found.ready} of {wanted} instances are ready"
    if found.follows != settings.home:
        yield f"PostgreSQL follows {found.follows}, and {settings.home} is home"


def _of_replication(cluster: Cluster, settings: Settings) -> Iterator[str]:
    """Asked of the standby alone: home may be out of this machine's reach."""
    behind: Lag = lag(cluster, settings.region.name, None)
    allowed = settings.multiregion.rpo_seconds
    if behind.seconds is None:
        yield "PostgreSQL does not say how far it is behind home's"
    elif behind.seconds > allowed:
        yield f"PostgreSQL is {behind.seconds:.0f} s behind home's, multiregion.rpo_seconds allows {allowed}"


class _Lists:
    """A cluster by kubectl, as `rehearsal.pods` asks one."""

    def __init__(self, cluster: Cluster, region: str) -> None:
        self._cluster, self._region = cluster, region

    def list(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        del namespace  # the region's own
        group = api_version.rpartition("/")[0]
        return self._cluster.listed(self._region, f"{kind.lower()}s{'.' if group else ''}{group}")
