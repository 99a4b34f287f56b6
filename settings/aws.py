"""A region that is made from nothing on AWS: its network, its cluster, its nodes."""

import re
from collections.abc import Callable
from string import ascii_lowercase
from typing import Annotated, Final, Literal

from pydantic import Field

from settings.model import Count, FrozenMap, Model, Texts, checked
from settings.names import Label
from settings.networks import Cidr
from settings.quantity import Bytes, Quantity

USE: Final = "soma.io/nodes"
"""Label of every node, and key of the taint on those of the stores: what they are for."""
STATEFUL: Final = "stateful"
STATELESS: Final = "stateless"

_TOKEN: Final = ("aws", "eks", "get-token", "--output", "json", "--cluster-name", "{cluster}", "--region", "{region}")


def _matches(pattern: str, remedy: str) -> Callable[[str], str]:
    expression = re.compile(pattern)

    def check(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError(remedy)
        return text

    return check


AwsRegion = Annotated[
    str, checked(_matches(r"[a-z]{2,3}(-[a-z]+){1,2}-[0-9]", 'not a region of AWS: write it like "us-east-1"'))
]
Account = Annotated[str, checked(_matches(r"[0-9]{12}", 'not an account: twelve digits in quotes, "123456789012"'))]
RoleArn = Annotated[
    str,
    checked(
        _matches(
            r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]{1,512}",
            'not a role or user of IAM: write its ARN, "arn:aws:iam::123456789012:role/operators"',
        )
    ),
]
VpcId = Annotated[str, checked(_matches(r"vpc-[0-9a-f]{8,17}", 'not a VPC: write its id, "vpc-0123456789abcdef0"'))]
SubnetId = Annotated[
    str, checked(_matches(r"subnet-[0-9a-f]{8,17}", 'not a subnet: write its id, "subnet-0123456789abcdef0"'))
]
SecurityGroupId = Annotated[
    str, checked(_matches(r"sg-[0-9a-f]{8,17}", 'not a security group: write its id, "sg-0123456789abcdef0"'))
]
RouteTableId = Annotated[
    str, checked(_matches(r"rtb-[0-9a-f]{8,17}", 'not a route table: write its id, "rtb-0123456789abcdef0"'))
]
HostedZoneId = Annotated[
    str, checked(_matches(r"Z[A-Z0-9]{1,31}", 'not a hosted zone: write its id, "Z0123456789ABCDEFGHIJ"'))
]
Location = Annotated[
    str,
    checked(
        _matches(
            r"\*|AF|AN|AS|EU|NA|OC|SA|country:[A-Z]{2}",
            'not a place that Route 53 knows: a continent such as "EU", a country as "country:DE", or "*"',
        )
    ),
]
ClusterName = Annotated[
    str,
    checked(_matches(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "not a name of an EKS cluster: letters, digits, - and _")),
]
Minor = Literal["1.35", "1.36"]
"""Versions in EKS's standard support that CloudNativePG 1.30 is made for; components/versions.py has versions of the
add-ons for each."""
ADDONS: Final = (
    "vpc-cni",
    "kube-proxy",
    "eks-pod-identity-agent",
    "coredns",
    "aws-ebs-csi-driver",
    "metrics-server",
)
"""Add-ons of a cluster that the program makes; components/versions.py has their versions."""
InstanceType = Annotated[
    str, checked(_matches(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", 'not an instance type: write it like "m7i.4xlarge"'))
]


class ExistingZone(Model):
    """Subnets of one zone of a VPC that is there already."""

    private: SubnetId = Field(description="Subnet of nodes and pods.")
    public: SubnetId | None = Field(default=None, description="Subnet of public load balancers.")
    isolated: SubnetId | None = Field(
        default=None, description="Subnet of the control plane's interfaces; the private one when left out."
    )
    route_table: RouteTableId = Field(description="Route table of the private subnet: links to other regions go there.")


class ExistingNetwork(Model):
    """A VPC that is there already: nothing of it is made or changed but routes to other regions."""

    vpc: VpcId = Field(description="The VPC.")
    zones: tuple[ExistingZone, ...] = Field(
        min_length=1, description="Subnets of each zone, in the order of `high_availability.zones`."
    )


class Network(Model):
    """The region's VPC."""

    existing: ExistingNetwork | None = Field(default=None, description="A VPC of yours in place of a new one.")
    flow_log_days: Count = Field(default=90, description="Days for which the VPC's flow logs are kept.")


class ExistingCluster(Model):
    """An EKS cluster that is there already, with nodes and add-ons: nothing of it is made or changed."""

    name: ClusterName = Field(description="Its name.")
    security_group: SecurityGroupId = Field(
        description="Group of its nodes and pods: load balancers are let through it."
    )


class Cluster(Model):
    """The region's EKS cluster."""

    existing: ExistingCluster | None = Field(
        default=None,
        description="An EKS cluster of yours in place of a new one; `kubernetes.kubeconfig` and `context` lead to it.",
    )
    version: Minor = Field(default="1.36", description="Minor version of Kubernetes.")
    addons: Texts = Field(
        default=FrozenMap({}), description="Version of an add-on in place of this release's, by the add-on's name."
    )
    admins: tuple[RoleArn, ...] = Field(
        default=(),
        description="Roles and users of IAM that administer the cluster, with the one that runs this program among "
        "them; a new cluster needs one, since whoever makes it gets no rights by that.",
    )
    public_access_cidrs: tuple[Cidr, ...] = Field(
        default=(), description="Ranges from which the API server is reached over the internet; none: only privately."
    )
    log_days: Count = Field(default=90, description="Days for which the control plane's logs are kept.")
    token_command: tuple[str, ...] = Field(
        default=_TOKEN,
        min_length=1,
        description="Command that prints a token of the cluster for kubectl and this program.",
    )


_ARM: Final = re.compile(r"a1\.|[a-z]+[0-9]+g")
"""Families with an ARM processor have a g after their generation: m7g, c7gn, is4gen
(docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html)."""


def is_arm(instance_type: str) -> bool:
    """Has it an ARM processor? Every other one is x86_64."""
    return _ARM.match(instance_type) is not None


class NodeGroup(Model):
    """Nodes of one use: a managed node group a zone."""

    instance_types: tuple[InstanceType, ...] = Field(
        default=("m7i.4xlarge", "m6i.4xlarge"), min_length=1, description="Instance types, the preferred one first."
    )
    per_zone: Count = Field(default=2, description="Nodes in each zone; one is the spare of the other.")
    disk: Bytes = Field(default=Quantity("100Gi"), description="Root volume of a node: images, logs.")


class Nodes(Model):
    """The cluster's nodes."""

    stateful: NodeGroup = Field(
        default=NodeGroup(), description="Nodes of the stores; their taint keeps all other pods away."
    )
    stateless: NodeGroup = Field(default=NodeGroup(), description="Nodes of everything else.")


class Dns(Model):
    """The public names of `ingress.rules`."""

    hosted_zone: HostedZoneId | None = Field(
        default=None,
        description="Public hosted zone of all hosts, the same for every region; without one the names are yours.",
    )
    routing: Literal["latency", "geolocation", "failover"] = Field(
        default="latency",
        description="Which region answers a user: the nearest by latency, one by the user's place, or the first of "
        "`multiregion.regions` that is healthy.",
    )
    locations: tuple[Location, ...] = Field(
        default=(),
        description="With `geolocation`: continents (AF, AN, AS, EU, NA, OC, SA) and countries (`country:DE`) whose "
        "users this region answers; `*` for all that no region names.",
    )


class IngressController(Model):
    """How load balancers find an ingress controller of yours: F5's for NGINX, in `kubernetes.ingress_namespace`.

    The defaults are those of its chart (github.com/nginx/kubernetes-ingress charts/nginx-ingress, for a release of the
    name nginx-ingress), which the program's own has as well.
    """

    service: Label = Field(
        default="nginx-ingress-controller",
        description="Service of an ingress controller of yours, with the ports 80 and 443.",
    )
    http_port: int = Field(default=80, ge=1, le=65535, description="Port of the controller's pods for HTTP.")
    https_port: int = Field(default=443, ge=1, le=65535, description="Port of the controller's pods for HTTPS.")
    health_port: int = Field(
        default=8081,
        ge=1,
        le=65535,
        description="Port of the controller's pods that answers `/nginx-ready` once they serve.",
    )


class Aws(Model):
    """What a region on AWS is made of."""

    account: Account | None = Field(
        default=None, description="The account that the region belongs to; with it, no other one is ever touched."
    )
    zones: Texts = Field(
        default=FrozenMap({}),
        description="Zone of `high_availability.zones` to the letter of AWS's zone; left out: a, b, c in their order.",
    )
    network: Network = Field(default=Network(), description="The VPC.")
    cluster: Cluster = Field(default=Cluster(), description="The EKS cluster.")
    nodes: Nodes = Field(default=Nodes(), description="The nodes.")
    dns: Dns = Field(default=Dns(), description="Names in Route 53.")
    ingress_controller: IngressController = Field(
        default=IngressController(),
        description='An ingress controller of yours, where `services.installed` has "nginx-ingress".',
    )
    tags: Texts = Field(default=FrozenMap({}), description="Tags on everything that the region has on AWS.")

    def letter(self, zone: str, index: int) -> str:
        """The letter that ends AWS's name of a zone: the stated one, else by the zone's place."""
        return self.zones.get(zone) or ascii_lowercase[index]
