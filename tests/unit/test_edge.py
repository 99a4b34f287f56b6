"""A standby takes its users to home by a proxy of its own; home lets such proxies in, and nobody else that way."""

from typing import Any

import pulumi
import pytest

from components import edge, objects
from components.aws.public_names import HEALTH_PATH, HEALTHY
from components.edge import configuration
from components.ingress import Forward, entrance, known_callers, virtual_server
from components.memory_environment import QUERY_WAIT
from rehearsal.engine.model import revealed
from settings import Backend, Ingress, IngressPath, IngressRule
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack, stack_configuration

DOMAIN = "us-east.somafractalmemory.internal"
HOSTS = {"memory-service": f"memory-service.{DOMAIN}", "memory-service-eu": f"memory-service-eu.{DOMAIN}"}
FORWARD = Forward("memory-edge", 80)
EDGE_KINDS = {
    *("Deployment", "Service", "ServiceAccount", "ConfigMap", "Secret", "PodDisruptionBudget", "NetworkPolicy"),
    "PodMonitor",
}


def kinds_of_edge(run: Recorded) -> set[str]:
    return {resource.kind for resource in run.objects if resource.object_name == edge.NAME}


def lines(section: str) -> list[str]:
    """The lines of a section of the configuration, without comments."""
    found: list[str] = []
    here = False
    for line in configuration(HOSTS).splitlines():
        stripped = line.strip()
        if line and not line.startswith((" ", "#")):
            here = stripped == section
        elif here and stripped and not stripped.startswith("#"):
            found.append(stripped)
    assert found, section
    return found


class TestWhoHasOne:
    def test_a_standby_has_an_edge_and_home_has_the_way_in(self, us_east: Recorded, us_west: Recorded) -> None:
        assert kinds_of_edge(us_west) == EDGE_KINDS
        assert kinds_of_edge(us_east) == set()
        assert us_east.has("VirtualServer", "memory-service-entrance")
        assert not [server for server in us_west.of("VirtualServer") if server not in us_west.user_hosts]

    def test_roles_turn_with_home(self, us_west: Recorded) -> None:
        """What a promotion declares: the new home serves its users itself, the old one takes them there."""
        multiregion = {"regions": [{"name": "us-east"}, {"name": "us-west"}], "home": "us-west"}
        west = record_stack("us-west", overrides={"multiregion": multiregion})
        east = record_stack("us-east", stacks={"us-west": west.outputs}, overrides={"multiregion": multiregion})
        assert kinds_of_edge(west) == set()
        assert west.user_hosts[0].spec["upstreams"][0]["service"] == "memory-service"
        assert west.user_hosts[0].urn == us_west.user_hosts[0].urn, "turned, and never away"
        assert kinds_of_edge(east) == EDGE_KINDS
        assert east.user_hosts[0].spec["upstreams"][0]["service"] == "memory-edge"
        assert environment(east)["HOME_ADDRESS"] == "memory.us-west.somafractalmemory.internal"

    def test_users_are_sent_to_pods_that_are_there_already(self, us_east: Recorded, us_west: Recorded) -> None:
        """The engine waits for a Deployment's pods and a Service's endpoints, and removes what left the program last:
        at a promotion the services come first, then the hosts turn to them, then the edge goes."""
        (host,) = us_west.user_hosts
        for kind in ("Deployment", "Service"):
            assert us_west.one(kind, edge.NAME).urn in host.depends_on
            assert "pulumi.com/skipAwait" not in us_west.one(kind, edge.NAME).metadata.get("annotations", {})
        (host,) = us_east.user_hosts
        service = us_east.one("Service", "memory-service")
        assert service.urn in host.depends_on
        assert "pulumi.com/skipAwait" not in service.metadata.get("annotations", {})

    def test_a_standby_that_users_do_not_reach_has_none(self, us_east: Recorded) -> None:
        outputs = {key: value for key, value in us_east.outputs.items() if key != "edges"}
        run = record_stack("us-west", stacks={"us-east": outputs}, overrides={"ingress": {"enabled": False}})
        assert kinds_of_edge(run) == set()

    def test_a_home_alone_opens_no_way_in(self) -> None:
        alone = {"enabled": False, "regions": []}
        run = record_stack("us-east", overrides={"multiregion": alone})
        assert [server.object_name for server in run.of("VirtualServer")] == ["memory-example-com"]
        assert "edges" not in run.outputs

    def test_a_home_that_lets_nobody_in_is_named_with_what_to_do(self, us_east: Recorded) -> None:
        outputs = {key: value for key, value in us_east.outputs.items() if key != "edges"}
        with pytest.raises(pulumi.RunError, match=r"ingress\.enabled = true .*enable its ingress and bring us-east up"):
            record_stack("us-west", stacks={"us-east": outputs})


def environment(run: Recorded) -> dict[str, str]:
    return {each["name"]: each["value"] for each in run.pods_of(edge.NAME).container("haproxy")["env"]}


class TestThePods:
    def test_there_are_three_over_all_zones_and_one_at_most_is_away(self, us_west: Recorded) -> None:
        pods = us_west.pods_of(edge.NAME)
        assert pods.replicas == 3
        assert pods.spec["topologySpreadConstraints"] == objects.stateless_spread(
            pods.workload.spec["selector"]["matchLabels"]
        )
        (budget,) = us_west.budgets_of(pods)
        assert budget.spec["maxUnavailable"] == 1
        assert pods.workload.spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}

    def test_settings_are_taken(self, us_east: Recorded) -> None:
        stated = {"replicas": 5, "retry_after_seconds": 7, "resources": {"limits": {"cpu": "3"}}}
        listed = [{"name": "us-east", "primary": True, "address": "east.example.net"}, {"name": "us-west"}]
        run = record_stack(
            "us-west",
            stacks={"us-east": us_east.outputs},
            overrides={"edge": stated, "multiregion": {"regions": listed}},
        )
        assert run.pods_of(edge.NAME).replicas == 5
        assert environment(run) == {"HOME_REGION": "us-east", "HOME_ADDRESS": "east.example.net", "RETRY_AFTER": "7"}
        limits = run.pods_of(edge.NAME).container("haproxy")["resources"]["limits"]
        assert limits == {"cpu": "3", "memory": "256Mi"}

    def test_without_a_number_there_are_as_many_as_availability_asks_for(self, us_east: Recorded) -> None:
        high = {"high_availability": {"min_replicas": 3, "enabled": False}}
        assert (
            record_stack("us-west", stacks={"us-east": us_east.outputs}, overrides=high).pods_of(edge.NAME).replicas
            == 3
        )

    def test_they_are_ready_without_home(self, us_west: Recorded) -> None:
        """Else all would be unready at once, and nobody would be there to say that home is away."""
        container = us_west.pods_of(edge.NAME).container("haproxy")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": "/readyz", "port": "metrics"}
        (ready,) = [line for line in lines("frontend own") if "/readyz" in line]
        assert "nbsrv" not in ready

    def test_a_pod_that_goes_has_time_for_calls_under_way(self, us_west: Recorded) -> None:
        (stop,) = [line for line in lines("global") if line.startswith("hard-stop-after")]
        seconds = int(stop.split()[1].removesuffix("s"))
        assert us_west.pods_of(edge.NAME).spec["terminationGracePeriodSeconds"] > edge.ENDPOINT_DRAIN + seconds

    def test_another_certificate_makes_new_pods(self, us_east: Recorded, us_west: Recorded) -> None:
        given = revealed(us_east.outputs["edges"])
        outputs = {**us_east.outputs, "edges": {**given, "client_certificate": "another"}}
        other = record_stack("us-west", stacks={"us-east": outputs})
        before, after = (run.pods_of(edge.NAME).annotations["soma.io/files"] for run in (us_west, other))
        assert before != after

    def test_it_shows_what_home_gave_out_and_trusts_homes_authority(self, us_east: Recorded, us_west: Recorded) -> None:
        given = revealed(us_east.outputs["edges"])
        held = revealed(us_west.one("Secret", edge.NAME).inputs["stringData"])
        assert held == {
            "ca.crt": given["ca"],
            "client.pem": f"{given['client_certificate']}\n{given['client_key']}",
        }


class TestTheConfiguration:
    def test_the_health_check_looks_for_what_route_53_looks_for(self) -> None:
        checks = [line for line in lines("backend memory-service") if line.startswith("http-check")]
        assert checks == [
            f"http-check send meth GET uri {HEALTH_PATH} ver HTTP/1.1 hdr Host {HOSTS['memory-service']}",
            "http-check expect status 200",
            f"http-check expect string '{HEALTHY}'",
        ]

    def test_each_memory_namespace_has_a_backend_with_its_own_name_at_home(self) -> None:
        for service, host in HOSTS.items():
            backend = lines(f"backend {service}")
            assert f"http-request set-header Host {host}" in backend
            (tls,) = [line for line in backend if " ssl " in line]
            assert "ssl verify required ca-file " in tls
            assert f"sni str({host}) check-sni {host}" in tls
        assert "@" not in "".join(lines("backend memory-service"))

    def test_nothing_is_sent_again(self) -> None:
        assert "retry-on conn-failure" in lines("defaults")

    def test_home_is_resolved_again_and_need_not_have_a_name_yet(self) -> None:
        (server,) = [line for line in lines("backend memory-service") if "check inter" in line]
        assert "init-addr none resolvers cluster" in server
        assert "parse-resolv-conf" in lines("resolvers cluster")

    def test_waits_end_one_after_the_other(self) -> None:
        """Home's ingress controller says that it gave up, else the edge does, else the standby's."""
        (held,) = [line for line in lines("defaults") if line.startswith("timeout server")]
        ours = int(held.split()[-1].removesuffix("s"))
        home = entrance("h", "memory-service", "s", "c", Ingress())
        standby = virtual_server(Ingress().rules[0], Ingress(), FORWARD)
        assert QUERY_WAIT < seconds(home, "api") < ours < seconds(standby, "api")
        (stream,) = [line for line in lines("backend memory-service") if "set-timeout server" in line]
        assert seconds(home, "stream") < int(stream.split()[3].removesuffix("s")) < seconds(standby, "stream")
        (client,) = [line for line in lines("defaults") if line.startswith("timeout client")]
        assert int(client.split()[-1].removesuffix("s")) >= seconds(standby, "stream")


def upstream(spec: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in spec["upstreams"] if one["name"] == name)


def seconds(spec: dict[str, Any], name: str) -> int:
    return int(upstream(spec, name)["read-timeout"].removesuffix("s"))


def told(route: dict[str, Any]) -> dict[str, str]:
    """Headers that a route sets."""
    return {header["name"]: header["value"] for header in route["action"]["proxy"]["requestHeaders"]["set"]}


class TestTheStandbysHosts:
    def test_every_route_goes_to_the_proxy_and_says_for_which_service(self) -> None:
        paths = (
            IngressPath(path="/"),
            IngressPath(path="/eu", backend=Backend(service="memory-service-eu")),
        )
        rule = IngressRule(host="memory.example.com", paths=paths)
        spec = virtual_server(rule, Ingress(rules=(rule,), streaming_paths=("/eu/stream",)), FORWARD)
        assert {(one["service"], one["port"]) for one in spec["upstreams"]} == {("memory-edge", 80)}
        assert {route["path"]: told(route) for route in spec["routes"]} == {
            "/": {"X-Soma-Service": "memory-service", "X-Soma-Stream": "false"},
            "/eu": {"X-Soma-Service": "memory-service-eu", "X-Soma-Stream": "false"},
            "/eu/stream": {"X-Soma-Service": "memory-service-eu", "X-Soma-Stream": "true"},
        }

    def test_the_cookie_of_a_stream_is_homes_alone(self) -> None:
        """It has one name: a second one on the way would take its place."""
        spec = virtual_server(Ingress().rules[0], Ingress(), FORWARD)
        assert "sessionCookie" not in upstream(spec, "stream")
        assert upstream(spec, "stream")["buffering"] is False
        assert "sessionCookie" in upstream(entrance("h", "memory-service", "s", "c", Ingress()), "stream")

    def test_a_read_that_broke_off_is_made_again_by_another_pod_and_nothing_else_is(self) -> None:
        """NGINX repeats no POST that was sent without `non_idempotent`."""
        for each in virtual_server(Ingress().rules[0], Ingress(), FORWARD)["upstreams"]:
            assert each["next-upstream"] == "error timeout http_502"

    def test_users_are_limited_where_they_come_in(self, us_west: Recorded) -> None:
        (host,) = us_west.user_hosts
        assert host.spec["policies"] == [{"name": "rate-limit"}]
        assert "tls" in host.spec


class TestHomesWayIn:
    def entrance(self, us_east: Recorded) -> Resource:
        return us_east.one("VirtualServer", "memory-service-entrance")

    def test_nobody_comes_in_without_a_certificate_of_homes_own_authority(self, us_east: Recorded) -> None:
        """The controller's public address answers to this host too, and it has no rate limit."""
        spec = self.entrance(us_east).spec
        assert spec["host"] == f"memory-service.{DOMAIN}"
        (reference,) = spec["policies"]
        policy = us_east.one("Policy", reference["name"])
        assert policy.spec == known_callers("edge-callers", Ingress())
        assert policy.spec["ingressMTLS"]["verifyClient"] == "on"
        secret = us_east.one("Secret", policy.spec["ingressMTLS"]["clientCertSecret"])
        assert secret.inputs["type"] == "nginx.org/ca"
        ca = revealed(secret.inputs["stringData"])["ca.crt"]
        assert ca == revealed(us_east.outputs["edges"])["ca"]
        assert {policy.urn, secret.urn} <= set(self.entrance(us_east).depends_on), "open until they are there"

    def test_it_shows_a_certificate_for_the_names_that_edges_ask_for(self, us_east: Recorded) -> None:
        assert self.entrance(us_east).spec["tls"] == {"secret": "edge-entrance"}
        (request,) = [r for r in us_east.resources if r.name.endswith("edges-authority-entrance-request")]
        assert request.inputs["dnsNames"] == [f"*.{DOMAIN}"]

    def test_the_service_sees_the_users_host_and_address(self, us_east: Recorded) -> None:
        """Of its redirects the first one is made, which name the host."""
        for route in self.entrance(us_east).spec["routes"]:
            assert told(route) == {
                "Host": "${http_x_forwarded_host}",
                "X-Forwarded-Host": "${http_x_forwarded_host}",
                "X-Real-IP": "${http_x_real_ip}",
                "X-Forwarded-Proto": "${http_x_forwarded_proto}",
            }

    def test_it_leads_to_one_service_and_streams_stick_to_a_pod(self, us_east: Recorded) -> None:
        spec = self.entrance(us_east).spec
        assert {one["service"] for one in spec["upstreams"]} == {"memory-service"}
        assert [(route["path"], route["action"]["proxy"]["upstream"]) for route in spec["routes"]] == [
            ("/memories/stream", "stream"),
            ("/", "api"),
        ]

    def test_a_host_that_only_streams_has_one_route_a_path(self) -> None:
        spec = entrance("h", "memory-service", "s", "c", Ingress(streaming_paths=("/",)))
        assert [route["path"] for route in spec["routes"]] == ["/"]

    def test_without_streaming_paths_there_is_no_stream(self) -> None:
        spec = entrance("h", "memory-service", "s", "c", Ingress(streaming_paths=()))
        assert [one["name"] for one in spec["upstreams"]] == ["api"]

    def test_each_memory_namespace_has_its_own(self) -> None:
        memory = {**stack_configuration("us-east")["memory"], "namespaces": ["default", "eu"]}
        rules = [
            {"host": f"{service}.example.com", "paths": [{"path": "/", "backend": {"service": service}}]}
            for service in HOSTS
        ]
        run = record_stack("us-east", overrides={"memory": memory, "ingress": {"rules": rules}})
        servers = [server for server in run.of("VirtualServer") if server not in run.user_hosts]
        assert {server.spec["upstreams"][0]["service"]: server.spec["host"] for server in servers} == HOSTS
