"""What tells figures for others: of names and regions that are asked from here, and of Qdrant's shards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes import apps, core, networking, policy

from components import objects, qdrant_keys, qdrant_scripts
from components.hosts import full_host
from components.objects import Manifest, untyped
from components.placement import Placement
from components.postgres_cluster import POSTGRES_PORT
from components.qdrant_services import HTTP as QDRANT_PORT
from observability.scope import EXPORTERS as NAME

BLACKBOX_PORT, QDRANT_EXPORTER_PORT = 9115, 9117
_BLACKBOX_FOLDER: Final = "/etc/blackbox"
_SCRIPTS: Final = ("qdrant_rest.py", "qdrant_exporter.py")
_LABELS = objects.labels(NAME, "monitoring")
_SELECTOR = objects.selector(NAME)
_TOKEN: Final = "read-only-api-key"  # noqa: S105 (the name of a key)


@dataclass(frozen=True)
class ExportersArgs:
    """What the exporters need to know."""

    placement: Placement
    replicas: int
    blackbox_image: str
    """blackbox_exporter: asks names and regions from outside."""
    python_image: str
    """Runs the exporter of Qdrant's shards: Python 3 with its standard library."""
    qdrant: Mapping[str, str]
    """URL of each Qdrant node by its pod."""
    qdrant_pods: Mapping[str, str]
    """Labels of Qdrant's pods."""
    tls: bool
    """Whether the public names are asked over TLS."""
    links: bool
    """Whether other regions are asked."""
    monitoring_namespace: str
    after: Sequence[pulumi.Resource] = ()


class Exporters(pulumi.ComponentResource):
    """One Deployment with both: each pod tells the same, and any of them is enough."""

    prober: Output[str]
    """Place of the blackbox exporter, host and port."""

    def __init__(self, name: str, args: ExportersArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:monitoring:Exporters", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)
        stated = untyped(objects.metadata(NAME, args.placement, _LABELS))
        account = core.v1.ServiceAccount(
            f"{name}-account", metadata=stated, automount_service_account_token=False, opts=own
        )
        data = files(args)
        config = core.v1.ConfigMap(f"{name}-files", metadata=stated, data=data, opts=own)
        deployment = apps.v1.Deployment(
            f"{name}-deployment",
            metadata=stated,
            spec=untyped(
                objects.rolling_deployment(args.replicas, _SELECTOR, pod_template(args, objects.content_hash(data)))
            ),
            opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[account, config, *args.after])),
        )
        core.v1.Service(
            f"{name}-service",
            metadata=stated,
            spec=untyped(service_spec()),
            opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[deployment])),
        )
        policy.v1.PodDisruptionBudget(
            f"{name}-budget", metadata=stated, spec=untyped(objects.one_away(_SELECTOR)), opts=own
        )
        networking.v1.NetworkPolicy(
            f"{name}-network", metadata=stated, spec=untyped(network_policy_spec(args)), opts=own
        )
        self.prober = Output.concat(full_host(NAME, args.placement), f":{BLACKBOX_PORT}")
        self.register_outputs({"prober": self.prober})


def files(args: ExportersArgs) -> dict[str, str]:
    """Scripts and configuration: file name to text."""
    return {
        **{name: objects.script(name) for name in _SCRIPTS},
        "blackbox.json": json.dumps({"modules": modules(tls=args.tls)}, indent=2),
    }


def modules(*, tls: bool) -> dict[str, Manifest]:
    """How the blackbox exporter asks (github.com/prometheus/blackbox_exporter v0.28, CONFIGURATION.md). The service
    answers 200 whatever it finds, so its words are read: those that Route 53 looks for, too.
    """
    health: Manifest = {
        "valid_status_codes": [200],
        "follow_redirects": False,
        "preferred_ip_protocol": "ip4",
        "fail_if_body_not_matches_regexp": ['"kv_store":true,"vector_store":true'],
    }
    return {
        "region_link": {"prober": "tcp", "timeout": "5s", "tcp": {"preferred_ip_protocol": "ip4"}},
        "health": {"prober": "http", "timeout": "9s", "http": {**health, "fail_if_not_ssl": tls}},
    }


def pod_template(args: ExportersArgs, content: str) -> Manifest:
    """`spec.template` of the Deployment."""
    uid = qdrant_scripts.UID
    return {
        "metadata": {"labels": _LABELS, "annotations": {"soma.io/files": content}},
        "spec": {
            "serviceAccountName": NAME,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": objects.restricted_pod_security(uid, uid, uid),
            "topologySpreadConstraints": objects.stateless_spread(_SELECTOR),
            "containers": [_blackbox(args.blackbox_image), _qdrant(args)],
            "volumes": [
                {"name": "files", "configMap": {"name": NAME}},
                objects.secret_key_volume("keys", qdrant_keys.SECRET, _TOKEN),
            ],
        },
    }


def _blackbox(image: str) -> Manifest:
    return {
        "name": "blackbox",
        "image": image,
        "args": [
            f"--config.file={_BLACKBOX_FOLDER}/blackbox.json",
            f"--web.listen-address=:{BLACKBOX_PORT}",
        ],
        "ports": [{"name": "blackbox", "containerPort": BLACKBOX_PORT, "protocol": "TCP"}],
        "resources": objects.small_resources("10m", "32Mi", "200m", "64Mi"),
        "securityContext": objects.container_security(),
        **_probes("/-/healthy", "blackbox"),
        # Endpoints drain before SIGTERM arrives: a failed question would read as a region that is down.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "volumeMounts": [{"name": "files", "mountPath": _BLACKBOX_FOLDER, "readOnly": True}],
    }


def _qdrant(args: ExportersArgs) -> Manifest:
    environment = {
        "QDRANT_NODES": json.dumps(dict(args.qdrant), sort_keys=True),
        "QDRANT_API_KEY_FILE": f"/run/keys/{_TOKEN}",
        "PORT": str(QDRANT_EXPORTER_PORT),
    }
    container = qdrant_scripts.container(
        "qdrant",
        args.python_image,
        "qdrant_exporter",
        environment,
        objects.small_resources("10m", "48Mi", "200m", "96Mi"),
    )
    return {
        **container,
        "ports": [{"name": "qdrant", "containerPort": QDRANT_EXPORTER_PORT, "protocol": "TCP"}],
        # Of the exporter alone: a Qdrant that is away is what it has to tell.
        **_probes("/", "qdrant"),
    }


def _probes(path: str, port: str) -> Manifest:
    asked = {"httpGet": {"path": path, "port": port}, "timeoutSeconds": 5}
    return {
        "readinessProbe": {**asked, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**asked, "periodSeconds": 20, "failureThreshold": 6},
    }


def service_spec() -> Manifest:
    """Spec of the Service through which Prometheus has the blackbox exporter ask."""
    port = {"name": "blackbox", "port": BLACKBOX_PORT, "targetPort": "blackbox", "protocol": "TCP"}
    return {"type": "ClusterIP", "selector": _SELECTOR, "ports": [port]}


def network_policy_spec(args: ExportersArgs) -> Manifest:
    """From monitoring; to Qdrant, to the public names, and to other regions' PostgreSQL, which all are behind load
    balancers whose addresses nobody knows before.
    """
    outside = [443 if args.tls else 80, *([POSTGRES_PORT] if args.links else [])]
    return {
        "podSelector": {"matchLabels": _SELECTOR},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from(
                [objects.namespace_named(args.monitoring_namespace)], BLACKBOX_PORT, QDRANT_EXPORTER_PORT
            )
        ],
        "egress": [
            objects.allow_to([objects.pods(args.qdrant_pods)], QDRANT_PORT),
            {"ports": objects.tcp(*outside)},
        ],
    }
