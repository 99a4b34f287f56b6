"""The EKS cluster: who reaches its API server, who is let in, what is written down and what is encrypted."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource, Violation
from policies.checks.network import ANYWHERE
from policies.checks.plain import at, field_of, flag_at, list_at, number_at, says_true, text_at, texts_at
from policies.checks.tokens import LAUNCH_TEMPLATE, NODE_GROUP
from policies.checks.whole import Whole, each, input_of, stated

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def endpoint(resource: Resource, limits: Limits) -> Iterator[str]:
    """Private, or public for listed networks. AWS's default is public for the world."""
    del limits
    config = at(resource.inputs, "vpcConfig")
    if not flag_at(config, "endpointPrivateAccess", default=False):
        yield "endpointPrivateAccess is not true: nodes reach their API server through the internet"
    if flag_at(config, "endpointPublicAccess", default=True):
        cidrs = texts_at(config, "publicAccessCidrs")
        if not cidrs or any(cidr in ANYWHERE for cidr in cidrs):
            yield "its API server is open to the world: endpointPublicAccess false, or list publicAccessCidrs"


def encrypted(resource: Resource, limits: Limits) -> Iterator[str]:
    """Secrets with a key of the stack, over AWS's own encryption of its disks."""
    del limits
    config = at(resource.inputs, "encryptionConfig")
    if "secrets" not in texts_at(config, "resources") or not stated(field_of(at(config, "provider"), "keyArn")):
        yield "encryptionConfig names no key for secrets"


def logged(resource: Resource, limits: Limits) -> Iterator[str]:
    """What the control plane did, and who told it to."""
    del limits
    missing = [log for log in LOGS if log not in texts_at(resource.inputs, "enabledClusterLogTypes")]
    if missing:
        yield f"enabledClusterLogTypes leaves out {', '.join(missing)}"


def entered(resource: Resource, limits: Limits) -> Iterator[str]:
    """By access entries alone, which are resources; whoever made the cluster has no right for ever."""
    del limits
    config = at(resource.inputs, "accessConfig")
    if text_at(config, "authenticationMode") != "API":
        yield "accessConfig.authenticationMode is not API: a ConfigMap lets in whom no resource names"
    if flag_at(config, "bootstrapClusterCreatorAdminPermissions", default=True):
        yield "accessConfig.bootstrapClusterCreatorAdminPermissions is not false: who made it keeps all rights for ever"


def entries(resource: Resource, limits: Limits) -> Iterator[str]:
    """Roles and users, not the account's root or groups of Kubernetes that may do everything."""
    del limits
    whom = text_at(resource.inputs, "principalArn")
    if whom.endswith(":root") or "*" in whom:
        yield "principalArn is the whole account: name a role"
    if "system:masters" in texts_at(resource.inputs, "kubernetesGroups"):
        yield "kubernetesGroups has system:masters, which no authorisation holds back"


def launch_template(resource: Resource, limits: Limits) -> Iterator[str]:
    """Nodes whose disks are encrypted and whose metadata, with the node's role in it, no pod gets at
    (aws.github.io/aws-eks-best-practices: restrict access to the instance profile).
    """
    del limits
    options = at(resource.inputs, "metadataOptions")
    if text_at(options, "httpEndpoint", default="enabled") != "enabled":
        yield "metadataOptions.httpEndpoint is not enabled: a node does not learn what it is, and never joins"
    if text_at(options, "httpTokens") != "required":
        yield "metadataOptions.httpTokens is not required (IMDSv2): one careless request gives the node's role away"
    if (number_at(options, "httpPutResponseHopLimit") or 0) != 1:
        yield "metadataOptions.httpPutResponseHopLimit is not 1: pods reach the node's role"
    disks = list_at(resource.inputs, "blockDeviceMappings")
    if not disks:
        yield "states no disk: what an image has need not be encrypted"
    for disk in disks:
        if not says_true(disk, "ebs", "encrypted"):
            yield f"the disk {text_at(disk, 'deviceName')} is not encrypted"
    if at(resource.inputs, "keyName") is not None:
        yield "keyName is stated: nodes are signed in to by Session Manager, not by SSH"
    for interface in list_at(resource.inputs, "networkInterfaces"):
        if says_true(interface, "associatePublicIpAddress"):
            yield "nodes get public addresses"


def node_groups(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Each group has a template of the stack, and no door of its own."""
    del limits
    templates = whole.of(LAUNCH_TEMPLATE)

    def check(group: Resource) -> Iterator[str]:
        if at(group.inputs, "remoteAccess") is not None:
            yield "remoteAccess lets SSH in"
        given = input_of(group, "launchTemplate")
        urns = group.sources.get("launchTemplate", ()) if stated(given) else ()
        names = [input_of(template, "name") for template in templates]
        name = field_of(given, "name")
        if not any(template.urn in urns for template in templates) and not (name and name in names):
            yield "has no launch template of this stack: its disks and its metadata are AWS's defaults"

    yield from each(whole.of(NODE_GROUP), check)
