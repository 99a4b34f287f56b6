"""The promotion drill: home moves while it lives and when it is lost, interrupted at each step, and back again.

What is looked at after each action is what the API servers hold: who is declared a primary, who takes writes as the
stand-in of CloudNativePG plays it, and where pods of the service run.
"""

import base64
import io
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.files import memory_probe
from components.postgres_cluster import cluster_name
from promotion.command import Command, Wishes
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.plan import Action, Kind
from promotion.world import World
from rehearsal import binaries, paths
from rehearsal.controlplane import ControlPlane
from rehearsal.engine import choose
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from rehearsal.promoting import RehearsedAccess
from rehearsal.standins import launch
from rehearsal.standins.cnpg.topology import PRIMARY
from tests.operator_shell import Shell, merged
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing
from tests.unit.docs_execution import AFTER_A_PROMOTION, Way, steps
from tests.unit.docs_pages import page

pytestmark = pytest.mark.timeout(900)
"""The first test waits for two regions, beside whatever else the machine does."""

Figure = Callable[[str], None]


class EndedError(Exception):
    """Stands for Ctrl-C, a lost connection, or a machine that was switched off."""


class Drill:
    """Two regions that are up, and the command on them."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.access = RehearsedAccess(stand.directory, Progress(stand.said))
        self.said: list[str] = []
        self.primaries: list[tuple[str, ...]] = []
        """Who was seen as a primary after each action."""

    def command(self) -> Command:
        return Command(self.access, Checkout(self.stand.directory), self.said.append, lambda _: False, poll=0.2)

    def promote(self, target: str, **wishes: Any) -> None:
        self.command().run(Wishes(target, yes=True, **wishes))

    def step_by_step(self, target: str, looked: bool = True, **wishes: Any) -> list[Kind]:
        """The command ended after every action, and each update ended within as well; looked at after each.

        Without `looked` only the cluster that is deleted counts: until then an old home that returned writes.
        """
        kinds: list[Kind] = []
        while True:
            command = _EndedAfterOne(self)
            try:
                command.run(Wishes(target, yes=True, **wishes))
            except EndedError:
                kinds += command.kinds
                if looked or Kind.DELETE_CLUSTER in kinds:
                    self.look_at_primaries()
                if looked:
                    self.look_at_services()
                assert len(kinds) < 60, kinds
                continue
            return kinds

    def look_at_primaries(self) -> None:
        """At most one."""
        alive = self._alive()
        declared = [region for region in alive if self._declared(region) == cluster_name(region)]
        writing = [region for region in alive if self.takes_writes(region)]
        self.primaries.append(tuple(writing))
        assert len(declared) <= 1, declared
        assert len(writing) <= 1, writing

    def in_turn(self) -> list[tuple[str, ...]]:
        """Who was a primary, one after the other: never two, and never back."""
        seen = self.primaries
        return [each for index, each in enumerate(seen) if index == 0 or each != seen[index - 1]]

    def look_at_services(self) -> None:
        """One runs only beside a primary."""
        for region in self._alive():
            if self._declared(region) != cluster_name(region):
                assert self.serving(region) == 0, f"{region} has a service and no primary"

    def fences(self, home: str, old: str) -> bool:
        """Whether what home's ingress controller is to answer has the readiness probe of the old home's pods fail."""
        asking, answering = self.stand.client(old), self.stand.client(home)
        pods = asking.get("apps/v1", "Deployment", "memory-service", NAMESPACE)["spec"]["template"]["spec"]
        (service,) = pods["containers"]
        *_, region, generation, _ = service["readinessProbe"]["exec"]["command"]
        place = asking.get("v1", "ConfigMap", "memory-service", NAMESPACE)["data"]["other-regions"]
        spec = answering.get("k8s.nginx.org/v1", "VirtualServer", "fence", NAMESPACE)["spec"]
        assert place == f"memory.{home}.somafractalmemory.internal:443/{spec['host']}"
        (route,) = spec["routes"]
        said, token = route["action"]["return"]["body"], self.secrets(old)["memory-service-token"]
        return memory_probe.given_up(said, region, int(generation), token)

    def _alive(self) -> list[str]:
        return [region for region in REGIONS if ControlPlane(region).alive()]

    def takes_writes(self, region: str) -> bool:
        found = self.access.cluster(region) or {}
        conditions = (found.get("status") or {}).get("conditions") or []
        return any(one["type"] == PRIMARY and one["status"] == "True" for one in conditions)

    def serving(self, region: str) -> int:
        pods = self.access.service_pods(region)
        return sum(
            any(
                "running" in (one.get("state") or {})
                for one in (pod.get("status") or {}).get("containerStatuses") or []
            )
            for pod in pods
        )

    def _declared(self, region: str) -> str:
        found = self.access.cluster(region)
        return str(found["spec"]["replica"]["primary"]) if found else ""

    def _ready(self, region: str) -> int:
        return int(((self.access.cluster(region) or {}).get("status") or {}).get("readyInstances") or 0)

    def secrets(self, region: str) -> dict[str, str]:
        """What clients and roles go by."""
        client = self.stand.client(region)
        places = {"memory-service-token": "token", "postgresql-app": "password"}
        found = {name: client.get("v1", "Secret", name, NAMESPACE)["data"][key] for name, key in places.items()}
        return {name: base64.b64decode(value).decode() for name, value in found.items()}

    def home(self, region: str) -> None:
        """Everything as at any time with this home, in the files, the clusters and the stacks."""
        other = next(each for each in REGIONS if each != region)
        _await(lambda: self.takes_writes(region) and not self.takes_writes(other))
        _await(lambda: self.serving(region) >= 3)
        assert self.serving(other) == 0
        for each in REGIONS:
            _await(lambda each=each: self._ready(each) == 3)
            replica = (self.access.cluster(each) or {})["spec"]["replica"]
            assert replica["primary"] == cluster_name(region)
            assert "promotionToken" not in replica
            assert self.access.outputs(each)["home"] == region
            assert self.access.outputs(each)["promotion"] == ""
            assert "promotion" not in (self.stand.directory / f"Pulumi.{each}.yaml").read_text()
        jobs = {
            each: [job["metadata"]["name"] for job in self.stand.client(each).list("batch/v1", "Job", NAMESPACE)]
            for each in REGIONS
        }
        assert any(name.startswith("postgresql-schema") for name in jobs[region])
        assert not any(name.startswith("postgresql-schema") for name in jobs[other])


class _EndedAfterOne(Command):
    """The command, ended after the first thing it did."""

    def __init__(self, drill: Drill) -> None:
        super().__init__(drill.access, Checkout(drill.stand.directory), drill.said.append, lambda _: False, poll=0.2)
        self._drill = drill
        self.kinds: list[Kind] = []

    def perform(self, action: Action, world: World, target: str) -> None:
        if action.kind is Kind.UP and f"cut {action.words}" not in self._drill.said:
            self._drill.said.append(f"cut {action.words}")
            cut = threading.Timer(1.5, self._drill.access.interrupt)
            cut.start()
            try:
                super().perform(action, world, target)
            except PromotionError:
                raise EndedError from None
            finally:
                cut.cancel()
        else:
            super().perform(action, world, target)
        self.kinds.append(action.kind)
        raise EndedError


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    with standing(tmp_path_factory.mktemp("promotion")) as stand:
        stand.up()
        yield Drill(stand)


def test_home_moves_while_it_lives_and_whatever_interrupts_it(drill: Drill) -> None:
    before = drill.secrets("us-east")
    kinds = drill.step_by_step("us-west")
    assert {Kind.RECORD, Kind.UP, Kind.MOVE_HOME} <= set(kinds)
    assert Kind.FENCE not in kinds
    drill.home("us-west")
    assert drill.secrets("us-west") == drill.secrets("us-east") == before
    assert drill.in_turn() == [("us-east",), (), ("us-west",)]


def test_the_runbook_ends_as_it_says(drill: Drill, kubectl: Path, tmp_path: Path) -> None:
    """The rest of it is carried out on regions whose home does not move (test_runbooks.py)."""
    contexts = merged({region: paths.region_dir(region) / "kubeconfig" for region in REGIONS}, tmp_path / "kubeconfig")
    shell = Shell(tmp_path, kubectl, contexts, drill.stand.client("us-west"), str)
    found = [one for one in steps(page(AFTER_A_PROMOTION[0])) if one.after_a_promotion and one.way is Way.SIMULATED]
    assert found
    for step in found:
        done = shell.run(step.text, NAMESPACE)
        assert done.code == 0, f"{step.place}: {done.err}"


def test_the_same_command_moves_it_back(drill: Drill) -> None:
    before = drill.secrets("us-west")
    drill.promote("us-east")
    drill.home("us-east")
    assert drill.secrets("us-east") == before


def test_where_home_is_already_there_is_nothing_to_do(drill: Drill) -> None:
    drill.said.clear()
    drill.promote("us-east")
    assert drill.said == ["us-east is home, and every region that answers follows it: nothing to do"]


def test_home_is_not_moved_by_hand(drill: Drill) -> None:
    """Nothing of either region changes, for both stacks refuse."""
    checkout = Checkout(drill.stand.directory)
    checkout.move_home("us-west")
    try:
        with pytest.raises(PromotionError, match=r"us-east is home and has the data: move it first \(python -m"):
            drill.access.up("us-east")
        with pytest.raises(PromotionError, match="home of this stack is us-east"):
            drill.access.up("us-west")
    finally:
        checkout.move_home("us-east")
    drill.look_at_primaries()
    drill.look_at_services()


def test_a_lost_home_is_replaced_and_stays_fenced_and_comes_back_as_a_standby(drill: Drill, tmp_path: Path) -> None:
    before = drill.secrets("us-east")
    old = tmp_path / "old checkout"
    shutil.copytree(drill.stand.directory, old, symlinks=True)
    plane = ControlPlane("us-east")
    plane.halt()

    drill.access.behind = 3600.0
    with pytest.raises(PromotionError, match=r"3,600 s behind, multiregion\.rpo_seconds allows 300.*--accept-loss"):
        drill.promote("us-west")
    assert "promotion" not in (drill.stand.directory / "Pulumi.us-east.yaml").read_text()
    drill.primaries.clear()
    kinds = drill.step_by_step("us-west", accept_loss=True)
    assert Kind.FENCE in kinds
    assert drill.said[-1] == "us-east stays fenced and does not answer: run this again when it does"
    _await(lambda: drill.takes_writes("us-west"))
    assert set(drill.primaries) <= {(), ("us-west",)}
    assert drill.secrets("us-west") == before

    # It comes back with what it had, and believes to be home. Whoever updates it from wherever is refused.
    plane.start(binaries.ensure(Progress(io.StringIO())), Progress(io.StringIO()))
    launch.start(plane.kubeconfig, paths.region_dir("us-east"), Progress(io.StringIO()))
    assert drill.takes_writes("us-east")
    for checkout, words in ((old, "home of this stack is us-west"), (drill.stand.directory, "went another way")):
        engine = choose("in-process", checkout)
        with pytest.raises(RehearsalError, match=words):
            engine.up("us-east", Progress(io.StringIO()))

    # Its pods find by themselves that they must serve nobody, until they are those of the clone.
    assert drill.fences("us-west", "us-east")

    kinds = drill.step_by_step("us-west", looked=False)
    assert Kind.DELETE_CLUSTER in kinds
    drill.home("us-west")
    assert not drill.fences("us-west", "us-east")


def test_fail_back_after_a_loss_is_the_same_command(drill: Drill) -> None:
    before = drill.secrets("us-west")
    drill.access.behind = 0.0
    drill.primaries.clear()
    assert Kind.FENCE not in drill.step_by_step("us-east")
    drill.home("us-east")
    assert drill.secrets("us-east") == before
    assert drill.in_turn() == [("us-west",), (), ("us-east",)]


def _await(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
