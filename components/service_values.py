"""Values of the platform services' charts: more than one pod of each, spread over the zones, with a budget.

The keys are the charts' own; sources stand beside each, at the versions of components/versions.py.
"""

from collections.abc import Mapping
from typing import Any, Final

from components.monitors import NODE_ZONE
from components.objects import HOSTNAME, ZONE
from settings import Ingress
from settings.monitoring import Monitoring
from settings.services import Service

Values = Mapping[str, Any]

REPLICAS: Final = 3
"""Pods of what users or the API server wait for: one a zone."""
STANDBY: Final = 2
"""Pods of what elects a leader: one works, one waits in another zone."""
INGRESS_ENDS: Final = 180
"""Seconds that calls under way have to end when a pod of the ingress controller goes: more than any of them may take
(components/ingress.py), those that a standby takes to home too.
"""
ENDPOINT_DRAIN: Final = 15
"""Seconds before that in which nobody is sent to it any more."""


def _spread(**labels: str) -> list[dict[str, Any]]:
    """Over zones, and over nodes where there is a choice. Never a reason not to start: an operator that waits for a
    lost zone helps nobody.
    """
    names = {f"app.kubernetes.io/{key}": value for key, value in labels.items()}
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": names},
        }
        for key in (ZONE, HOSTNAME)
    ]


def _resources(cpu: str, memory: str) -> dict[str, Any]:
    """Memory is limited to what is reserved, so that no pod is taken for its neighbour's need; CPU is not limited."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def _volume(size: str) -> dict[str, Any]:
    """A volume of the cluster's default class: figures and silences outlive their pod."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"volumeClaimTemplate": {"spec": spec}}


def monitoring_volumes(storage_class: str) -> Values:
    """Values of the monitoring stack that take its volumes from a class."""
    named = {"volumeClaimTemplate": {"spec": {"storageClassName": storage_class}}}
    return {
        "prometheus": {"prometheusSpec": {"storageSpec": named}},
        "alertmanager": {"alertmanagerSpec": {"storage": named}},
    }


_OF_PODS_THAT_WAIT: Final = ("KubeContainerWaiting", "KubeDeploymentReplicasMismatch", "KubePodNotReady")
"""The chart's rules that fire for good in a standby, whose service waits for a promotion; the program's own know it."""


def monitoring(region: str, settings: Monitoring, *, home: bool) -> Values:
    """Values of the monitoring stack that a region's settings state. Elsewhere its series are told by `region`; only
    those that are recorded go there, and alerts, which are few however much the region holds.
    """
    spec: dict[str, Any] = {
        "retention": f"{settings.retention_days}d",
        "externalLabels": {"region": region},
    }
    there = settings.remote_write
    if there is not None:
        sent = [
            {"sourceLabels": ["__name__"], "regex": ".+:.+:.+|ALERTS", "action": "keep"},
            # The operator names each of a pair, and both would stand side by side there: one of them speaks.
            {"sourceLabels": ["prometheus_replica"], "regex": ".+-0", "action": "keep"},
            {"regex": "prometheus|prometheus_replica", "action": "labeldrop"},
        ]
        login = {key: {"name": there.secret, "key": key} for key in ("username", "password")}
        asked = {"basicAuth": login} if there.secret else {}
        spec["remoteWrite"] = [{"url": there.url, "writeRelabelConfigs": sent, **asked}]
    values: Values = {"prometheus": {"prometheusSpec": spec}}
    if settings.alertmanager_secret is not None:
        told = {"useExistingSecret": True, "configSecret": settings.alertmanager_secret}
        values["alertmanager"] = {"alertmanagerSpec": told}
    if not home:
        values["defaultRules"] = {"disabled": dict.fromkeys(_OF_PODS_THAT_WAIT, True)}
    return values


def ingress_controller(settings: Ingress) -> Values:
    """Of the ingress controller itself: the class that it serves, and whether cert-manager fills Secrets: a host may
    name an issuer only then.
    """
    issuers = {"enableCertManager": True} if settings.tls.cluster_issuer else {}
    return {"ingressClass": {"name": settings.class_name}, **issuers}


_BUDGET: Final = {"enabled": True, "maxUnavailable": 1}

LOAD_BALANCER: Final[Values] = {
    # github.com/kubernetes-sigs/aws-load-balancer-controller helm/aws-load-balancer-controller/values.yaml
    "replicaCount": STANDBY,
    "topologySpreadConstraints": _spread(name="aws-load-balancer-controller"),
    "podDisruptionBudget": {"maxUnavailable": 1},
    "resources": _resources("100m", "256Mi"),
    "defaultTargetType": "ip",
    "enableShield": False,
    "enableWaf": False,
    "enableWafv2": False,
    # The program's ingress is NGINX: no class that somebody might take by mistake.
    "createIngressClassResource": False,
    "ingressClassParams": {"create": False},
    # Certificates are made once and kept: else each update would make new ones, and roll the pods.
    "keepTLSSecret": True,
}

CERT_MANAGER: Final[Values] = {
    # github.com/cert-manager/cert-manager deploy/charts/cert-manager/values.yaml
    "crds": {"enabled": True, "keep": True},
    "replicaCount": STANDBY,
    "podDisruptionBudget": _BUDGET,
    "topologySpreadConstraints": _spread(name="cert-manager"),
    "resources": _resources("50m", "256Mi"),
    "webhook": {
        "replicaCount": REPLICAS,
        "podDisruptionBudget": _BUDGET,
        "topologySpreadConstraints": _spread(name="webhook"),
        "resources": _resources("20m", "128Mi"),
    },
    "cainjector": {
        "replicaCount": STANDBY,
        "podDisruptionBudget": _BUDGET,
        "topologySpreadConstraints": _spread(name="cainjector"),
        "resources": _resources("50m", "256Mi"),
    },
}

CLOUDNATIVE_PG: Final[Values] = {
    # github.com/cloudnative-pg/charts charts/cloudnative-pg/values.yaml. Webhooks are answered by every pod.
    "replicaCount": REPLICAS,
    "topologySpreadConstraints": _spread(name="cloudnative-pg"),
    "resources": _resources("100m", "256Mi"),
}

BARMAN_CLOUD: Final[Values] = {
    # github.com/cloudnative-pg/charts charts/plugin-barman-cloud/values.yaml
    "replicaCount": STANDBY,
    "topologySpreadConstraints": _spread(name="plugin-barman-cloud"),
    "resources": _resources("50m", "128Mi"),
}

NGINX: Final[Values] = {
    # github.com/nginx/kubernetes-ingress charts/nginx-ingress/values.yaml
    "controller": {
        "kind": "deployment",
        "replicaCount": REPLICAS,
        "ingressClass": {"create": True, "setAsDefaultIngress": False},
        "enableCustomResources": True,
        "enableSnippets": False,
        # How services answer, as those who come in see it; without it the open source NGINX tells of requests alone.
        "enableLatencyMetrics": True,
        # Each change of endpoints gives NGINX new workers, and the old ones end kept connections that have no request
        # under way: one that a client sends at that moment would be lost. In use, a connection is not ended so soon.
        "config": {"entries": {"http-snippets": "keepalive_min_timeout 10s;"}},
        "resources": _resources("500m", "512Mi"),
        "podDisruptionBudget": _BUDGET,
        "topologySpreadConstraints": _spread(name="nginx-ingress"),
        "terminationGracePeriodSeconds": ENDPOINT_DRAIN + INGRESS_ENDS,
        "lifecycle": {"preStop": {"sleep": {"seconds": ENDPOINT_DRAIN}}},
        "readOnlyRootFilesystem": True,
        # The client's address reaches the rate limit.
        "service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
    },
    "prometheus": {"create": True, "port": 9113, "scheme": "http"},
}

PROMETHEUS: Final[Values] = {
    # github.com/prometheus-community/helm-charts charts/kube-prometheus-stack/values.yaml. Objects of every release
    # and of the program are found, whatever their labels.
    "prometheus": {
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "prometheusSpec": {
            "replicas": 2,
            "podAntiAffinity": "hard",
            "podAntiAffinityTopologyKey": ZONE,
            "retentionSize": "45GB",
            "resources": _resources("500m", "4Gi"),
            "storageSpec": _volume("50Gi"),
            **{
                f"{kind}SelectorNilUsesHelmValues": False
                for kind in ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig")
            },
        },
    },
    # Figures of nodes by their names and zones, which the program's rules ask for.
    "kube-state-metrics": {"metricLabelsAllowlist": [f"nodes=[{ZONE}]"]},
    "prometheus-node-exporter": {
        "prometheus": {
            "monitor": {
                "attachMetadata": {"node": True},
                "relabelings": [
                    {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"},
                    {"sourceLabels": [NODE_ZONE], "targetLabel": "zone"},
                ],
            }
        }
    },
    "alertmanager": {
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "alertmanagerSpec": {
            "replicas": 2,
            "podAntiAffinity": "hard",
            "podAntiAffinityTopologyKey": ZONE,
            "resources": _resources("50m", "256Mi"),
            "storage": _volume("5Gi"),
        },
    },
}

VALUES: Final[Mapping[Service, Values]] = {
    "aws-load-balancer-controller": LOAD_BALANCER,
    "cert-manager": CERT_MANAGER,
    "cloudnative-pg": CLOUDNATIVE_PG,
    "plugin-barman-cloud": BARMAN_CLOUD,
    "nginx-ingress": NGINX,
    "kube-prometheus-stack": PROMETHEUS,
}
