"""Network load balancers of a region: made here, so that names can lead to them before a pod is there; the AWS Load
Balancer Controller puts the pods behind them (TargetGroupBinding).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import ec2, lb
from pulumi_kubernetes.apiextensions import CustomResource

from components.aws.gates import Gate, let_in, let_out
from components.objects import labels, untyped

API_VERSION: Final = "elbv2.k8s.aws/v1beta1"
ANYWHERE: Final = "0.0.0.0/0"
TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.2 and 1.3 with forward secrecy
(docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html).
"""
DRAIN_SECONDS: Final = 60
"""How long open connections to a pod that goes are left alone."""


@dataclass(frozen=True)
class Health:
    """How a load balancer asks a pod whether it serves."""

    port: int
    """Port of the pods that is asked."""
    path: str | None = None
    """Path of an HTTP request that is answered 200; None opens a connection only."""


@dataclass(frozen=True)
class Port:
    """One port of a load balancer, and the Service whose pods answer."""

    number: int
    """Port of the load balancer."""
    target: int
    """Port of the pods."""
    namespace: Input[str]
    """Kubernetes namespace of the Service."""
    service: str
    """Name of the Service."""
    service_port: int
    """Port of the Service."""
    health: Health
    keeps_client_address: bool = True
    """Whether pods see who calls, and not the load balancer; AWS does not do it for callers of a peered region."""
    certificate: Input[str] | None = None
    """ARN of a certificate of ACM: TLS ends here, and begins again towards the pods."""


@dataclass(frozen=True)
class LoadBalancerArgs:
    """One load balancer."""

    name: str
    """Unique in the account's region, 26 characters at most: target groups add protocol and port, and have 32."""
    vpc_id: Input[str]
    subnets: Sequence[Input[str]]
    """One a zone."""
    sources: Mapping[str, str]
    """Who may come: a name for each range of addresses."""
    pods: Input[str]
    """Security group of the nodes and their pods."""
    ports: Sequence[Port]
    provider: kubernetes.Provider
    """Kubernetes provider of the cluster whose pods answer."""
    internal: bool
    """Whether it has private addresses only."""
    after: Sequence[pulumi.Resource]
    """What brings the kind of TargetGroupBinding."""


class LoadBalancer(pulumi.ComponentResource):
    """A network load balancer over the region's zones, straight to the pods, for some sources only."""

    target: tuple[Output[str], Output[str]]
    """Its name, and the hosted zone of that: what aliases of Route 53 lead to."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:LoadBalancer", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        group = self._group()
        balancer = lb.LoadBalancer(
            f"{name}-balancer",
            name=args.name,
            internal=args.internal,
            load_balancer_type="network",
            subnets=list(args.subnets),
            security_groups=[group.id],
            # A zone whose pods are all gone is served by those of the others.
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=True,
            enable_zonal_shift=True,
            opts=ResourceOptions(parent=self, protect=True),
        )
        for port in args.ports:
            self._port(port, balancer, group)
        self.target = (balancer.dns_name, balancer.zone_id)
        self.register_outputs({"dns_name": balancer.dns_name})

    def _group(self) -> ec2.SecurityGroup:
        """In from the sources, out to the pods."""
        args = self._args
        made = ec2.SecurityGroup(
            f"{self._name}-group",
            name=args.name,
            description=f"Load balancer {args.name}",
            vpc_id=args.vpc_id,
            opts=self._own,
        )
        group, pods = made.id, args.pods
        for source, cidr in args.sources.items():
            for number in (port.number for port in args.ports):
                users = Gate(group, number, f"{source} to port {number}", cidr=cidr)
                let_in(f"{self._name}-from-{source}-{number}", users, self._own)
        for target in sorted({target for port in args.ports for target in (port.target, port.health.port)}):
            out = Gate(group, target, f"Pods, port {target}", peer=pods)
            let_out(f"{self._name}-to-{target}", out, self._own)
            to_pods = Gate(pods, target, f"Load balancer {args.name} to port {target}", peer=group)
            let_in(f"{self._name}-pods-{target}", to_pods, self._own)
        return made

    def _port(self, port: Port, balancer: lb.LoadBalancer, group: ec2.SecurityGroup) -> None:
        args, name = self._args, f"{self._name}-{port.number}"
        protocol = "TCP" if port.certificate is None else "TLS"
        # Another protocol makes another group: under another name, so that it is there before the listener leaves this
        # one, and with a binding of its own, which cannot be led to another group.
        group_name = f"{args.name}-{protocol[1].lower()}{port.number}"
        targets = lb.TargetGroup(
            name,
            name=group_name,
            vpc_id=args.vpc_id,
            port=port.target,
            protocol=protocol,
            target_type="ip",
            preserve_client_ip=str(port.keeps_client_address).lower(),
            deregistration_delay=DRAIN_SECONDS,
            health_check=_health_check(port.health),
            opts=self._own,
        )
        lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=port.number,
            protocol=protocol,
            certificate_arn=port.certificate,
            ssl_policy=TLS_POLICY if port.certificate is not None else None,
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            opts=self._own,
        )
        CustomResource(
            name,
            api_version=API_VERSION,
            kind="TargetGroupBinding",
            metadata=untyped(
                {
                    "name": group_name,
                    "namespace": port.namespace,
                    "labels": labels(args.name, "edge"),
                }
            ),
            spec={
                "targetGroupARN": targets.arn,
                "targetType": "ip",
                "serviceRef": {"name": port.service, "port": port.service_port},
            },
            opts=ResourceOptions(parent=self, provider=args.provider, depends_on=[*args.after, group]),
        )


def _health_check(health: Health) -> lb.TargetGroupHealthCheckArgs:
    """Asked every 5 seconds: a pod that does not serve is out of it after 10."""
    common: dict[str, Any] = {
        "port": str(health.port),
        "interval": 5,
        "timeout": 4,
        "healthy_threshold": 2,
        "unhealthy_threshold": 2,
    }
    if health.path is None:
        return lb.TargetGroupHealthCheckArgs(protocol="TCP", **common)
    return lb.TargetGroupHealthCheckArgs(protocol="HTTP", path=health.path, matcher="200", **common)
