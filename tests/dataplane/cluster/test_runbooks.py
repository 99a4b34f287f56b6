"""Steps of the runbooks that look into containers, as they stand there, by kubectl on real nodes."""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rehearsal import build, ports
from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.stand import Stand, eventually
from tests.operator_shell import Done, Shell, merged
from tests.unit.docs_execution import Step, Way, runbooks, steps
from tests.unit.docs_pages import page

PLUGIN = Path(__file__).with_name("kubectl-cnpg")
QDRANT_PORT = "6333"
REBUILD = "docs/runbooks/rebuild-redis.md"
_BEFORE = re.compile(r" (create|delete) job look |^export ")
"""Makes what the steps after it read, or use."""
_MAY_BE_SILENT = re.compile(r" delete | logs (?!.*job/)| > ")


class Operator:
    """Who follows the runbooks, on the region of the stand."""

    def __init__(self, stand: Stand, folder: Path, kubectl: Path) -> None:
        self.stand = stand
        kubeconfig = merged({"us-east": stand.kubeconfig}, folder / "kubeconfig")
        self._shell = Shell(folder, kubectl, kubeconfig, stand.client, lambda _: "1")
        shutil.copy(PLUGIN, folder / "bin")

    def run(self, text: str) -> Done:
        """A line, in the namespace of the stand."""
        namespace = self.stand.namespace
        return self._shell.run(text.replace("-n somafractalmemory", f"-n {namespace}"), namespace)

    @contextmanager
    def beside(self, text: str) -> Generator[None]:
        """A line that goes on until the next ones are done, once it has said its first words."""
        with self._shell.beside(text.replace("-n somafractalmemory", f"-n {self.stand.namespace}")):
            yield

    def _met(self, text: str) -> Done | None:
        done = self.run(text)
        return None if "is waiting to start" in done.err else done

    def rebuild(self, step: Step) -> str:
        """One step of the runbook that changes the region."""
        if step.commands[0].program == "pulumi":
            self.stand.up({})
            return ""
        return self.carry_out(step).out

    def carry_out(self, step: Step) -> Done:
        """A step; one that meets a pod of a job that only starts is said again, as who follows the page does."""
        done = eventually(f"{step.place} meets no pod that starts", lambda: self._met(step.text))
        assert done.code == 0, f"{step.place}: {step.text}: {done.err}{done.out}"
        return done


@pytest.fixture(scope="module")
def operator(cluster: Stand, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    built = build.directory() / "kubectl"
    kubectl = built if built.exists() else shutil.which("kubectl")
    assert kubectl is not None
    return Operator(cluster, tmp_path_factory.mktemp("operator"), Path(kubectl))


def blocks() -> dict[tuple[str, ...], list[Step]]:
    """What each block with such steps carries out, blocks that say the same once; the page of the test below aside."""
    found: dict[tuple[str, ...], list[Step]] = {}
    for one in (one for one in runbooks() if one.name != REBUILD):
        for block in one.blocks:
            here = [step for step in steps(one) if step.block is block]
            if any(step.way is Way.NODES for step in here):
                kept = [step for step in here if step.way is Way.NODES or _BEFORE.search(step.text)]
                found.setdefault(tuple(step.text for step in kept), kept)
    return found


@pytest.mark.parametrize("found", blocks().values(), ids=lambda found: found[0].place.removeprefix("docs/runbooks/"))
def test_what_looks_into_containers_finds_what_it_asks_for(operator: Operator, found: list[Step]) -> None:
    if any("port-forward" in step.text for step in found):
        _forwarded(operator, found)
        return
    for step in found:
        done = operator.carry_out(step)
        if not _MAY_BE_SILENT.search(step.text):
            assert done.out.strip(), f"{step.place}: {step.text}: says nothing"


def _forwarded(operator: Operator, found: list[Step]) -> None:
    """What asks a port that the steps before it forward, from a port that is free here; exported variables hold."""
    port = ports.free_port()
    texts = [re.sub(rf" {QDRANT_PORT}$", f" {port}:{QDRANT_PORT}", step.text) for step in found]
    texts = [text.replace(f":{QDRANT_PORT}/", f":{port}/") for text in texts]
    (forward,) = (text for text in texts if "port-forward" in text)
    exported = [text for text in texts if text.startswith("export ")]
    with operator.beside(forward):
        for text in texts:
            if text.startswith("curl "):
                done = operator.run("; ".join([*exported, text]))
                assert done.code == 0, f"{text}: {done.err}"
                assert '"peers"' in done.out


@pytest.mark.timeout(900)
def test_a_redis_cluster_is_rebuilt_by_its_runbook(operator: Operator) -> None:
    """Nothing of it is left, nobody helps, and it is as planned again."""
    redis = RedisNodes(operator.stand)
    eventually("Redis is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    redis.write(100)
    said = {step.place: operator.rebuild(step) for step in steps(page(REBUILD))}
    (info,) = (text for text in said.values() if "cluster_state" in text)
    assert "cluster_state:ok" in info
    assert "cluster_slots_ok:16384" in info
    eventually("Redis is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    assert len(redis.wrong(100)) == 100
