"""How a region on AWS is reached: links that one of two regions owns, public names that outlive any region."""

import base64
import re
from functools import cache
from typing import Any

import pytest

from components import region_order
from components.aws.load_balancer_controller import USES, balancer_name
from components.aws.public_names import HEALTHY
from rehearsal.engine.model import revealed
from rehearsal.errors import RehearsalError
from settings import load
from tests.unit.aws_region import ACCOUNT, OPERATORS, THREE, Regions, recorded, two
from tests.unit.recorded import Recorded, Resource

AWS = {"account": ACCOUNT, "cluster": {"admins": [OPERATORS]}}
ZONE = "Z0123456789ABCDEFGHIJ"
HOST = "memory.example.com"


def with_names(**dns: Any) -> Regions:
    return Regions(aws={**AWS, "dns": {"hosted_zone": ZONE, **dns}})


@cache
def named() -> tuple[Recorded, Recorded]:
    """Both regions with the public names in Route 53, by latency."""
    regions = with_names()
    return regions.up("us-east"), regions.up("us-west")


def of(run: Recorded, type_: str, part: str = "") -> list[Resource]:
    return [one for one in run.resources if one.type == f"aws:{type_}" and part in one.name]


def one(run: Recorded, type_: str, part: str = "") -> Resource:
    found = of(run, type_, part)
    assert len(found) == 1, [one.name for one in found]
    return found[0]


def aws_region_of(run: Recorded, resource: Resource) -> str:
    return str(run.by_urn[resource.provider or ""].inputs["region"])


def test_the_later_region_owns_the_link_and_declares_both_sides() -> None:
    east, west = two()
    link = "ec2/vpcPeeringConnection:VpcPeeringConnection"
    assert of(east, link) == []
    asked = one(west, link)
    assert (asked.inputs["peerRegion"], asked.inputs["autoAccept"]) == ("us-east-1", False)
    assert aws_region_of(west, asked) == "us-west-2"
    accepted = one(west, "ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter")
    assert accepted.inputs["autoAccept"] is True
    assert aws_region_of(west, accepted) == "us-east-1"
    halves = {
        option.name.rpartition("-")[2]: option
        for option in of(west, "ec2/peeringConnectionOptions:PeeringConnectionOptions")
    }
    assert {name: aws_region_of(west, half) for name, half in halves.items()} == {
        "requester": "us-west-2",
        "accepter": "us-east-1",
    }
    for name, half in halves.items():
        assert half.inputs[name] == {"allowRemoteVpcDnsResolution": True}
        assert accepted.urn in half.depends_on
    routes = of(west, "ec2/route:Route", "-reach-")
    assert len(routes) == 6
    for route in routes:
        assert accepted.urn in route.depends_on, "a route to a peering that is not active leads nowhere"
        there = "-us-east-zone" in route.name
        assert aws_region_of(west, route) == ("us-east-1" if there else "us-west-2")
        assert route.inputs["destinationCidrBlock"] == ("10.65.0.0/16" if there else "10.64.0.0/16")


def test_each_region_understands_the_private_names_of_the_other() -> None:
    east, west = two()
    zones = {run.stack: one(run, "route53/zone:Zone") for run in two()}
    assert {region: zone.inputs["name"] for region, zone in zones.items()} == {
        "us-east": "us-east.somafractalmemory.internal",
        "us-west": "us-west.somafractalmemory.internal",
    }
    for zone in zones.values():
        assert zone.protect
        assert zone.ignore_changes == ("vpcs",), "an update would take back what the owner of a link has associated"
    associations = of(west, "route53/zoneAssociation:ZoneAssociation")
    assert {(made.inputs["vpcRegion"], aws_region_of(west, made)) for made in associations} == {
        ("us-east-1", "us-west-2"),
        ("us-west-2", "us-east-1"),
    }
    for run in (east, west):
        for part, name in (("-postgresql", "postgresql"), ("-ingress", "memory")):
            record = one(run, "route53/record:Record", part)
            assert record.inputs["name"] == f"{name}.{run.stack}.somafractalmemory.internal"
            assert record.inputs["aliases"][0]["evaluateTargetHealth"] is True


def test_nothing_of_a_link_is_secret_and_previews_show_it() -> None:
    _, west = two()
    for resource in west.resources:
        if "-reach-" in resource.name and resource.type.startswith("aws:"):
            assert "[secret]" not in repr(resource.inputs), resource.name


def test_a_third_region_adds_to_the_others_and_changes_nothing_of_aws_that_is_there() -> None:
    for before in two():
        after = recorded(THREE)[before.stack]
        there = {one.urn: one.inputs for one in after.resources}
        for resource in before.resources:
            if resource.type.startswith("aws:"):
                assert there[resource.urn] == resource.inputs, resource.urn
        known = {resource.urn for resource in before.resources}
        assert [one.name for one in after.resources if one.urn not in known and "eu-west" not in one.name] == []


ORDERS: list[tuple[tuple[str, ...], bool]] = [
    (("us-east", "us-west"), True),
    (("us-east", "us-west", "eu-west"), True),
    (("us-east",), True),
    (("us-west",), False),
    (("us-west", "us-east"), False),
    (("us-east", "eu-west", "us-west"), False),
]


@pytest.mark.parametrize(("now", "kept"), ORDERS)
def test_regions_keep_their_places(now: tuple[str, ...], kept: bool) -> None:
    settings = load(Regions(now).configuration(now[0]), now[0])
    assert (region_order.fault(settings, {"region_order": ["us-east", "us-west"]}) is None) == kept
    assert region_order.fault(settings, {}) is None


def test_a_region_that_states_its_range_may_take_another_place() -> None:
    listed = {"us-west": {"cidr": "10.65.0.0/16"}}
    settings = load(Regions(("us-west",), listed=listed).configuration("us-west"), "us-west")
    assert region_order.fault(settings, {"region_order": ["us-east", "us-west"]}) is None


def test_another_order_is_refused_before_anything_is_made() -> None:
    before = {"us-east": {"region_order": ["us-west", "us-east"]}}
    with pytest.raises(RehearsalError, match=r"was brought up with us-west, us-east.*add regions at the end"):
        Regions().up("us-east", stacks=before)


def test_without_a_zone_of_route_53_the_public_names_are_the_operators() -> None:
    east, _ = two()
    assert of(east, "route53/healthCheck:HealthCheck") == of(east, "acm/certificate:Certificate") == []
    listener = one(east, "lb/listener:Listener", "-users-443")
    assert listener.inputs["protocol"] == "TCP"
    assert not east.has("Secret", "memory-tls")
    assert len(east.user_hosts) == 1


def test_each_region_answers_at_one_public_name_by_latency() -> None:
    for run, aws_region in zip(named(), ("us-east-1", "us-west-2"), strict=True):
        region = run.stack
        record = one(run, "route53/record:Record", f"-{HOST}-latency")
        assert (record.inputs["name"], record.inputs["zoneId"]) == (HOST, ZONE)
        assert record.inputs["latencyRoutingPolicies"] == [{"region": aws_region}]
        assert record.inputs["setIdentifier"] == f"{region}-latency"
        assert record.inputs["aliases"][0]["evaluateTargetHealth"] is True
        check = one(run, "route53/healthCheck:HealthCheck")
        assert check.urn in record.depends_on
        assert (check.inputs["type"], check.inputs["searchString"]) == ("HTTPS_STR_MATCH", HEALTHY)
        assert (check.inputs["fqdn"], check.inputs["resourcePath"]) == (f"{region}.{HOST}", "/healthz")
        own = one(run, "route53/record:Record", f"-public-{region}.{HOST}")
        assert own.inputs["name"] == f"{region}.{HOST}"
        assert not {key for key in own.inputs if key.endswith(("Policies", "Policy")) or key == "healthCheckId"}


def test_users_tls_ends_at_the_load_balancer_and_begins_again_behind_it() -> None:
    run = named()[0]
    certificate = one(run, "acm/certificate:Certificate")
    assert certificate.inputs["domainName"] == HOST
    assert certificate.inputs["subjectAlternativeNames"] == [f"us-east.{HOST}"]
    issued = one(run, "acm/certificateValidation:CertificateValidation")
    listener = one(run, "lb/listener:Listener", "-users-443")
    assert (listener.inputs["protocol"], listener.inputs["sslPolicy"]) == (
        "TLS",
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    )
    assert issued.urn in listener.depends_on, "the load balancer takes no certificate that is not issued yet"
    assert one(run, "lb/targetGroup:TargetGroup", "-users-443").inputs["protocol"] == "TLS"
    assert run.one("Secret", "memory-tls").inputs["type"] == "kubernetes.io/tls"
    hosts = {server.spec["host"] for server in run.user_hosts}
    assert hosts == {HOST, f"us-east.{HOST}"}


def test_records_that_prove_a_name_are_shared_by_the_regions() -> None:
    run = named()[0]
    proofs = of(run, "route53/record:Record", "-certificate-")
    assert len(proofs) == 2
    assert all(proof.inputs["allowOverwrite"] is True for proof in proofs)
    assert {proof.inputs["type"] for proof in proofs} == {"CNAME"}


def test_home_and_standby_fail_over() -> None:
    regions = with_names(routing="failover")
    kinds = {
        region: one(regions.up(region), "route53/record:Record", f"-{HOST}-failover").inputs["failoverRoutingPolicies"]
        for region in ("us-east", "us-west")
    }
    assert kinds == {"us-east": [{"type": "PRIMARY"}], "us-west": [{"type": "SECONDARY"}]}


def test_users_are_answered_by_the_region_of_their_place() -> None:
    run = with_names(routing="geolocation", locations=["NA", "country:DE", "*"]).up("us-east")
    records = of(run, "route53/record:Record", f"-{HOST}-")
    policies = {
        record.inputs["setIdentifier"]: record.inputs["geolocationRoutingPolicies"]
        for record in records
        if "geolocationRoutingPolicies" in record.inputs
    }
    assert policies == {
        "us-east-na": [{"continent": "NA"}],
        "us-east-de": [{"country": "DE"}],
        "us-east-anywhere": [{"country": "*"}],
    }


def test_load_balancers_are_protected_and_bind_the_services_they_are_for() -> None:
    east, _ = two()
    for balancer in of(east, "lb/loadBalancer:LoadBalancer"):
        assert balancer.protect
        assert balancer.inputs["enableDeletionProtection"] is True
        assert balancer.inputs["enableCrossZoneLoadBalancing"] is True
    bindings = {binding.object_name: binding for binding in east.of("TargetGroupBinding")}
    services = {name: binding.spec["serviceRef"] for name, binding in bindings.items()}
    assert services == {
        "us-east-users-c80": {"name": "nginx-ingress-controller", "port": 80},
        "us-east-users-c443": {"name": "nginx-ingress-controller", "port": 443},
        "us-east-links-c443": {"name": "nginx-ingress-controller", "port": 443},
        "us-east-links-c5432": {"name": "postgresql-us-east-link", "port": 5432},
    }
    release = next(
        one for one in east.resources if one.name.endswith("-aws-load-balancer-controller") and one.kind == "Release"
    )
    assert all(release.urn in binding.depends_on for binding in bindings.values())


def test_edges_bring_their_own_tls_and_come_from_other_regions_alone() -> None:
    """And by an address that the network of home has: AWS keeps that of no caller of a peered region."""
    for run, other in zip(named(), ("10.65.0.0/16", "10.64.0.0/16"), strict=True):
        listener = one(run, "lb/listener:Listener", "-links-443")
        assert listener.inputs["protocol"] == "TCP"
        group = one(run, "lb/targetGroup:TargetGroup", "-links-443")
        assert (group.inputs["port"], group.inputs["preserveClientIp"]) == (443, "false")
        assert group.inputs["healthCheck"]["path"] == "/nginx-ready"
        rules = of(run, "vpc/securityGroupIngressRule:SecurityGroupIngressRule", "-links-from-")
        assert {(rule.inputs["fromPort"], rule.inputs["cidrIpv4"]) for rule in rules} == {(443, other), (5432, other)}


def test_an_edge_goes_to_homes_network_and_nowhere_else() -> None:
    _, west = two()
    (rule,) = west.one("NetworkPolicy", "memory-edge").spec["egress"]
    assert rule == {"to": [{"ipBlock": {"cidr": "10.64.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 443}]}


def test_a_region_without_an_ingress_opens_no_way_to_one() -> None:
    run = Regions(more={"ingress": {"enabled": False}}).up("us-east")
    assert of(run, "lb/listener:Listener", "-links-443") == of(run, "route53/record:Record", "-ingress") == []
    assert len(of(run, "lb/listener:Listener", "-links-5432")) == 1


def test_the_controller_registers_targets_of_this_cluster_alone() -> None:
    east, _ = two()
    names = {group.inputs["name"] for group in of(east, "lb/targetGroup:TargetGroup")}
    policy = one(east, "iam/rolePolicy:RolePolicy", "load-balancers").inputs["policy"]
    for use in ("users", "links"):
        assert f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/us-east-{use}-*/*" in policy
    assert all(name.startswith(("us-east-users-", "us-east-links-")) for name in names)


@pytest.mark.parametrize("cluster", ["somafractalmemory-" + 20 * "r", "My_cluster", 100 * "c"])
def test_names_of_load_balancers_and_of_their_target_groups_fit(cluster: str) -> None:
    for use in USES:
        name = balancer_name(cluster, use)
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]", name)
        assert len(f"{name}-c5432") <= 32
    assert balancer_name(cluster, "users") != balancer_name(cluster + "2", "users")


def test_tls_that_begins_or_ends_makes_another_target_group_and_binding() -> None:
    """Both under another name: a group that a listener uses cannot go first, and a binding keeps its group."""
    before, after = two()[0], named()[0]
    for run, name in ((before, "us-east-users-c443"), (after, "us-east-users-l443")):
        assert one(run, "lb/targetGroup:TargetGroup", "-users-443").inputs["name"] == name
        assert run.has("TargetGroupBinding", name)


def test_the_ingress_controller_takes_a_handshake_that_names_no_host() -> None:
    """As the load balancer's does; with the certificate that the hosts have."""
    run = named()[0]
    (release,) = (one for one in run.resources if one.name.endswith("-services-nginx-ingress"))
    values = revealed(release.inputs["values"]["controller"]["defaultTLS"])
    secret = revealed(run.one("Secret", "memory-tls").inputs["stringData"])
    assert base64.b64decode(values["cert"]).decode() == secret["tls.crt"]
    assert base64.b64decode(values["key"]).decode() == secret["tls.key"]
    (without,) = (one for one in two()[0].resources if one.name.endswith("-services-nginx-ingress"))
    assert "defaultTLS" not in without.inputs["values"]["controller"]


def test_a_pod_of_the_ingress_controller_stays_until_the_load_balancer_has_left_it() -> None:
    (release,) = (one for one in two()[0].resources if one.name.endswith("-services-nginx-ingress"))
    controller = release.inputs["values"]["controller"]
    assert controller["minReadySeconds"] >= 120
    assert controller["lifecycle"]["preStop"]["sleep"]["seconds"] >= 120
    assert controller["terminationGracePeriodSeconds"] > controller["lifecycle"]["preStop"]["sleep"]["seconds"]


def test_postgresqls_way_out_is_a_service_of_the_program_and_asks_for_no_load_balancer() -> None:
    east, _ = two()
    (link,) = next(iter(east.of("Cluster"))).spec["managed"]["services"]["additional"]
    assert link["serviceTemplate"]["spec"] == {"type": "ClusterIP"}
    assert link["serviceTemplate"]["metadata"] == {"name": "postgresql-us-east-link"}


OF_YOURS = {"service": "entrance", "http_port": 8080, "https_port": 8443, "health_port": 8082}


def test_load_balancers_lead_to_an_ingress_controller_of_yours_as_it_is_described() -> None:
    installed = {"services": {"installed": ["nginx-ingress"]}, "kubernetes": {"ingress_namespace": "ways-in"}}
    run = Regions(aws={**AWS, "ingress_controller": OF_YOURS}, more=installed).up("us-east")
    bindings = {binding.object_name: binding for binding in run.of("TargetGroupBinding")}
    for name, port, target in (("users-c80", 80, 8080), ("users-c443", 443, 8443), ("links-c443", 443, 8443)):
        binding = bindings[f"us-east-{name}"]
        assert binding.spec["serviceRef"] == {"name": "entrance", "port": port}
        assert binding.metadata["namespace"] == "ways-in"
        group = one(run, "lb/targetGroup:TargetGroup", f"-{name.replace('-c', '-')}")
        assert (group.inputs["port"], group.inputs["healthCheck"]["port"]) == (target, "8082")
    for use, ports in (("users", {8080, 8443, 8082}), ("links", {8443, 8082, 5432})):
        rules = of(run, "vpc/securityGroupIngressRule:SecurityGroupIngressRule", f"-{use}-pods-")
        assert {rule.inputs["fromPort"] for rule in rules} == ports
