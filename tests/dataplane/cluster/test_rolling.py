"""A rolling change costs no request: users behind a real NGINX while the service is rolled, scaled and evicted.

NGINX is told what the program's VirtualServers say, and follows the EndpointSlices (ingress.py). Users repeat nothing:
an answer other than 200, one that is not what was stored, and a connection that breaks are failed requests. What NGINX
itself sends to a second pod is what the program declares, and is printed.

Streams go on for as long as all of this takes, to pods that stay while those beside them change; ten minutes have 40
heartbeats of 15 s, here they come ACCELERATION times as often. Another one is silent for longer than NGINX waits for an
upstream that says nothing else.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from rehearsal.kube import KubeError, Manifest
from tests.dataplane.cluster.edge_users import Told, Users, visits
from tests.dataplane.cluster.faults import stopwatch
from tests.dataplane.cluster.ingress import Entrance, entrance
from tests.dataplane.cluster.stand import Pod, Stand, eventually
from tests.dataplane.cluster.test_memory_service import PODS, SERVICE, Memory, all_ready, pods

pytestmark = [pytest.mark.own_nodes, pytest.mark.timeout(900)]

HOST, SECOND_HOST = "memory.example.com", "second.example.com"
SECOND = f"{SERVICE}-second"
ACCELERATION = 3
HEARTBEAT, HEARTBEATS = 15 / ACCELERATION, 10 * 60 // 15
SILENCE = 75
"""Seconds; the controller's default patience is 60."""
READY_SECONDS = 240
CALLS, SOME = 600, 80
READ = "9900,1,1"
UNEVEN = 0.05
VISITS = 20
BUDGET_SAYS_NO = 429
FEWEST = 200
"""Fewer requests than that would mean that the load was hardly there."""


@pytest.fixture(scope="module")
def ingress(cluster: Stand) -> Iterator[Entrance]:
    with entrance(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def users(cluster: Stand, ingress: Entrance) -> Users:
    """Those of the first memory namespace, once they are answered."""
    found = Users(cluster, ingress, HOST, SERVICE)

    def answered() -> bool:
        told = found.read(8, "/stats")
        assert not told.failed, told.failed[0]
        return True

    eventually("the ingress serves", answered, READY_SECONDS)
    return found


@pytest.fixture(scope="module", autouse=True)
def streams(cluster: Stand, users: Users) -> Iterator["Streams"]:
    """They are there while everything else of this module goes on."""
    found = Streams(Users(cluster, users.entrance, SECOND_HOST, SECOND))
    yield found
    found.end()


class Streams:
    """Two streams of the second memory namespace, whose pods nobody rolls or evicts."""

    def __init__(self, users: Users) -> None:
        self._stack = ExitStack()
        self._told = self._stack.enter_context(users.listening(HEARTBEAT, SILENCE))
        self.seconds = stopwatch()

    def end(self) -> Told:
        """What they heard; ends them, the first time."""
        self._stack.close()
        return self._told


class Change:
    """Something that is done to the service's pods under load."""

    def __init__(self, stand: Stand, users: Users) -> None:
        self._stand, self._entrance = stand, users.entrance
        self.settled()
        self._before, self._reloads = pods(stand), users.entrance.reloads()
        self._repeated, self._since = len(users.entrance.repeated()), stopwatch()

    @property
    def pods(self) -> list[Pod]:
        """Those there were."""
        return self._before

    def settled(self) -> None:
        """Waits until the pods that stay are ready, and those that go are gone: their last requests count, too."""
        eventually("the service is as wanted", self._whole, READY_SECONDS)

    def _whole(self) -> bool:
        return all_ready(self._stand) and len(self._stand.pods(PODS)) == self._stand.settings.memory.replicas

    def replaced(self) -> int:
        return len({pod.uid for pod in self._before} - {pod.uid for pod in pods(self._stand)})

    def judge(self, what: str, told: Told, figure: Callable[[str], None]) -> None:
        """No request failed, and who came back to the stream came to the pod of before as long as that was there."""
        repeated = len(self._entrance.repeated()) - self._repeated
        figure(
            f"{what}, users behind NGINX, real nodes: {len(told.failed)} of {told.requests} requests failed in "
            f"{self._since():.0f} s, the slowest took {told.longest:.1f} s; {repeated} were sent to a second pod; "
            f"{self.replaced()} pods were replaced, NGINX reloaded {self._entrance.reloads() - self._reloads} times"
        )
        assert told.failed == []
        assert told.requests > FEWEST
        left = [one.pod for one, following in pairwise(visits(told)) if one.pod != following.pod]
        assert not set(left) & {pod.name for pod in pods(self._stand)}, f"{left}: left, but still there"
        assert len(left) == len(set(left)), f"{left}: left twice"


def answers(users: Users, path: str) -> dict[str, int]:
    """How many answers to GET of a path each pod of the service counts."""
    line = re.compile(rf'^api_responses_total{{endpoint="{path}",method="GET",status="200"}} (\d+)$', re.MULTILINE)
    fetch = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    found: dict[str, int] = {}
    for pod in pods(users.stand):
        said = users.stand.tool("python3", "-c", fetch, f"http://{pod.address}:9595/metrics")
        counted = line.search(said)
        found[pod.name] = int(counted[1]) if counted else 0
    return found


def spread(users: Users, times: int, cookie: str = "") -> dict[str, int]:
    """Which pods answer so many reads of a memory."""
    path = f"/memories/{READ}"
    assert Memory(users.stand).store(READ, text="often read") == 200
    before = answers(users, path)
    told = users.read(times, path, cookie)
    assert told.failed == []
    return {pod: count - before[pod] for pod, count in answers(users, path).items()}


def evict(stand: Stand, pod: str) -> None:
    """As a drain does it: through the API, again for as long as the budget does not allow it."""
    asked: Manifest = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{stand.namespace}/pods/{pod}/eviction"

    def taken() -> bool:
        try:
            stand.client.call("POST", path, body=asked, idempotent=False, wait=False)
        except KubeError as error:
            if error.status != BUDGET_SAYS_NO:
                raise
            return False
        return True

    eventually(f"{pod} may be evicted", taken, READY_SECONDS)


def test_calls_are_spread_evenly_over_the_pods(cluster: Stand, users: Users, figure: Callable[[str], None]) -> None:
    found = spread(users, CALLS)
    even = CALLS / len(found)
    most = max(abs(count - even) / even for count in found.values())
    shares = ", ".join(str(count) for count in found.values())
    figure(f"round robin behind NGINX, real nodes: {CALLS} calls are {shares}; {most:.1%} off even at most")
    assert len(found) == cluster.settings.memory.replicas
    assert sum(found.values()) == CALLS
    assert most <= UNEVEN, found


def test_the_streams_cookie_leads_back_to_its_pod_and_calls_go_to_all(
    users: Users, figure: Callable[[str], None]
) -> None:
    told, strangers = users.visit(VISITS, keep=False)
    assert told.failed == []
    assert len({one.pod for one in strangers}) > 1, "it is the cookie that is tried, not NGINX"
    told, back = users.visit(VISITS + 1, keep=True)
    assert told.failed == []
    same = sum(one.pod == back[0].pod for one in back[1:])
    called = spread(users, SOME, back[-1].session)
    figure(
        f"cookie behind NGINX, real nodes: {same} of {VISITS} streams came back to their pod; {SOME} calls that "
        f"showed it went to {sum(count > 0 for count in called.values())} pods"
    )
    assert same == VISITS
    assert all(called.values()), called
    cookie = back[0].cookie.lower()
    assert cookie.startswith("soma_stream=")
    for attribute in ("httponly", "secure", "samesite=lax", "path=/memories/stream", "max-age=3600"):
        assert attribute in cookie, cookie


def test_a_rollout_costs_no_request(cluster: Stand, users: Users, figure: Callable[[str], None]) -> None:
    change = Change(cluster, users)
    with users.using() as told:
        restarted = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat(timespec="seconds")}
        template = {"spec": {"template": {"metadata": {"annotations": restarted}}}}
        cluster.client.patch("apps/v1", "Deployment", SERVICE, template, cluster.namespace)
        eventually("every pod is another one", lambda: change.replaced() == len(change.pods), READY_SECONDS)
        change.settled()
    change.judge("rolled", told, figure)


def test_scaling_out_and_in_costs_no_request(cluster: Stand, users: Users, figure: Callable[[str], None]) -> None:
    change, wanted = Change(cluster, users), cluster.settings.memory.replicas
    with users.using() as told:
        cluster.up({"memory.replicas": wanted + 1})
        eventually("there is one more", lambda: sum(pod.ready for pod in pods(cluster)) == wanted + 1, READY_SECONDS)
        eventually("the new one is called", lambda: all(spread(users, SOME).values()), READY_SECONDS)
        cluster.up({})
        change.settled()
    change.judge(f"scaled {wanted} → {wanted + 1} → {wanted} by the program", told, figure)


def test_evictions_cost_no_request(cluster: Stand, users: Users, figure: Callable[[str], None]) -> None:
    change = Change(cluster, users)
    with users.using() as told:
        for pod in change.pods:
            evict(cluster, pod.name)
        change.settled()
    assert change.replaced() == len(change.pods)
    change.judge("evicted one after the other", told, figure)


def test_streams_of_ten_minutes_are_not_cut(users: Users, streams: Streams, figure: Callable[[str], None]) -> None:
    """Neither by reloads of NGINX nor by silence, and every event arrives before the next one is sent."""
    long = max(HEARTBEAT * HEARTBEATS, 2 * SILENCE) + 2 * HEARTBEAT
    eventually("they went on long enough", lambda: streams.seconds() > long, long + READY_SECONDS)
    seconds, told = streams.seconds(), streams.end()
    steady, silent = told.found
    figure(
        f"streams behind NGINX, real nodes: {len(steady)} heartbeats every {HEARTBEAT:g} s and {len(silent)} every "
        f"{SILENCE} s in {seconds:.0f} s, {len(told.failed)} cut, through {users.entrance.reloads()} reloads"
    )
    assert told.failed == []
    for heard, fewest in ((steady, HEARTBEATS), (silent, 3)):
        assert len(heard) >= fewest
        assert [event["number"] for event in heard] == list(range(len(heard)))
        assert len({event["pod"] for event in heard}) == 1
        assert all(event["received"] < following["sent"] for event, following in pairwise(heard)), "they were held back"
