"""The whole program on real nodes: every part of the region runs, in its zones."""

from collections import Counter
from typing import Any

from tests.dataplane.cluster.stand import Stand, eventually


def zones_of(stand: Stand, selector: str) -> Counter[str]:
    """How many ready pods there are in each zone."""
    return Counter(stand.zone_of(pod) for pod in stand.pods(selector) if pod.ready)


def test_every_part_has_its_pods_in_every_zone(cluster: Stand) -> None:
    names = [cluster.settings.kubernetes.zone_value(zone) for zone in cluster.settings.high_availability.zones]
    one_each, two_each = dict.fromkeys(names, 1), dict.fromkeys(names, 2)
    wanted = {
        "app.kubernetes.io/instance=memory-service": one_each,
        "app.kubernetes.io/instance=memory-service-second": one_each,
        "app.kubernetes.io/name=qdrant": one_each,
        "app.kubernetes.io/name=redis": two_each,
        "cnpg.io/podRole=instance": one_each,
        "cnpg.io/poolerName": one_each,
    }
    for selector, expected in wanted.items():
        # A pod that a fault hit before is ready again in a moment.
        eventually(f"{selector}: {expected}", lambda s=selector, e=expected: zones_of(cluster, s) == e, 120)


def failed(job: dict[str, Any]) -> bool:
    return any(one["type"] == "Failed" and one["status"] == "True" for one in job["status"].get("conditions") or [])


def cron_of(job: dict[str, Any]) -> str | None:
    """The CronJob that made a Job."""
    owners = job["metadata"].get("ownerReferences") or []
    return next((owner["name"] for owner in owners if owner["kind"] == "CronJob"), None)


def last_runs(jobs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The youngest Job of each CronJob."""
    oldest_first = sorted(jobs, key=lambda job: job["metadata"]["creationTimestamp"])
    return {cron: job for job in oldest_first if (cron := cron_of(job)) is not None}


def test_every_job_of_the_program_is_done(cluster: Stand) -> None:
    jobs = [job for job in cluster.client.list("batch/v1", "Job", cluster.namespace) if cron_of(job) is None]
    assert {job["metadata"]["name"].rsplit("-", 1)[0] for job in jobs} >= {
        "postgresql-schema",
        "qdrant-collections",
        "redis-bootstrap",
    }
    assert not [job["metadata"]["name"] for job in jobs if failed(job)]


def test_no_last_run_of_a_schedule_failed(cluster: Stand) -> None:
    """A run that met a fault of an earlier test may have failed: the one after it has to be well."""

    def all_well() -> bool:
        last = last_runs(cluster.client.list("batch/v1", "Job", cluster.namespace))
        assert "redis-healer" in last
        ill = [job["metadata"]["name"] for job in last.values() if failed(job)]
        assert not ill, ill
        return True

    eventually("every schedule's last run is well", all_well, 180)
