"""EKS: clusters over zones, node groups in the cluster's network, add-ons that there are, roles that trust EKS.

docs.aws.amazon.com/eks/latest/userguide/{network-reqs,managed-node-groups,eks-add-ons,access-entries,pod-id-association,
service-quotas}.html and docs.aws.amazon.com/eks/latest/APIReference.
"""

import difflib
import json
import re
from collections.abc import Iterator
from typing import Final, cast

from rehearsal.aws import rules_routes, values
from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.rules_iam import trusted
from rehearsal.aws.rules_network import network, range_faults
from rehearsal.aws.tokens import (
    ACCESS_ENTRY,
    ACCESS_POLICY,
    ADDON,
    CLUSTER,
    NODE_GROUP,
    POD_IDENTITY,
    ROLE,
    ROLE_POLICY_ATTACHMENT,
    SUBNET,
    VPC,
    VPC_ENDPOINT,
)
from rehearsal.aws.world import World
from rehearsal.engine.model import Value

CLUSTER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
GROUP_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
VERSION: Final = re.compile(r"1\.[0-9]{2}")
LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
EFFECTS: Final = ("NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE")
INSTANCE: Final = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
AMIS: Final = re.compile(r"CUSTOM|(AL2|AL2023|BOTTLEROCKET|WINDOWS)_[A-Za-z0-9_]+")
ADDONS: Final = frozenset(
    {
        "adot",
        "amazon-cloudwatch-observability",
        "aws-ebs-csi-driver",
        "aws-efs-csi-driver",
        "aws-fsx-csi-driver",
        "aws-guardduty-agent",
        "aws-mountpoint-s3-csi-driver",
        "aws-network-flow-monitoring-agent",
        "aws-secrets-store-csi-driver-provider",
        "cert-manager",
        "coredns",
        "eks-node-monitoring-agent",
        "eks-pod-identity-agent",
        "external-dns",
        "fluent-bit",
        "kube-proxy",
        "kube-state-metrics",
        "metrics-server",
        "prometheus-node-exporter",
        "snapshot-controller",
        "vpc-cni",
    }
)
NEEDED: Final = frozenset({"ec2", "ecr.api", "ecr.dkr", "eks", "s3", "sts"})
"""What a node calls before it is Ready (docs.aws.amazon.com/eks/latest/userguide/private-clusters.html)."""
CONFLICTS: Final = ("NONE", "OVERWRITE", "PRESERVE")


def _cluster(draft: Draft) -> Iterator[str]:
    name, version = draft.named(), draft.text("version")
    if isinstance(name, str) and not CLUSTER_NAME.fullmatch(name):
        yield f"name = {name}: at most 100 letters, digits, - and _, a letter or digit first"
    if version is not None and not VERSION.fullmatch(version):
        yield f"version = {version} is no minor version: write it like 1.36"
    for one in draft.texts("enabledClusterLogTypes"):
        if one not in LOGS:
            yield f"enabledClusterLogTypes has {one}: a control plane has {', '.join(LOGS)}"
    for cidr in draft.texts("vpcConfig", "publicAccessCidrs"):
        yield from range_faults("vpcConfig.publicAccessCidrs", cidr)
    if draft.get("vpcConfig", "endpointPublicAccess") is False and not draft.get("vpcConfig", "endpointPrivateAccess"):
        yield "vpcConfig closes both endpoints of the API server: leave the private one open"
    yield from draft.taken(name)
    yield from trusted(draft, draft.text("roleArn"), "eks.amazonaws.com", "roleArn")
    if (draft.get("encryptionConfig") or {}) and draft.texts("encryptionConfig", "resources") not in (["secrets"], []):
        yield "encryptionConfig.resources: EKS encrypts secrets, write that alone"


def _cluster_network(draft: Draft) -> Iterator[str]:
    """Interfaces of the control plane lie in at least two zones of one VPC."""
    ids = draft.texts("vpcConfig", "subnetIds")
    subnets = [found for one in ids if (found := draft.world.find(SUBNET, draft.region, one))]
    zones = {subnet.text("availabilityZone") for subnet in subnets}
    listed = draft.get("vpcConfig", "subnetIds")
    known = isinstance(listed, list) and len(cast(list[Value], listed)) == len(subnets) and None not in zones
    if known and len(zones) < 2:
        yield "vpcConfig.subnetIds are in one zone: a control plane needs subnets in at least two"
    vpcs = {vpc for subnet in subnets if (vpc := subnet.text("vpcId"))}
    if len(vpcs) > 1:
        yield f"vpcConfig.subnetIds are of {len(vpcs)} VPCs: name subnets of one"
    services = draft.text("kubernetesNetworkConfig", "serviceIpv4Cidr")
    yield from range_faults("kubernetesNetworkConfig.serviceIpv4Cidr", services)
    wanted = network(services)
    for id_ in vpcs:
        vpc = draft.world.find(VPC, draft.region, id_)
        whole = network(vpc.text("cidrBlock")) if vpc else None
        if vpc is not None and whole is not None and wanted is not None and whole.overlaps(wanted):
            yield f"kubernetesNetworkConfig.serviceIpv4Cidr = {wanted} shares addresses with {whole} of {vpc.name}"
    if wanted is not None and not 12 <= wanted.prefixlen <= 24:
        yield f"kubernetesNetworkConfig.serviceIpv4Cidr = {wanted}: EKS takes /12 to /24"


def _node_group(draft: Draft) -> Iterator[str]:
    name = draft.named("nodeGroupName")
    if isinstance(name, str) and not GROUP_NAME.fullmatch(name):
        yield f"nodeGroupName = {name}: at most 63 letters, digits, - and _, a letter or digit first"
    cluster = draft.world.find(CLUSTER, draft.region, draft.text("clusterName"))
    vpc = cluster.text("vpcConfig", "vpcId") if cluster else None
    for id_ in draft.texts("subnetIds"):
        subnet = draft.world.find(SUBNET, draft.region, id_)
        place = subnet.text("vpcId") if subnet else None
        if subnet is not None and cluster is not None and None not in (vpc, place) and vpc != place:
            yield f"subnetIds: {subnet.name} is of another VPC than {cluster.name}: name subnets of the cluster's"
    yield from _sizes(draft)
    yield from _machines(draft)
    yield from _versions(draft, cluster)
    yield from trusted(draft, draft.text("nodeRoleArn"), "ec2.amazonaws.com", "nodeRoleArn")
    yield from _may_join(draft)
    for other in draft.world.where(NODE_GROUP, draft.region, clusterName=draft.text("clusterName")):
        if other.urn != draft.urn and other.text("nodeGroupName") == name:
            yield f"nodeGroupName = {name} is taken by {other.name} in this cluster"


def _sizes(draft: Draft) -> Iterator[str]:
    least, wanted, most = (draft.get("scalingConfig", name) for name in ("minSize", "desiredSize", "maxSize"))
    sizes = [one for one in (least, wanted, most) if isinstance(one, int)]
    if sizes != sorted(sizes) or any(one < 0 for one in sizes):
        yield f"scalingConfig has minSize {least}, desiredSize {wanted}, maxSize {most}: each at least the one before"
    if most == 0:
        yield "scalingConfig.maxSize = 0: at least one"


def _machines(draft: Draft) -> Iterator[str]:
    for one in draft.texts("instanceTypes"):
        if not INSTANCE.fullmatch(one):
            yield f"instanceTypes has {one}: write it like m7i.large"
    template = draft.get("launchTemplate")
    if template is not None and draft.inputs.get("diskSize") is not None:
        yield "diskSize is stated beside a launch template: state it in the template"
    if isinstance(template, dict) and ("id" in template) == ("name" in template):
        yield "launchTemplate: one of id and name has to be stated"
    ami = draft.text("amiType")
    if ami is not None and not AMIS.fullmatch(ami):
        yield f"amiType = {ami}: write it like AL2023_x86_64_STANDARD"
    if draft.get("capacityType") not in (None, "ON_DEMAND", "SPOT", "CAPACITY_BLOCK"):
        yield f"capacityType = {draft.get('capacityType')}: write ON_DEMAND or SPOT"
    for taint in values.items(draft.inputs, "taints"):
        effect = values.text(taint, "effect")
        if effect is not None and effect not in EFFECTS:
            yield f"taints: effect {effect}: EKS writes them {', '.join(EFFECTS)}"


def _versions(draft: Draft, cluster: Resource | None) -> Iterator[str]:
    version, whole = draft.text("version"), cluster.text("version") if cluster else None
    if version is None or whole is None:
        return
    if not VERSION.fullmatch(version):
        yield f"version = {version} is no minor version: write it like {whole}"
    elif not 0 <= int(whole.split(".")[1]) - int(version.split(".")[1]) <= 3:
        yield f"version = {version}: nodes are at most three minor versions behind their cluster's {whole}, never ahead"


def _may_join(draft: Draft) -> Iterator[str]:
    """Nodes register only with a worker node policy; that of their images comes by one of two."""
    role = draft.world.by_arn(draft.text("nodeRoleArn") or "")
    if role is None or role.type != ROLE or not role.urn:
        return
    attached = {
        (one.text("policyArn") or "").rsplit("/", 1)[-1]
        for one in draft.world.where(ROLE_POLICY_ATTACHMENT, None, role=role.id)
    } | {text.rsplit("/", 1)[-1] for text in values.texts(role.inputs, "managedPolicyArns")}
    for needed in (
        ("AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy"),
        ("AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly"),
    ):
        if not attached.intersection(needed):
            yield f"nodeRoleArn: {role.name} has no {needed[0]} yet: attach it, and make the node group depend on that"


def _addon(draft: Draft) -> Iterator[str]:
    name = draft.text("addonName")
    if name is not None and name not in ADDONS:
        near = difflib.get_close_matches(name, ADDONS, 1)
        guess = f"did you mean {near[0]}?" if near else "`aws eks describe-addon-versions` lists them"
        yield f"addonName = {name} is no add-on of EKS: {guess}"
    text = draft.text("configurationValues")
    if text is not None and text.lstrip().startswith("{"):
        try:
            json.loads(text)
        except ValueError:
            yield "configurationValues is not JSON: make it by json.dumps"
    for key in ("resolveConflictsOnCreate", "resolveConflictsOnUpdate"):
        allowed = CONFLICTS[:2] if key.endswith("Create") else CONFLICTS
        if draft.get(key) not in (None, *allowed):
            yield f"{key} = {draft.get(key)}: write {' or '.join(allowed)}"
    for other in draft.world.where(ADDON, draft.region, clusterName=draft.text("clusterName"), addonName=name):
        if other.urn != draft.urn:
            yield f"{other.name} is the same add-on of the same cluster: keep one"
    for association in values.items(draft.inputs, "podIdentityAssociations"):
        arn = values.text(association, "roleArn")
        yield from trusted(draft, arn, "pods.eks.amazonaws.com", "podIdentityAssociations.roleArn")


def _access_entry(draft: Draft) -> Iterator[str]:
    cluster = draft.world.find(CLUSTER, draft.region, draft.text("clusterName"))
    if cluster is not None and cluster.text("accessConfig", "authenticationMode") == "CONFIG_MAP":
        yield f"{cluster.name} takes no access entries: set its accessConfig.authenticationMode to API"
    principal = draft.text("principalArn")
    if principal is not None and not re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+", principal):
        yield f"principalArn = {principal} is no role or user of IAM"
    for other in draft.world.where(ACCESS_ENTRY, draft.region, clusterName=draft.text("clusterName")):
        if principal is not None and other.urn != draft.urn and other.text("principalArn") == principal:
            yield f"{other.name} is the entry of {principal} already: a cluster has one a principal"
    if any(group.startswith("system:") for group in draft.texts("kubernetesGroups")):
        yield "kubernetesGroups: names that begin with system: are Kubernetes' own; associate a policy instead"


def _access_policy(draft: Draft) -> Iterator[str]:
    principal, cluster = draft.text("principalArn"), draft.text("clusterName")
    entries = draft.world.where(ACCESS_ENTRY, draft.region, clusterName=cluster, principalArn=principal)
    if None not in (principal, cluster) and next(entries, None) is None:
        yield f"{principal} has no access entry in this cluster yet: make one, and depend on it"
    kind, spaces = draft.text("accessScope", "type"), draft.texts("accessScope", "namespaces")
    if kind is not None and kind not in ("cluster", "namespace"):
        yield f"accessScope.type = {kind}: write cluster or namespace"
    if kind == "cluster" and spaces:
        yield "accessScope has namespaces, and is of the whole cluster: leave them out"
    arn = draft.text("policyArn")
    if arn is not None and ":cluster-access-policy/" not in arn:
        yield f"policyArn = {arn} is no policy of access entries: arn:aws:eks::aws:cluster-access-policy/…"


def _pod_identity(draft: Draft) -> Iterator[str]:
    yield from trusted(draft, draft.text("roleArn"), "pods.eks.amazonaws.com", "roleArn")
    same = {name: draft.text(name) for name in ("clusterName", "namespace", "serviceAccount")}
    for other in draft.world.where(POD_IDENTITY, draft.region, **same) if None not in same.values() else ():
        if other.urn != draft.urn:
            yield f"{other.name} is the association of this service account already: keep one"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    CLUSTER: (_cluster, _cluster_network),
    NODE_GROUP: (_node_group,),
    ADDON: (_addon,),
    ACCESS_ENTRY: (_access_entry,),
    ACCESS_POLICY: (_access_policy,),
    POD_IDENTITY: (_pod_identity,),
}


def unfinished(world: World) -> Iterator[tuple[Resource, str]]:
    """Node groups whose nodes would never join: they reach neither the internet nor the endpoints of what they call."""
    for group in world.of(NODE_GROUP):
        for id_ in values.texts(group.inputs, "subnetIds") if group.urn else ():
            subnet = world.find(SUBNET, group.region, id_)
            if subnet is None or not subnet.urn or rules_routes.leads_out(world, subnet):
                continue
            missing = sorted(NEEDED - _reachable(world, subnet))
            if missing:
                yield (
                    group,
                    f"its subnet {subnet.name} has no way out, and its VPC no endpoint of {', '.join(missing)}: nodes "
                    "would not join the cluster",
                )


def _reachable(world: World, subnet: Resource) -> set[str]:
    """Services that the subnet's VPC has an endpoint of: by an interface, or by a gateway in the subnet's own table."""
    table = rules_routes.table_of(world, subnet)
    found: set[str] = set()
    for endpoint in world.where(VPC_ENDPOINT, subnet.region, vpcId=subnet.text("vpcId")):
        by_gateway = endpoint.text("vpcEndpointType") == "Gateway"
        if not by_gateway or (table is not None and table.id in values.texts(endpoint.outputs, "routeTableIds")):
            found.add((endpoint.text("serviceName") or "").removeprefix(f"com.amazonaws.{subnet.region}."))
    return found
