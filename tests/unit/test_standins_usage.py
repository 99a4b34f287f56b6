"""How much the metrics stand-in says that a pod uses."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from rehearsal.kube import Manifest
from rehearsal.standins import usage
from rehearsal.standins.metrics import node_metrics, pod_metrics, registration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def container(name: str, cpu: str, memory: str, **more: Any) -> Manifest:
    return {"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


POD: Manifest = {
    "metadata": {"name": "web-1", "namespace": "soma", "labels": {"app": "web"}},
    "spec": {
        "nodeName": "node-1",
        "containers": [container("web", "8", "16Gi")],
        "initContainers": [
            container("gateway", "200m", "64Mi", restartPolicy="Always"),
            container("prepare", "1", "1Gi"),
        ],
    },
}


def milli(pod_use: dict[str, dict[str, Decimal]]) -> dict[str, int]:
    return {name: int(amounts["cpu"] * 1000) for name, amounts in pod_use.items()}


def test_a_pod_uses_little_of_what_it_asks_for_and_its_init_containers_nothing() -> None:
    assert milli(usage.of_pod(POD, ())) == {"web": 400, "gateway": 10}


def test_a_rule_states_the_use_of_the_whole_pod() -> None:
    use = usage.of_pod(POD, usage.rules('[{"selector": {"app": "web"}, "cpu": "1400m"}]'))
    assert milli(use) == {"web": 1400, "gateway": 0}
    assert use["web"]["memory"] == usage.of_pod(POD, ())["web"]["memory"]


def test_a_rule_may_name_a_container_and_a_share_of_the_requests() -> None:
    use = usage.of_pod(POD, usage.rules('[{"selector": {}, "container": "gateway", "cpu": "50%"}]'))
    assert milli(use) == {"web": 0, "gateway": 4100}


def test_the_first_rule_that_fits_counts() -> None:
    text = """[{"selector": {"app": "other"}, "cpu": "1"}, {"selector": {}, "namespace": "elsewhere", "cpu": "2"},
               {"selector": {"app": "web"}, "cpu": "3"}, {"selector": {}, "cpu": "4"}]"""
    assert milli(usage.of_pod(POD, usage.rules(text)))["web"] == 3000


@pytest.mark.parametrize(
    "text", ["no json", '{"selector": {}}', '[{"cpu": "1"}]', '[{"selector": {}, "cpu": "8gb"}]', '[{"pods": {}}]']
)
def test_faulty_rules_are_refused(text: str) -> None:
    with pytest.raises(usage.RulesError):
        usage.rules(text)


@pytest.mark.parametrize(
    ("text", "value"), [("100m", "0.1"), ("2", "2"), ("1.5Gi", 3 * 2**29), ("1G", 10**9), ("5k", 5000)]
)
def test_quantities_are_those_of_kubernetes(text: str, value: str | int) -> None:
    assert usage.quantity(text) == Decimal(value)


def test_a_node_uses_what_its_pods_use() -> None:
    node: Manifest = {"metadata": {"name": "node-1"}}
    assert node_metrics(node, [POD, POD], (), NOW)["usage"]["cpu"] == "820m"
    elsewhere: Manifest = {"metadata": {"name": "node-2"}}
    assert node_metrics(elsewhere, [POD], (), NOW)["usage"]["cpu"] == "0m"


def test_a_sample_is_fresh_so_that_an_autoscaler_takes_a_new_pod_into_account() -> None:
    metrics = pod_metrics(POD, (), NOW)
    assert (metrics["timestamp"], metrics["window"]) == ("2026-01-01T00:00:00Z", "1s")


def test_the_registration_trusts_the_certificate_and_names_the_port() -> None:
    service, api = registration(4321, "Y2VydA==")
    assert service["spec"]["type"] == "ExternalName"
    assert (api["spec"]["service"]["port"], api["spec"]["caBundle"]) == (4321, "Y2VydA==")
    assert "insecureSkipTLSVerify" not in api["spec"]
