"""A stream of ten minutes with heartbeats: nothing on its way ends it, as the program declares that way.

tests/dataplane/cluster/test_rolling.py sends such streams through a real NGINX, with heartbeats that come faster.
"""

import json
import re
from typing import Any

import pytest

from components import edge
from components.service_values import NGINX
from settings import Ingress
from tests.unit.aws_region import two
from tests.unit.recorded import Recorded

HEARTBEAT, LONG = 15, 10 * 60
BALANCER_IDLE = 350
"""Seconds of silence after which a network load balancer of AWS forgets a connection, where nothing else is declared
(docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html, connection idle timeout).
"""
_SECONDS = re.compile(r"(\d+)s")


@pytest.fixture(params=["kubernetes", "aws"])
def regions(request: pytest.FixtureRequest, us_east: Recorded, us_west: Recorded) -> tuple[Recorded, Recorded]:
    """Home and a standby."""
    return (us_east, us_west) if request.param == "kubernetes" else two()


def seconds(text: str) -> int:
    found = _SECONDS.fullmatch(text)
    assert found is not None, text
    return int(found[1])


def upstreams(run: Recorded, streams: bool) -> list[dict[str, Any]]:
    """What the hosts of a region lead to, for users and edges alike, by the paths of streams or by all others."""
    found: list[dict[str, Any]] = []
    for server in run.of("VirtualServer"):
        by_name = {upstream["name"]: upstream for upstream in server.spec["upstreams"]}
        for route in server.spec["routes"]:
            if (route["path"] in Ingress().streaming_paths) == streams:
                action = route["action"]
                found.append(by_name[action["pass"] if "pass" in action else action["proxy"]["upstream"]])
    assert len(found) >= len(run.of("VirtualServer"))
    return found


def proxy(run: Recorded) -> str:
    """The configuration of a standby's edge."""
    (text,) = run.one("ConfigMap", edge.NAME).inputs["data"].values()
    return text


def stated(text: str, of: str) -> int:
    """The seconds behind a directive of HAProxy, which stands there once."""
    (found,) = re.findall(rf"^ +{of} (\S+)", text, re.MULTILINE)
    return seconds(found)


def test_nginx_passes_on_what_comes_and_waits_longer_than_that(regions: tuple[Recorded, Recorded]) -> None:
    """To the next heartbeat, even to the next of ten minutes; the time of a whole stream has no limit."""
    for run in regions:
        for upstream in upstreams(run, streams=True):
            assert upstream["buffering"] is False
            assert min(seconds(upstream[f"{way}-timeout"]) for way in ("read", "send")) > LONG


def test_the_edge_waits_as_long_for_what_it_is_told_is_a_stream(regions: tuple[Recorded, Recorded]) -> None:
    _, standby = regions
    text = proxy(standby)
    assert min(stated(text, f"timeout {of}") for of in ("client", "tunnel")) > LONG
    waits = re.findall(r"^ +http-request set-timeout server (\S+) if \{ req\.hdr\(X-Soma-Stream\) true \}$", text, re.M)
    assert len(waits) == len(re.findall(r"^backend memory-service", text, re.MULTILINE)) > 0
    assert min(map(seconds, waits)) > LONG
    told = [
        {header["name"]: header["value"] for header in route["action"]["proxy"]["requestHeaders"]["set"]}
        for server in standby.user_hosts
        for route in server.spec["routes"]
        if route["path"] in Ingress().streaming_paths
    ]
    assert [headers["X-Soma-Stream"] for headers in told] == ["true"] * len(standby.user_hosts)


def test_the_load_balancer_hears_a_heartbeat_in_time_and_ends_no_connection() -> None:
    for run in two():
        listeners = [one for one in run.resources if one.type == "aws:lb/listener:Listener"]
        groups = [one for one in run.resources if one.type == "aws:lb/targetGroup:TargetGroup"]
        assert listeners and groups
        idle = [one.inputs.get("tcpIdleTimeoutSeconds", BALANCER_IDLE) for one in listeners]
        assert min(idle) > 2 * HEARTBEAT, "one may be late"
        assert not any(one.inputs.get("connectionTermination") for one in groups)


def controller(run: Recorded) -> dict[str, Any]:
    """Values of the ingress controller's chart."""
    (release,) = (one for one in run.resources if one.name.endswith("-services-nginx-ingress"))
    return release.inputs["values"]["controller"]


def test_a_reload_of_nginx_ends_no_stream() -> None:
    """Old workers go on with what they have, for as long as nobody sets them a time."""
    for run in two():
        assert not re.search("worker.shutdown", json.dumps(controller(run)["config"]))


def longest_call(run: Recorded) -> int:
    return max(seconds(upstream["read-timeout"]) for upstream in upstreams(run, streams=False))


def test_a_pod_that_goes_ends_the_longest_call_that_it_has_begun(regions: tuple[Recorded, Recorded]) -> None:
    """A stream has as long; then its user comes back, to another pod. Streams of other pods go on."""
    home, standby = regions
    service = home.pods_of("memory-service")
    drain = int(service.container("memory-service")["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert service.spec["terminationGracePeriodSeconds"] - drain > longest_call(home)
    text, ends = proxy(standby), stated(proxy(standby), "hard-stop-after")
    assert ends > stated(text, "timeout server") > longest_call(home)
    assert standby.pods_of(edge.NAME).spec["terminationGracePeriodSeconds"] > edge.ENDPOINT_DRAIN + ends


@pytest.mark.parametrize("where", ["of yours", "aws"])
def test_so_does_a_pod_of_the_ingress_controller(where: str) -> None:
    of = [NGINX["controller"]] if where == "of yours" else [controller(run) for run in two()]
    for values in of:
        ends = values["terminationGracePeriodSeconds"] - values["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert ends > max(longest_call(run) for run in two())
