"""The edge of a standby region: a proxy of its own takes users near it to the home region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes import apps, core, networking, policy

from components import objects
from components.objects import Manifest, untyped
from components.placement import Placement
from settings import Edge

NAME: Final = "memory-edge"
SERVICE_PORT: Final = 80
PORT, OWN_PORT = 8080, 8404
"""Of the pods: for users, and for probes and Prometheus (files/edge-proxy.cfg)."""
HOME_PORT: Final = 443

ENDPOINT_DRAIN: Final = 15
"""Seconds that the ingress controller gets to forget a pod before SIGTERM."""
GRACE: Final = 190
"""Seconds from the start of a termination to SIGKILL: 15 to be forgotten, 165 for calls under way
(hard-stop-after), the rest to end.
"""
UID: Final = 99
"""`haproxy` of the image (docker-library/haproxy, Dockerfile-alpine.template)."""

_CONFIGURATION: Final = "edge-proxy.cfg"
_FILES_FOLDER, _KEYS_FOLDER = "/opt/soma", "/run/soma/edge"


@dataclass(frozen=True)
class EdgeHome:
    """The home region as the proxy reaches it."""

    region: str
    """Name of the home region."""
    address: str
    """Name of its ingress controller."""
    hosts: Mapping[str, str]
    """Service of each memory namespace to what that ingress controller calls it."""
    ranges: Sequence[str] | None
    """Ranges with the addresses that the name may have; None where nobody states them."""
    callers: Output[Any]
    """Secret: what home gave out for edges (edge_entrance.EdgeEntrance.callers)."""


@dataclass(frozen=True)
class EdgeProxyArgs:
    """What the proxy needs to know."""

    placement: Placement
    replicas: int
    settings: Edge
    image: str
    """HAProxy."""
    home: EdgeHome
    ingress_namespace: str
    monitoring_namespace: str


class EdgeProxy(pulumi.ComponentResource):
    """HAProxy in every zone between the region's ingress controller and home's. It holds no state and knows no user."""

    ready: list[pulumi.Resource]
    """Once they are there, the proxy takes users."""

    def __init__(self, name: str, args: EdgeProxyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:edge:EdgeProxy", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)
        labels, selector = objects.labels(NAME, "edge"), objects.selector(NAME)
        stated = untyped(objects.metadata(NAME, args.placement, labels))
        account = core.v1.ServiceAccount(
            f"{name}-account", metadata=stated, automount_service_account_token=False, opts=own
        )
        text = configuration(args.home.hosts)
        files = core.v1.ConfigMap(f"{name}-files", metadata=stated, data={_CONFIGURATION: text}, opts=own)
        keys = core.v1.Secret(f"{name}-keys", metadata=stated, string_data=_keys(args.home.callers), opts=own)
        names = PodObjects(*(objects.named(made, NAME) for made in (account, files, keys)))
        template = pod_template(args, names, labels, selector, _content(text, args.home.callers))
        deployment = apps.v1.Deployment(
            f"{name}-deployment",
            metadata=stated,
            spec=untyped(objects.rolling_deployment(args.replicas, selector, template)),
            opts=own,
        )
        # After the pods: a Service without endpoints is waited for.
        service = core.v1.Service(
            f"{name}-service",
            metadata=stated,
            spec=untyped(service_spec(selector)),
            opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[deployment])),
        )
        policy.v1.PodDisruptionBudget(
            f"{name}-budget", metadata=stated, spec=untyped(objects.one_away(selector)), opts=own
        )
        networking.v1.NetworkPolicy(
            f"{name}-network", metadata=stated, spec=untyped(network_policy_spec(args, selector)), opts=own
        )
        self.ready = [deployment, service]
        self.register_outputs({})


@dataclass(frozen=True)
class PodObjects:
    """Names of the objects that a pod refers to."""

    account: Input[str]
    files: Input[str]
    keys: Input[str]


def configuration(hosts: Mapping[str, str]) -> str:
    """HAProxy's configuration: what is the same everywhere, and a backend for each Service of a memory namespace with
    what home's ingress controller calls it.
    """
    backend = objects.script("edge-proxy-backend.cfg")
    backends = (backend.replace("@SERVICE@", service).replace("@HOST@", host) for service, host in hosts.items())
    return "".join([objects.script(_CONFIGURATION), *backends])


def _keys(callers: Output[Any]) -> Output[dict[str, str]]:
    """HAProxy takes a certificate and its key from one file."""
    return callers.apply(
        lambda given: {"ca.crt": given["ca"], "client.pem": f"{given['client_certificate']}\n{given['client_key']}"}
    )


def _content(text: str, callers: Output[Any]) -> Output[str]:
    """Hash of all that HAProxy reads once, when it starts. The certificates are no secret, and change with the key."""
    return Output.unsecret(
        callers.apply(lambda given: objects.content_hash([text, given["ca"], given["client_certificate"]]))
    )


def pod_template(
    args: EdgeProxyArgs, names: PodObjects, labels: dict[str, str], selector: dict[str, str], content: Input[str]
) -> Manifest:
    """`spec.template` of the Deployment."""
    return {
        "metadata": {"labels": labels, "annotations": {"soma.io/files": content}},
        "spec": {
            "serviceAccountName": names.account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE,
            "securityContext": objects.restricted_pod_security(UID, UID, UID),
            "topologySpreadConstraints": objects.stateless_spread(selector),
            "containers": [_proxy(args)],
            "volumes": [
                {"name": "files", "configMap": {"name": names.files}},
                {"name": "keys", "secret": {"secretName": names.keys, "defaultMode": 0o440}},
            ],
        },
    }


def _proxy(args: EdgeProxyArgs) -> Manifest:
    variables = {
        "HOME_REGION": args.home.region,
        "HOME_ADDRESS": args.home.address,
        "RETRY_AFTER": str(args.settings.retry_after_seconds),
    }
    return {
        "name": "haproxy",
        "image": args.image,
        # The image ends it with SIGUSR1, which lets calls end.
        "command": ["haproxy", "-W", "-f", f"{_FILES_FOLDER}/{_CONFIGURATION}"],
        "env": objects.environment(variables),
        "ports": [
            {"name": "http", "containerPort": PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": OWN_PORT, "protocol": "TCP"},
        ],
        "resources": args.settings.resources.as_kubernetes(),
        "securityContext": objects.container_security(),
        # Of the proxy alone: home is away in all pods at once, and then they have to say so.
        "startupProbe": _probe(1, 60),
        "readinessProbe": _probe(5, 3),
        "livenessProbe": _probe(20, 6),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(ENDPOINT_DRAIN)]}}},
        "volumeMounts": [
            {"name": "files", "mountPath": _FILES_FOLDER, "readOnly": True},
            {"name": "keys", "mountPath": _KEYS_FOLDER, "readOnly": True},
        ],
    }


def _probe(period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": "/readyz", "port": "metrics"},
        "periodSeconds": period,
        "timeoutSeconds": 4,
        "failureThreshold": failures,
    }


def service_spec(selector: dict[str, str]) -> Manifest:
    """Spec of the Service, for the ingress controller."""
    return {
        "type": "ClusterIP",
        "selector": selector,
        "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}],
    }


def network_policy_spec(args: EdgeProxyArgs, selector: dict[str, str]) -> Manifest:
    """Spec of the network policy: from the ingress controller, and from monitoring to the metrics; to home (and DNS, as
    all). Where no ranges of home are stated, any address stands for it: the certificates say who is home.
    """
    return {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from([objects.namespace_named(args.ingress_namespace)], PORT),
            objects.allow_from([objects.namespace_named(args.monitoring_namespace)], OWN_PORT),
        ],
        "egress": [
            objects.allow_elsewhere(args.home.ranges, HOME_PORT),
        ],
    }
