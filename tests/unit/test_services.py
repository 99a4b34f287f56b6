"""Platform services: which are installed, in which order, with which versions."""

import json
import re
from typing import Any

import pytest

from components import service_values
from components.services import AFTER, merged
from components.versions import CHARTS
from rehearsal import paths
from settings import load
from settings.services import OF_AWS, SERVICES, Service
from tests.unit.aws_region import ACCOUNT, OPERATORS, Regions, two
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack
from tests.unit.test_settings import region

AWS = {"account": ACCOUNT, "cluster": {"admins": [OPERATORS]}}


def releases(run: Recorded) -> dict[str, Resource]:
    return {str(one.inputs["name"]): one for one in run.resources if one.type == "kubernetes:helm.sh/v3:Release"}


def test_every_service_has_a_pinned_chart_and_values() -> None:
    assert set(CHARTS) == set(SERVICES) == set(service_values.VALUES)
    for name, chart in CHARTS.items():
        assert re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+", chart.version), name
        assert (chart.repository or "").startswith("https://") != chart.name.startswith("oci://"), name


def test_a_service_comes_after_those_that_it_needs() -> None:
    for service, others in AFTER.items():
        assert all(SERVICES.index(other) < SERVICES.index(service) for other in others), service


def test_on_aws_everything_is_installed_and_pods_come_after_it() -> None:
    east, _ = two()
    made = releases(east)
    assert set(made) == set(SERVICES)
    for name in SERVICES:
        release, chart = made[name], CHARTS[name]
        assert (release.inputs["chart"], release.inputs["version"]) == (chart.name, chart.version)
        assert release.inputs["atomic"] is True
        assert (release.inputs.get("repositoryOpts") or {}).get("repo") == chart.repository
        for other in AFTER.get(name, ()):
            assert made[other].urn in release.depends_on, (name, other)
    namespace = east.one("Namespace", "somafractalmemory")
    assert {release.urn for release in made.values()} <= set(namespace.depends_on)
    assert {name: release.inputs["namespace"] for name, release in made.items()} == {
        "aws-load-balancer-controller": "kube-system",
        "cert-manager": "cert-manager",
        "cloudnative-pg": "cnpg-system",
        "plugin-barman-cloud": "cnpg-system",
        "nginx-ingress": "nginx-ingress",
        "kube-prometheus-stack": "monitoring",
    }


def test_the_controller_is_told_what_its_pods_cannot_ask() -> None:
    values = releases(two()[0])["aws-load-balancer-controller"].inputs["values"]
    assert (values["clusterName"], values["region"]) == ("somafractalmemory-us-east", "us-east-1")
    assert values["vpcId"].startswith("vpc-")
    assert values["serviceAccount"]["name"] == "aws-load-balancer-controller"


def test_the_ingress_controller_asks_for_no_second_load_balancer() -> None:
    service = releases(two()[0])["nginx-ingress"].inputs["values"]["controller"]["service"]
    assert service["type"] == "ClusterIP"


def test_the_ingress_controller_tells_what_rules_ask_of_it() -> None:
    values = releases(two()[0])["nginx-ingress"].inputs["values"]
    assert values["prometheus"]["create"] is True
    assert values["controller"]["enableLatencyMetrics"] is True


def test_an_ingress_controller_of_the_program_is_missed_when_it_is_silent() -> None:
    (rule,) = (
        rule
        for group in two()[0].one("PrometheusRule", "somafractalmemory").spec["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "TargetMissing"
    )
    assert 'absent(up{job="nginx-ingress", namespace="nginx-ingress", region="us-east"})' in rule["expr"]


@pytest.mark.parametrize("part", ["kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy"])
def test_what_eks_runs_out_of_sight_is_not_looked_for(part: str) -> None:
    assert releases(two()[0])["kube-prometheus-stack"].inputs["values"][part] == {"enabled": False}


def monitoring_stack(run: Recorded) -> dict[str, Any]:
    return releases(run)["kube-prometheus-stack"].inputs["values"]


def test_figures_of_nodes_carry_the_names_and_zones_that_rules_ask_for() -> None:
    values = monitoring_stack(two()[0])
    assert values["kube-state-metrics"]["metricLabelsAllowlist"] == ["nodes=[topology.kubernetes.io/zone]"]
    monitor = values["prometheus-node-exporter"]["prometheus"]["monitor"]
    assert monitor["attachMetadata"] == {"node": True}
    assert {rule["targetLabel"]: rule["sourceLabels"] for rule in monitor["relabelings"]} == {
        "node": ["__meta_kubernetes_pod_node_name"],
        "zone": ["__meta_kubernetes_node_label_topology_kubernetes_io_zone"],
    }


def test_each_region_says_which_it_is_and_keeps_its_figures_for_itself() -> None:
    for run in two():
        spec = monitoring_stack(run)["prometheus"]["prometheusSpec"]
        assert (spec["externalLabels"], spec["retention"]) == ({"region": run.stack}, "15d")
        assert "remoteWrite" not in spec


@pytest.mark.parametrize("secret", [None, "receiver"])
def test_recorded_series_and_alerts_go_where_settings_say(secret: str | None) -> None:
    there = {"url": "https://metrics.example.com/api/v1/write", **({"secret": secret} if secret else {})}
    run = Regions(aws=AWS, more={"monitoring": {"remote_write": there, "retention_days": 3}}).up("us-east")
    spec = monitoring_stack(run)["prometheus"]["prometheusSpec"]
    (write,) = spec["remoteWrite"]
    assert (write["url"], spec["retention"]) == (there["url"], "3d")
    rule, one_of_two, unnamed = write["writeRelabelConfigs"]
    assert (rule["sourceLabels"], rule["action"]) == (["__name__"], "keep")
    assert (one_of_two["sourceLabels"], one_of_two["action"]) == (["prometheus_replica"], "keep")
    pair = [f"prometheus-kube-prometheus-stack-prometheus-{ordinal}" for ordinal in range(2)]
    assert [name for name in pair if re.fullmatch(one_of_two["regex"], name)] == pair[:1]
    assert unnamed["action"] == "labeldrop"
    labels = ("prometheus", "prometheus_replica", "region", "pod")
    assert [name for name in labels if re.fullmatch(unnamed["regex"], name)] == ["prometheus", "prometheus_replica"]
    kept = [name for name in ("service:requests:rate5m", "ALERTS", "up", "api_requests_total", "node_load1")
            if re.fullmatch(rule["regex"], name)]  # fmt: skip
    assert kept == ["service:requests:rate5m", "ALERTS"]
    login = {key: {"name": secret, "key": key} for key in ("username", "password")} if secret else None
    assert write.get("basicAuth") == login


def test_pods_that_wait_for_a_promotion_are_no_alarm() -> None:
    home, standby = two()
    assert "disabled" not in monitoring_stack(home).get("defaultRules", {})
    waiting = {"KubeContainerWaiting": True, "KubeDeploymentReplicasMismatch": True, "KubePodNotReady": True}
    assert monitoring_stack(standby)["defaultRules"]["disabled"] == waiting


def test_alerts_go_to_whom_settings_name(caplog: pytest.LogCaptureFixture) -> None:
    nobody = "us-east tells nobody of its alerts: name the Secret of who is told in monitoring.alertmanager_secret"
    told = Regions(aws=AWS, more={"monitoring": {"alertmanager_secret": "on-call"}}).up("us-east")
    spec = monitoring_stack(told)["alertmanager"]["alertmanagerSpec"]
    assert (spec["useExistingSecret"], spec["configSecret"], spec["replicas"]) == (True, "on-call", 2)
    assert nobody not in caplog.text
    silent = Regions(aws=AWS).up("us-east")
    assert "configSecret" not in monitoring_stack(silent)["alertmanager"]["alertmanagerSpec"]
    assert nobody in caplog.text


def test_nothing_is_installed_on_a_cluster_of_somebody_else(us_east: Recorded) -> None:
    assert releases(us_east) == {}
    assert not [one for one in us_east.resources if one.type == "soma:platform:PlatformServices"]


def test_what_a_cluster_lacks_is_installed_where_it_is_said() -> None:
    there = [service for service in SERVICES if service not in ("cert-manager", "nginx-ingress", *OF_AWS)]
    run = record_stack("us-east", overrides={"services": {"installed": there}})
    assert set(releases(run)) == {"cert-manager", "nginx-ingress"}
    assert releases(run)["nginx-ingress"].inputs["values"]["controller"]["service"]["type"] == "LoadBalancer"
    assert {one.urn for one in releases(run).values()} <= set(run.one("Namespace", "somafractalmemory").depends_on)


@pytest.mark.parametrize("issuer", [None, "letsencrypt"])
def test_the_ingress_controller_takes_issuers_where_one_is_named(issuer: str | None) -> None:
    tls = {"ingress": {"tls": {"cluster_issuer": issuer}}} if issuer else {}
    run = Regions(aws=AWS, more={"services": {"installed": []}, **tls}).up("us-east")
    controller = releases(run)["nginx-ingress"].inputs["values"]["controller"]
    assert controller.get("enableCertManager", False) == bool(issuer)


def test_the_ingress_controller_serves_the_class_that_the_hosts_ask_for() -> None:
    run = Regions(aws=AWS, more={"ingress": {"class": "inside"}}).up("us-east")
    controller = releases(run)["nginx-ingress"].inputs["values"]["controller"]
    assert controller["ingressClass"] == {"name": "inside", "create": True, "setAsDefaultIngress": False}
    assert {server.spec["ingressClassName"] for server in run.of("VirtualServer")} == {"inside"}


def test_a_controller_of_others_is_to_be_told_what_ours_is_told() -> None:
    entries = service_values.NGINX["controller"]["config"]["entries"]
    page = (paths.CHECKOUT / "docs" / "kubernetes-setup.md").read_text()
    assert json.dumps({"data": entries}, separators=(",", ":")) in page


def test_what_is_there_on_aws_is_left_alone() -> None:
    settings = load(
        Regions(aws=AWS, more={"services": {"installed": ["cert-manager"]}}).configuration("us-east"), "us-east"
    )
    assert settings.services_to_install == tuple(service for service in SERVICES if service != "cert-manager")


def test_a_service_that_nobody_knows_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Exception, match=r"services\.installed\[0\].*cert-manager"):
        load(region(services={"installed": ["certmanager"]}), "us-east")


def test_values_are_laid_over_each_other_map_by_map() -> None:
    own: dict[str, Any] = {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}
    assert merged(own, {"a": {"c": {"f": 3}}, "e": [2]}) == {"a": {"b": 1, "c": {"d": 2, "f": 3}}, "e": [2]}
    assert own == {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_outlives_a_zone(service: Service) -> None:
    """More than one pod, over the zones, and a budget where the chart has one."""
    text = repr(service_values.VALUES[service])
    assert "topology.kubernetes.io/zone" in text
    assert re.search(r"'replica(s|Count)': [23]", text)
