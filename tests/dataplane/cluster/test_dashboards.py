"""Under load, a real Prometheus has an answer to every query of every dashboard and of a review of the capacity, and
records every series.

What our own nodes cannot have: an ingress controller with a certificate, an object store for backups, and the edge of
another region. Their queries are tried on series alone (test_dashboard_queries.py, tests/dataplane/observability).
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capacity import observed
from dashboards.page import drawn
from dashboards.prometheus import Prometheus as Figures
from observability import recording
from observability.rule import Recording
from rehearsal import paths
from tests.dataplane.cluster import bringing
from tests.dataplane.cluster.prometheus import Prometheus
from tests.dataplane.cluster.service_load import ask, users
from tests.dataplane.cluster.stand import Stand, eventually
from tests.unit.dashboards import NAMES, Asked, Board, board

pytestmark = pytest.mark.own_nodes

SERVICE, IDLE = "memory-service", "memory-service-second"
SHOWN_SECONDS = 120
CERTIFICATE = "public_name:certificate:seconds"
NOT_HERE = (CERTIFICATE, "ingress:", "ingress_pod:")
"""Of series that nobody tells here: what their names begin with."""
REQUESTS, PODS = 200, 3


@pytest.fixture(scope="module")
def loaded(cluster: Stand, prometheus: Prometheus) -> Iterator[Prometheus]:
    """A Prometheus of a region whose users write, read and search all the time."""
    secret = cluster.secret(f"{SERVICE}-token")
    with users(cluster, SERVICE, [secret["token"], secret["next"]]):
        yield prometheus


def delivered(cluster: Stand) -> dict[str, Board]:
    """The dashboards that Grafana's sidecar would find, by name."""
    found = cluster.client.list("v1", "ConfigMap", cluster.namespace, label_selector="grafana_dashboard=1")
    files = {file: text for one in found for file, text in one["data"].items()}
    return {file.removesuffix(".json"): Board(json.loads(text)) for file, text in files.items()}


def expression(asked: Asked, region: str) -> str:
    """The query, with everything chosen."""
    chosen = asked.expr.replace("$region", region).replace("$zone", ".*").replace("$component", ".*")
    assert "$" not in chosen
    return chosen


def test_every_query_of_every_panel_returns_data(
    cluster: Stand, loaded: Prometheus, figure: Callable[[str], None]
) -> None:
    boards = delivered(cluster)
    assert sorted(boards) == sorted(NAMES)
    region = cluster.settings.region.name
    linked = {f"{name} of two regions": board(name, loaded.linked) for name in NAMES}
    queries = {
        (name, panel.title, asked.legend): expression(asked, region)
        for name, shown in {**boards, **linked}.items()
        for panel in shown.panels
        for asked in panel.asked
        if not any(name.startswith(NOT_HERE) for name in asked.series)
    }

    def shown() -> bool:
        assert [panel for panel, query in queries.items() if not loaded.query(query)] == []
        return True

    eventually("every panel shows something", shown, SHOWN_SECONDS, every=3)
    figure(f"monitoring: {len(queries)} queries of {len(boards)} dashboards return data on real nodes")


def test_the_page_of_the_region_has_every_panel(loaded: Prometheus) -> None:
    """Also over time; alerts are no series where none fires."""
    page = drawn(loaded.linked, Figures(loaded.url), time.time(), 600.0, loaded.url)
    empty = {panel.title for panel in page.panels if panel.unanswered}
    assert {title for title in empty if not title.startswith("Ingress: ")} <= {
        "Certificates: days left",
        "Which alerts",
    }
    assert len(page.panels) > len(empty)


def test_every_series_is_recorded(loaded: Prometheus) -> None:
    rules = [rule for group in recording.groups(loaded.linked) for rule in group.rules]
    names = {rule.record for rule in rules if isinstance(rule, Recording)}

    def told() -> bool:
        assert [name for name in sorted(names) if not (name.startswith(NOT_HERE) or loaded.query(name))] == []
        return True

    eventually("every series is recorded", told, SHOWN_SECONDS, every=3)


def test_a_pod_that_gets_all_requests_is_shown(cluster: Stand, loaded: Prometheus) -> None:
    """One of a service that has no other users."""
    pod = cluster.pods(f"app.kubernetes.io/instance={IDLE}")[0]
    with cluster.forwarded(pod.name, 9595) as port:
        for _ in range(REQUESTS):
            ask(port, "/stats")
    panel = board("shard-distribution", loaded.linked).panel("Times its fair share, now")
    (asked,) = (one for one in panel.asked if one.legend == "requests to the service")

    def shown() -> bool:
        (share,) = loaded.query(expression(asked, cluster.settings.region.name))
        assert 0.9 * PODS < share.value <= PODS, share
        requests = {
            one.labels["pod"]: one.value for one in loaded.query(f'service_pod:requests:rate5m{{service="{IDLE}"}}')
        }
        assert max(requests, key=requests.__getitem__) == pod.name
        return True

    eventually("the uneven load is shown", shown, 60)


def reviewed(url: str, checkout: Path, reviews: Path, *workload: str) -> str:
    """What a review says, asked for as a user does."""
    command = ["review", "--prometheus", url, "--stack", bringing.REGION, "--directory", str(checkout)]
    done = subprocess.run(
        [sys.executable, "-m", "capacity", *command, "--reviews", str(reviews), *workload],
        cwd=paths.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_review_observes_all_that_the_region_has_and_the_next_one_compares(
    cluster: Stand, loaded: Prometheus, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    checkout, _ = bringing.region(tmp_path)
    has = observed.given(cluster.settings, None)
    planned = ("memories_per_day=100", "concurrent_users=1", "namespaces=2", "objectives.latency_ms=20000")
    first = eventually(
        "a review has all its numbers", lambda: reviewed(loaded.url, checkout, tmp_path / "reviews"), SHOWN_SECONDS
    )
    # Files are of a second each.
    second = eventually(
        "another one follows", lambda: reviewed(loaded.url, checkout, tmp_path / "reviews", *planned), SHOWN_SECONDS
    )
    kept: list[dict[str, Any]] = [json.loads(file.read_text()) for file in sorted(tmp_path.glob("reviews/*.json"))]
    latency = {f"{SERVICE}.latency": 20.0}
    for said, review, given in zip((first, second), kept, (has, has | latency), strict=True):
        assert review["peaks"].keys() == has.keys() and review["given"] == given
        assert all(re.search(rf"(?m)^{re.escape(name)} ", said) for name in has)
        assert ("nothing to change\n" in said) == (review["step"] is None)
        assert review["step"] is None or all(
            f"{key} = {value}" in said for key, value in review["step"]["changes"].items()
        )
        # Whatever a limit or a disk holds is used, and not beyond it.
        for name, used in review["peaks"].items():
            full = name.partition(".")[2] in ("maxmemory", "connections") or "storage" in name
            assert 0 < used < (has[name] if full else float("inf")), name
    assert "planned" in kept[1] and f"at {kept[0]['at']}" in second and f"at {kept[0]['at']}" not in first
    table = second[: second.index("\n\n")].splitlines()
    assert [row.split()[-1] for row in table[1:]].count("–") == 0
    figure(f"capacity: a review observes {len(has)} uses of the region and is compared with the one before")
