"""Under load, a real Prometheus has an answer to every query of every dashboard, and records every series.

What our own nodes cannot have: an ingress controller with a certificate, an object store for backups, and the edge of
another region. Their queries are tried on series alone (test_dashboard_queries.py, tests/dataplane/observability).
"""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from dashboards.page import drawn
from dashboards.prometheus import Prometheus as Figures
from observability import recording
from observability.rule import Recording
from tests.dataplane.cluster.prometheus import Prometheus
from tests.dataplane.cluster.service_load import ask, users
from tests.dataplane.cluster.stand import Stand, eventually
from tests.unit.dashboards import NAMES, Asked, Board, board

pytestmark = pytest.mark.own_nodes

SERVICE, IDLE = "memory-service", "memory-service-second"
SHOWN_SECONDS = 120
CERTIFICATE = "public_name:certificate:seconds"
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
        if CERTIFICATE not in asked.expr
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
    assert empty <= {"Certificates: days left", "Which alerts"}
    assert len(page.panels) > len(empty)


def test_every_series_is_recorded(loaded: Prometheus) -> None:
    rules = [rule for group in recording.groups(loaded.linked) for rule in group.rules]
    names = {rule.record for rule in rules if isinstance(rule, Recording)} - {CERTIFICATE}

    def told() -> bool:
        assert [name for name in sorted(names) if not loaded.query(name)] == []
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
