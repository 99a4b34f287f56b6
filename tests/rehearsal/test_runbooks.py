"""Every step of the runbooks that asks Kubernetes, as it stands there: by kubectl, on two regions of simulated nodes.

What reads or enters a container goes as far as the node that has it: the API server has found the pod and taken the
container's name, and simulated nodes answer no more. Pages follow one another without being tidied up, as runbooks do.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rehearsal import nodes, paths, schemas
from rehearsal.controlplane import NODES_PER_ZONE
from rehearsal.engine import choose
from rehearsal.engine.project import Project
from rehearsal.kube import Manifest
from rehearsal.progress import Progress
from rehearsal.standins import certificate
from tests.operator_shell import Done, Shell, merged
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing
from tests.unit import docs_pulumi, docs_reading, docs_walk, docs_yaml
from tests.unit.docs_execution import Step, Way, runbooks, steps
from tests.unit.docs_pages import Page
from tests.unit.docs_walk import Walk

pytestmark = pytest.mark.timeout(900)
"""The first test waits for two regions, beside whatever else the machine does."""

BACKUP: Manifest = {
    "apiVersion": "postgresql.cnpg.io/v1",
    "kind": "Backup",
    "metadata": {"name": "postgresql-us-east-20261128000000", "namespace": NAMESPACE},
    "spec": {"cluster": {"name": "postgresql-us-east"}, "method": "plugin"},
}
"""As a ScheduledBackup makes it, which the stand-in of the operator does not."""
AT_THE_NODE = re.compile(r"zone-[a-c]-\d:10250|lookup zone-[a-c]-\d")
"""What the API server says once it has found the container and asks its node."""
LAST = ("alerts/zones.md", "upgrade-kubernetes.md", "restore-postgresql.md")
"""What a node is emptied of does not come back where it is done already, with its log; generations never go down."""


class Operator:
    """Who follows the runbooks, on the regions of a stand."""

    def __init__(self, stand: Stand, folder: Path, kubectl: Path) -> None:
        folder.mkdir()
        files = {region: paths.region_dir(region) / "kubeconfig" for region in REGIONS}
        # The region that a page adds is a standby, like us-west.
        kubeconfig = merged({**files, "eu-west": files["us-west"]}, folder / "kubeconfig")
        self.stand = stand
        self.client = stand.client("us-east")
        self.shell = Shell(folder, kubectl, kubeconfig, self.client, self._fill)

    def _fill(self, blank: str) -> str:
        if blank == "POD":
            pods = self.client.list("v1", "Pod", NAMESPACE, label_selector="app.kubernetes.io/name=memory-service")
            return next(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])
        return {"NODE": "zone-c-2", "BACKUP": BACKUP["metadata"]["name"]}[blank]

    def follow(self, page: Page) -> list[str]:
        """Places of the steps that were carried out. AssertionError at the first one that fails."""
        walk, done = docs_reading.begins_with(page), list[str]()
        # An update that looks at what is there follows what the updates before it have made.
        looks = any(step.way is Way.SIMULATED and step.commands[0].program == "pulumi" for step in steps(page))
        for block in page.blocks:
            if block.language == "yaml":
                docs_yaml.check(block, walk)
            for step in (step for step in steps(page) if step.block is block):
                if not step.after_a_promotion and self._carried_out(step, walk, looks):
                    done.append(step.place)
        return done

    def _carried_out(self, step: Step, walk: Walk, looks: bool) -> bool:
        first = step.commands[0]
        if first.program == "pulumi":
            of = docs_pulumi.asked(first)
            if looks and of.words == ("up",):
                self._up(of.stack, walk)
            elif of.words[0] == "config":
                docs_pulumi.check(first, walk)
        elif step.way is Way.SIMULATED:
            _ended_well(step, self._run(step))
        elif step.way is Way.NODES and first.program == "kubectl" and "cnpg" not in first.words:
            done = self.shell.run(step.text, NAMESPACE, AT_THE_NODE)  # to follow a log, kubectl asks again and again
            assert AT_THE_NODE.search(done.err), f"{step.place}: {step.text}: {done.err}{done.out}"
        return step.way is Way.SIMULATED

    def _run(self, step: Step) -> Done:
        done = self.shell.run(step.text, NAMESPACE)
        if "delete node" in step.text:  # a machine in its place, for the pages that follow
            settings = Project.load(self.stand.directory).settings()["us-east"]
            nodes.furnish(self.client, "us-east", nodes.groups(settings, NODES_PER_ZONE))
            nodes.await_ready(self.client, "us-east")
        return done

    def _up(self, stack: str, walk: Walk) -> None:
        """`pulumi up --refresh` with what the page has stated so far."""
        state(self.stand, walk)
        choose("in-process", self.stand.directory).up(stack, Progress(self.stand.said))


def _ended_well(step: Step, done: Done) -> None:
    assert done.code == 0, f"{step.place}: {step.text}: {done.err}"
    of = step.commands[0]
    nothing = "events" in of.words or "--replicas=0" in step.block.text
    if of.program == "kubectl" and "get" in of.words and not nothing:
        assert done.out.strip(), f"{step.place}: {step.text}: finds nothing"


def state(stand: Stand, walk: Walk) -> None:
    """The configuration of a walk, in the files of a stand."""
    project = yaml.safe_load((stand.directory / "Pulumi.yaml").read_text())
    for key, value in walk.project.items():
        project["config"][key]["default"] = value
    (stand.directory / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
    for region in REGIONS:
        for key, value in walk.stacks[region].items():
            stand.set(region, key, value)


@pytest.fixture(scope="module")
def operator(kubectl: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("runbooks")
    with standing(folder) as stand:
        state(stand, docs_walk.begin())
        stand.up()
        schemas.ensure_kinds(stand.client("us-east"), [(BACKUP["apiVersion"], BACKUP["kind"])])
        stand.client("us-east").create(BACKUP)
        made = Operator(stand, folder / "operator", kubectl)
        _files(made.shell, stand)
        _schedules(made)
        yield made


def _schedules(operator: Operator) -> None:
    """Each CronJob has run once, as it does in the first hours."""
    crons = [cron for cron in operator.client.list("batch/v1", "CronJob", NAMESPACE) if not cron["spec"].get("suspend")]
    for cron in crons:
        name = cron["metadata"]["name"]
        made = operator.shell.run(f"kubectl -n {NAMESPACE} create job {name}-first --from=cronjob/{name}", NAMESPACE)
        assert made.code == 0, made.err
    for cron in crons:
        operator.client.wait({"apiVersion": "batch/v1", "kind": "CronJob", **cron}, _has_run, 60.0)


def _has_run(cron: Manifest | None) -> bool:
    return cron is not None and "lastSuccessfulTime" in cron.get("status", {})


def _files(shell: Shell, stand: Stand) -> None:
    """A checkout under git with a change to commit, and a certificate, where the steps look for them."""
    for file in stand.directory.glob("Pulumi*.yaml"):
        shutil.copy(file, shell.folder)
    (shell.folder / ".gitconfig").write_text("[user]\nname = operator\nemail = operator@example.com\n")
    for command in ("git init --quiet", "git add .", "git commit --quiet --message=before"):
        assert shell.run(command, NAMESPACE).code == 0
    with (shell.folder / "Pulumi.us-west.yaml").open("a") as file:
        file.write("# promoted\n")
    pair, _ = certificate.self_signed("memory.example.com", shell.folder)
    private, public = (shell.folder / name for name in ("tls.key", "tls.crt"))
    first, _, second = pair.read_text().partition("-----BEGIN CERTIFICATE-----")
    private.write_text(first)
    public.write_text(f"-----BEGIN CERTIFICATE-----{second}")


def _in_order() -> dict[str, Page]:
    """Pages by name, those that leave something behind at the end."""
    named = {page.name.removeprefix(docs_reading.RUNBOOKS): page for page in runbooks()}
    return {name: named[name] for name in (*(name for name in named if name not in LAST), *LAST)}


@pytest.mark.parametrize("page", _in_order().values(), ids=_in_order().keys())
def test_every_step_does_what_it_says(operator: Operator, page: Page) -> None:
    wanted = [step.place for step in steps(page) if step.way is Way.SIMULATED and not step.after_a_promotion]
    assert operator.follow(page) == wanted
