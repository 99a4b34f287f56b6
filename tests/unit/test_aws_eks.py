"""The cluster of a region on AWS: how it is reached, who may what, and which pods land on which nodes."""

import base64
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from components.aws import addons, cluster, identity
from components.versions import ADDONS
from settings import load
from settings.aws import ADDONS as KNOWN_ADDONS
from settings.aws import Minor
from settings.networks import SERVICES
from tests.unit.aws_region import ACCOUNT, OPERATORS, Regions, two
from tests.unit.recorded import Recorded, Resource

ZONES = ("zone-a", "zone-b", "zone-c")
CLUSTER = "somafractalmemory-us-east"


@pytest.fixture(scope="module")
def east() -> Recorded:
    return two()[0]


def of(run: Recorded, type_: str) -> list[Resource]:
    return [one for one in run.resources if one.type == f"aws:{type_}"]


def one(run: Recorded, type_: str, name: str = "") -> Resource:
    found = [one for one in of(run, type_) if one.name.endswith(name)]
    assert len(found) == 1, [one.name for one in found]
    return found[0]


def before(run: Recorded, urn: str) -> set[str]:
    """Everything that is there before a resource: what it depends on, what that depends on, and children of either."""
    seen: set[str] = set()
    to_do = [urn]
    while to_do:
        resource = run.by_urn[to_do.pop()]
        for other in (*resource.depends_on, *(child.urn for child in run.resources if child.parent == resource.urn)):
            if other not in seen and other != urn:
                seen.add(other)
                to_do.append(other)
    return seen


def documents(run: Recorded) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy that says what somebody may do, with the name of its resource."""
    for type_ in ("iam/rolePolicy:RolePolicy", "iam/policy:Policy"):
        for policy in of(run, type_):
            yield policy.name, json.loads(policy.inputs["policy"])


def test_every_supported_version_has_all_add_ons() -> None:
    names = {*addons.BEFORE_NODES, *addons.ON_NODES}
    assert set(ADDONS) == set(Minor.__args__)
    assert {version: set(known) for version, known in ADDONS.items()} == dict.fromkeys(ADDONS, names)


def test_the_control_plane_is_private_encrypted_logged_and_protected(east: Recorded) -> None:
    made = one(east, "eks/cluster:Cluster")
    assert made.protect
    assert made.inputs["name"] == CLUSTER
    assert made.inputs["version"] == "1.36"
    assert made.inputs["deletionProtection"] is True
    assert made.inputs["enabledClusterLogTypes"] == ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    assert made.inputs["upgradePolicy"] == {"supportType": "STANDARD"}
    assert made.inputs["bootstrapSelfManagedAddons"] is False
    assert made.inputs["kubernetesNetworkConfig"] == {"serviceIpv4Cidr": str(SERVICES), "ipFamily": "ipv4"}
    vpc = made.inputs["vpcConfig"]
    assert vpc["endpointPrivateAccess"] is True
    assert vpc["endpointPublicAccess"] is False
    assert "publicAccessCidrs" not in vpc
    isolated = {one(east, "ec2/subnet:Subnet", f"-isolated-{zone}").urn for zone in ZONES}
    assert isolated <= before(east, made.urn)
    assert len(vpc["subnetIds"]) == len(ZONES)
    key = one(east, "kms/key:Key", "-cluster-key")
    assert made.inputs["encryptionConfig"]["resources"] == ["secrets"]
    assert key.protect
    assert key.inputs["enableKeyRotation"] is True
    assert key.inputs["deletionWindowInDays"] == 30
    assert key.urn in before(east, made.urn)


def test_logs_have_an_end_because_their_group_is_there_before_the_cluster(east: Recorded) -> None:
    logs = one(east, "cloudwatch/logGroup:LogGroup", "-cluster-logs")
    assert (logs.inputs["name"], logs.inputs["retentionInDays"]) == (f"/aws/eks/{CLUSTER}/cluster", 90)
    assert logs.urn in before(east, one(east, "eks/cluster:Cluster").urn)


def test_only_who_is_named_administers_the_cluster(east: Recorded) -> None:
    made = one(east, "eks/cluster:Cluster")
    assert made.inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    entry, policy = (
        one(east, "eks/accessEntry:AccessEntry"),
        one(east, "eks/accessPolicyAssociation:AccessPolicyAssociation"),
    )
    assert entry.inputs["principalArn"] == policy.inputs["principalArn"] == OPERATORS
    assert policy.inputs["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert policy.inputs["accessScope"] == {"type": "cluster"}


def test_who_is_named_has_rights_before_the_first_object_is_made(east: Recorded) -> None:
    association = one(east, "eks/accessPolicyAssociation:AccessPolicyAssociation").urn
    assert association in before(east, east.one("Namespace", "somafractalmemory").provider or "")


def test_ranges_that_are_named_reach_the_api_server_and_no_others() -> None:
    run = Regions(
        aws={"account": ACCOUNT, "cluster": {"admins": [OPERATORS], "public_access_cidrs": ["203.0.113.0/24"]}}
    )
    vpc = one(run.up("us-east"), "eks/cluster:Cluster").inputs["vpcConfig"]
    assert (vpc["endpointPublicAccess"], vpc["publicAccessCidrs"]) == (True, ["203.0.113.0/24"])


def test_the_kubeconfig_asks_a_command_and_holds_no_credential() -> None:
    command = cluster.token_command("c", "us-east-1", load_cluster_settings())
    config = json.loads(cluster.kubeconfig("c", "https://eks", base64.b64encode(b"PEM").decode(), command))
    (user,) = config["users"]
    assert user["user"] == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "aws",
            "args": ["eks", "get-token", "--output", "json", "--cluster-name", "c", "--region", "us-east-1"],
            "interactiveMode": "Never",
            "provideClusterInfo": False,
        }
    }
    assert config["clusters"][0]["cluster"]["server"] == "https://eks"
    assert config["current-context"] == "c"


def load_cluster_settings() -> Any:
    return load(Regions().configuration("us-east"), "us-east").aws.cluster


def test_the_provider_of_the_cluster_has_that_kubeconfig(east: Recorded) -> None:
    provider = east.by_urn[east.one("Namespace", "somafractalmemory").provider or ""]
    config = json.loads(provider.inputs["kubeconfig"])
    assert config["clusters"][0]["name"] == CLUSTER
    assert config["users"][0]["user"]["exec"]["args"][-1] == "us-east-1"


def test_each_zone_has_nodes_of_each_kind_in_its_own_subnet(east: Recorded) -> None:
    for use in ("stateful", "stateless"):
        for zone in ZONES:
            group = one(east, "eks/nodeGroup:NodeGroup", f"-{use}-{zone}")
            assert re.fullmatch(rf"{use}-{zone}-[0-9a-f]{{6,12}}", group.inputs["nodeGroupName"])
            assert len(group.inputs["subnetIds"]) == 1
            subnet = one(east, "ec2/subnet:Subnet", f"-private-{zone}")
            assert subnet.urn in before(east, group.urn)
            assert {f"-private-{other}" for other in ZONES if other != zone}.isdisjoint(
                dependency.name[-len("-private-zone-a") :]
                for urn in group.depends_on
                if (dependency := east.by_urn[urn]).type == "aws:ec2/subnet:Subnet"
            )
            assert group.inputs["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 3}
            assert group.inputs["updateConfig"] == {"maxUnavailable": 1}
            assert group.inputs["amiType"] == "AL2023_x86_64_STANDARD"
            assert group.inputs["labels"] == {"soma.io/nodes": use}


def test_a_zone_is_renewed_after_the_other(east: Recorded) -> None:
    """Side by side, the nodes of a store would be drained in all zones at once."""
    groups = {zone: {g.urn for g in of(east, "eks/nodeGroup:NodeGroup") if g.name.endswith(zone)} for zone in ZONES}
    for earlier, later in pairwise(ZONES):
        for urn in groups[later]:
            assert groups[earlier] <= before(east, urn)


def test_only_stores_tolerate_the_nodes_of_the_stores(east: Recorded) -> None:
    for group in of(east, "eks/nodeGroup:NodeGroup"):
        stateful = group.inputs["nodeGroupName"].startswith("stateful-")
        taint = {"key": "soma.io/nodes", "value": "stateful", "effect": "NO_SCHEDULE"}
        assert group.inputs.get("taints") == ([taint] if stateful else None), group.name
    taint = {"key": "soma.io/nodes", "operator": "Equal", "value": "stateful", "effect": "NoSchedule"}
    for pods in east.pod_templates:
        is_store = pods.workload.kind == "StatefulSet"
        assert pods.spec.get("tolerations") == ([taint] if is_store else None), pods.name
        assert pods.spec.get("nodeSelector") == ({"soma.io/nodes": "stateful"} if is_store else None), pods.name
    affinity = next(iter(east.of("Cluster"))).spec["affinity"]
    assert affinity["tolerations"] == [taint]
    assert affinity["nodeSelector"] == {"soma.io/nodes": "stateful"}


def test_nodes_ask_for_tokens_keep_their_role_from_pods_and_encrypt_their_disks(east: Recorded) -> None:
    templates = of(east, "ec2/launchTemplate:LaunchTemplate")
    assert len(templates) == 2
    for template in templates:
        metadata = template.inputs["metadataOptions"]
        assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)
        (disk,) = template.inputs["blockDeviceMappings"]
        assert disk["ebs"]["encrypted"] == "true"
        assert disk["ebs"]["volumeSize"] == 100
        kinds = {one["resourceType"]: one["tags"] for one in template.inputs["tagSpecifications"]}
        assert set(kinds) == {"instance", "volume"}
        assert all(tags["soma:region"] == "us-east" for tags in kinds.values())


@pytest.mark.parametrize(
    ("types", "ami"),
    [(["m7g.4xlarge"], "AL2023_ARM_64_STANDARD"), (["r7i.4xlarge", "r6i.4xlarge"], "AL2023_x86_64_STANDARD")],
)
def test_the_image_of_a_node_is_that_of_its_processor(types: list[str], ami: str) -> None:
    run = Regions(
        aws={
            "account": ACCOUNT,
            "cluster": {"admins": [OPERATORS]},
            "nodes": {"stateful": {"instance_types": types, "per_zone": 1, "disk": "50Gi"}},
        }
    ).up("us-east")
    group = one(run, "eks/nodeGroup:NodeGroup", "-stateful-zone-a")
    former = one(two()[0], "eks/nodeGroup:NodeGroup", "-stateful-zone-a")
    assert group.inputs["nodeGroupName"] != former.inputs["nodeGroupName"], "the former one would have to go first"
    assert (group.inputs["amiType"], group.inputs["instanceTypes"]) == (ami, types)


def test_add_ons_have_pinned_versions_and_come_in_the_order_that_nodes_need(east: Recorded) -> None:
    made = {addon.inputs["addonName"]: addon for addon in of(east, "eks/addon:Addon")}
    assert {name: addon.inputs["addonVersion"] for name, addon in made.items()} == ADDONS["1.36"]
    groups = of(east, "eks/nodeGroup:NodeGroup")
    for name in addons.BEFORE_NODES:
        assert all(made[name].urn in before(east, group.urn) for group in groups), name
    for name in addons.ON_NODES:
        assert all(group.urn in before(east, made[name].urn) for group in groups), name
    assert json.loads(made["vpc-cni"].inputs["configurationValues"]) == {"enableNetworkPolicy": "true"}
    dns = json.loads(made["coredns"].inputs["configurationValues"])
    assert dns["replicaCount"] == 3
    assert dns["topologySpreadConstraints"][0]["whenUnsatisfiable"] == "DoNotSchedule"


def test_an_add_on_of_another_version_can_be_stated() -> None:
    aws = {"account": ACCOUNT, "cluster": {"admins": [OPERATORS], "addons": {"coredns": "v9.9.9-eksbuild.1"}}}
    made = {
        addon.inputs["addonName"]: addon.inputs["addonVersion"]
        for addon in of(Regions(aws=aws).up("us-east"), "eks/addon:Addon")
    }
    assert made == {**ADDONS["1.36"], "coredns": "v9.9.9-eksbuild.1"}


def test_roles_of_pods_are_for_one_service_account_of_this_cluster(east: Recorded) -> None:
    trusted = {
        role.inputs["name"]: statement
        for role in of(east, "iam/role:Role")
        for statement in json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        if statement["Principal"]["Service"] == identity.POD_IDENTITY
    }
    accounts = {name: statement["Condition"]["StringEquals"] for name, statement in trusted.items()}
    assert accounts == {
        f"{CLUSTER}-{role}": {
            "aws:RequestTag/eks-cluster-name": CLUSTER,
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": account,
        }
        for role, (namespace, account) in {
            "vpc-cni": ("kube-system", "aws-node"),
            "aws-ebs-csi-driver": ("kube-system", "ebs-csi-controller-sa"),
            "load-balancers": ("kube-system", "aws-load-balancer-controller"),
            "backup-postgresql": ("somafractalmemory", "postgresql-us-east"),
            "backup-qdrant": ("somafractalmemory", "qdrant-backup"),
        }.items()
    }


WIDE = {"us-east-platform-load-balancers-role-policy": "Read"}
"""Policies with a statement on all resources, because AWS knows none for its actions: its Sid."""


def test_no_policy_allows_every_action_and_few_reach_every_resource(east: Recorded) -> None:
    seen: dict[str, str] = {}
    for name, policy in documents(east):
        for statement in policy["Statement"]:
            actions = statement["Action"]
            assert all("*" not in action for action in actions), (name, actions)
            if "*" in statement["Resource"]:
                seen[name] = statement["Sid"]
                assert all(":Describe" in action or ":Get" in action for action in actions), (name, actions)
    assert seen == WIDE


def test_a_role_has_its_policies_before_somebody_relies_on_it(east: Recorded) -> None:
    users = {"-cluster-role": "eks/cluster:Cluster", "-nodes-role": "eks/nodeGroup:NodeGroup"}
    for role, user in users.items():
        attachments = [one for one in of(east, "iam/rolePolicyAttachment:RolePolicyAttachment") if role in one.name]
        assert attachments
        for made in of(east, user):
            assert {one.urn for one in attachments} <= before(east, made.urn)


def test_volumes_are_encrypted_made_in_the_pods_zone_kept_and_can_grow(east: Recorded) -> None:
    made = east.one("StorageClass", "somafractalmemory").inputs
    assert made["provisioner"] == "ebs.csi.aws.com"
    assert made["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert (made["volumeBindingMode"], made["reclaimPolicy"]) == ("WaitForFirstConsumer", "Retain")
    assert made["allowVolumeExpansion"] is True
    for workload in east.of("StatefulSet"):
        for claim in workload.spec["volumeClaimTemplates"]:
            assert claim["spec"]["storageClassName"] == "somafractalmemory"


def test_a_cluster_of_yours_is_taken_as_it_is() -> None:
    run = Regions(
        aws=existing(), more={"kubernetes": {"context": "mine"}}, listed={"us-east": {"cidr": "10.0.0.0/16"}}
    ).up("us-east")
    for type_ in (
        "eks/cluster:Cluster",
        "eks/nodeGroup:NodeGroup",
        "eks/addon:Addon",
        "ec2/vpc:Vpc",
        "ec2/subnet:Subnet",
    ):
        assert of(run, type_) == []
    provider = run.by_urn[run.one("Namespace", "somafractalmemory").provider or ""]
    assert provider.inputs["context"] == "mine"
    assert all("tolerations" not in pods.spec for pods in run.pod_templates)
    associations = of(run, "eks/podIdentityAssociation:PodIdentityAssociation")
    assert {association.inputs["clusterName"] for association in associations} == {"mine"}


def existing() -> dict[str, Any]:
    """The block `aws` of a region in a VPC and on a cluster that are there already."""

    def id_(kind: str, number: int) -> str:
        return f"{kind}-{number:017x}"

    zones = [
        {"private": id_("subnet", 1 + n), "public": id_("subnet", 11 + n), "route_table": id_("rtb", 1 + n)}
        for n in range(3)
    ]
    return {
        "account": ACCOUNT,
        "network": {"existing": {"vpc": id_("vpc", 1), "zones": zones}},
        "cluster": {"existing": {"name": "mine", "security_group": id_("sg", 1)}},
    }


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_name_the_part_of_aws_that_a_region_is_in(region: str, partition: str) -> None:
    assert identity.managed(region, "Some") == f"arn:{partition}:iam::aws:policy/Some"


def test_the_settings_know_the_add_ons_that_have_versions() -> None:
    assert {tuple(sorted(versions)) for versions in ADDONS.values()} == {tuple(sorted(KNOWN_ADDONS))}


def test_a_load_balancer_controller_that_is_there_keeps_its_own_role() -> None:
    def roles(more: dict[str, Any]) -> list[str]:
        run = Regions(more=more).up("us-east")
        return [
            one.name for one in of(run, "eks/podIdentityAssociation:PodIdentityAssociation") if "load-bal" in one.name
        ]

    assert len(roles({})) == 1
    assert roles({"services": {"installed": ["aws-load-balancer-controller"]}}) == []
