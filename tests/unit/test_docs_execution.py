"""Every command of README.md, docs/ and the examples is executed by something, or says why by nothing."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from promotion.files import Checkout
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from tests.ready import READY
from tests.unit import docs_execution, docs_rooms, docs_shell, reviewed
from tests.unit.docs_execution import REASONS, Step, Way, runbooks, steps, way
from tests.unit.docs_pages import ROOT, Page, page, pages
from tests.unit.docs_reading import RUNBOOKS
from tests.unit.docs_shell import Command
from tests.unit.test_dashboard_page_command import prometheus, well
from tests.unit.test_workflows import TARGETS

SHOWN = "http://127.0.0.1:9090"
"""Where the pages have Prometheus."""
NAMESPACE = "-n somafractalmemory"


def of_pages() -> list[Command]:
    """But of the runbooks, whose steps say themselves what they need."""
    return [one for one in docs_execution.every() if not one.place.startswith(RUNBOOKS)]


def test_every_command_is_executed_or_says_why_not() -> None:
    assert [f"{one.place}: {' '.join(one.words)}" for one in of_pages() if way(one) is None] == []


def test_every_way_is_taken_and_every_reason_is_needed() -> None:
    assert {way(one) for one in docs_execution.every()} - {None} == set(Way)
    assert set(REASONS) - {docs_execution._first(one) for one in of_pages()} == set()


@pytest.mark.parametrize(
    "text",
    [
        "make lock",
        "make up ARGS=--engine-of-another-kind",
        ".venv/bin/python -m rehearsal preview --project examples/another",
        "pulumi stack export -s us-east",
        "python -m settings",
        "helm list",
    ],
)
def test_what_nothing_executes_is_seen(text: str) -> None:
    (command,) = docs_shell.parsed(text, "docs/example.md:1")
    assert way(command) is None


def step(text: str) -> Step:
    (found,) = steps(Page("docs/runbooks/example.md", f"# Example\n\n```console\n{text}\n```\n"))
    return found


@pytest.mark.parametrize("page", runbooks(), ids=lambda page: page.name)
def test_a_step_of_a_runbook_that_no_test_runs_is_marked_and_nothing_else(page: Page) -> None:
    assert [found.fault for found in steps(page) if found.fault] == []


WAYS = {
    f"kubectl get pods {NAMESPACE}": Way.SIMULATED,
    f"kubectl rollout status statefulset/qdrant {NAMESPACE}": Way.SIMULATED,
    "kubectl drain NODE --ignore-daemonsets --delete-emptydir-data": Way.SIMULATED,
    f"kubectl create job restore --from=cronjob/qdrant-restore-us-east {NAMESPACE} -o yaml | kubectl apply -f -": (
        Way.SIMULATED
    ),
    f"kubectl get secret qdrant-keys {NAMESPACE} | kubectl exec -i qdrant-0 {NAMESPACE} -- cat": Way.NODES,
    "pulumi up --refresh -s us-east": Way.SIMULATED,
    f"kubectl logs qdrant-0 {NAMESPACE}": Way.NODES,
    f"kubectl exec redis-zone-a-0 {NAMESPACE} -c redis -- df -h /data": Way.NODES,
    f"kubectl cnpg psql postgresql-us-east {NAMESPACE} -- -c 'SELECT 1'": Way.NODES,
    f"kubectl cnpg status postgresql-us-east {NAMESPACE}": Way.NOWHERE,
    f"kubectl --context us-west logs qdrant-0 {NAMESPACE}": Way.NOWHERE,
    f"kubectl logs -l app.kubernetes.io/name=qdrant-backup {NAMESPACE}": Way.NOWHERE,
    "kubectl -n monitoring get pods": Way.NOWHERE,
    f"kubectl get certificate {NAMESPACE}": Way.NOWHERE,
    "pulumi up -s us-east": Way.PROGRAM,
    "pulumi stack init eu-west": Way.PROGRAM,
    "pulumi stack ls": Way.NOWHERE,
    "make promote TO=us-west": Way.MAKE,
    "make promote TO=us-west ARGS=--of-another-kind": Way.NOWHERE,
    ".venv/bin/python -m capacity estimate memories_per_day=200": Way.HERE,
    ".venv/bin/python -m state store": Way.NOWHERE,
    "curl -s https://memory.example.com/healthz": Way.NOWHERE,
    "aws eks list-insights --cluster-name somafractalmemory-us-east": Way.NOWHERE,
}


@pytest.mark.parametrize(("text", "wanted"), WAYS.items(), ids=WAYS.keys())
def test_what_carries_a_step_out_is_told_from_its_command(text: str, wanted: Way) -> None:
    assert step(text).way is wanted


def test_a_step_that_a_test_runs_cannot_be_marked() -> None:
    assert "take `# needs a real cloud` away" in step(f"kubectl get pods {NAMESPACE}  # needs a real cloud").fault


@pytest.mark.parametrize("comment", ["", "  # needs a cloud"])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kubectl -n monitoring get pods", "needs a real cloud"),
        ("pulumi refresh -s us-east", "needs a real cloud"),
        ("pulumi stack ls", "needs the Pulumi CLI"),
        ("pulumi stack ls | aws s3 ls", "needs a real cloud"),
    ],
)
def test_a_step_that_no_test_runs_has_to_be_marked_with_these_words(text: str, wanted: str, comment: str) -> None:
    assert f"write `# {wanted}` behind it" in step(f"{text}{comment}").fault


def test_every_target_of_the_workflows_that_delivers_is_run_through_the_makefile() -> None:
    assert {target for target in TARGETS if not docs_execution.runs_make(target)} == set()


def observed(path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
    """A Prometheus of both regions, of which each uses half of all that it has."""
    if path == "/api/v1/label/region/values":
        return 200, {"status": "success", "data": ["us-east", "us-west"]}
    query = form.get("query", [""])[0]
    over = re.match(r"(?:1 - )?(?:max|min) by \((\w+)\) \(m\w+_over_time|m\w+_over_time", query)
    if path != "/api/v1/query" or over is None:
        return well(path, form)
    told = reviewed.told(Checkout(ROOT).settings()["us-east"]).get(reviewed.recorded_in(query)[0], {})
    found = [{"metric": {over[1]: name} if over[1] else {}, "value": [0, str(value)]} for name, value in told.items()]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": found}}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the commands read, in a folder that they may write to."""
    for name in ("today.yaml", "next-year.yaml"):
        (tmp_path / name).write_text("memories_per_day: 200\nconcurrent_users: 10\n")
    for file in ROOT.glob("Pulumi*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_asks_at_most_prometheus_runs_as_it_stands(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.__main__.signal.signal", lambda *_: None)
    monkeypatch.setattr("capacity.command._agreed", lambda: True)
    before = (scratch / "Pulumi.us-east.yaml").read_text()
    ran: set[str] = set()
    with prometheus(observed) as address:
        for command in docs_execution.commands_of(Way.HERE):
            _run(command, address)
            ran.add(command.words[3] if command.program != "make" else command.words[1])
    assert ran == {"estimate", "explain", "growth", "compare", "apply", "review", "dashboards", "pack-config"}
    assert (scratch / "Pulumi.us-east.yaml").read_text() != before
    made = {file.relative_to(scratch).as_posix() for file in scratch.rglob("*") if file.is_file()}
    assert {"growth.png", "dashboards.html", "us-west.html"} <= made
    assert any(name.startswith("reviews/") for name in made)


def _run(command: Command, address: str) -> None:
    """A package of this repository by its own `main`; what make runs in a process of its own."""
    words = [word.replace(SHOWN, address) for word in command.words]
    if command.program != "make":
        main = docs_rooms.main_of(words[2])
        assert main is not None
        assert main(words[3:]) == 0, command
        return
    ready = [*READY, f"--makefile={ROOT / 'Makefile'}"]
    done = subprocess.run(
        ["make", "--silent", *ready, *words[1:]],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)


def refused(scratch: Path) -> str:
    """What every command says of the two settings that the pages show."""
    file = scratch / "Pulumi.us-east.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["somafractalmemory:sharding"] = {"replication_factor": 5}
    document["config"]["somafractalmemory:qdrant"] = {"resources": {"requests": {"memory": "8gb"}}}
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(RehearsalError) as told:
        Project.load(scratch).settings()
    return str(told.value)


def test_what_the_pages_show_as_printed_is_printed(scratch: Path) -> None:
    """The plan of a promotion is compared by tests/unit/test_promotion_command.py; the function is the guide's own."""
    said = refused(scratch)
    shown = [
        block
        for page in pages()
        for block in page.blocks
        if block.language == "text" and not re.search("[│►◄─]", block.text)
    ]
    assert len([block for block in shown if block.text == said]) == 2
    others = [block for block in shown if block.text != said]
    assert {block.place.partition(":")[0]: block.text.split()[0] for block in others} == {
        "docs/promotion.md": "home", "docs/scaling-guide.md": "def",
    }  # fmt: skip


def test_the_answer_of_an_edge_without_home_is_the_proxys() -> None:
    """tests/dataplane/test_edge_proxy.py asks the proxy itself."""
    configured = (ROOT / "components" / "files" / "edge-proxy.cfg").read_text()
    (body,) = re.findall(r"^ +http-error status 503 .*HOME_REGION.* does not answer.*$", configured, re.MULTILINE)
    (said,) = re.findall(r'string "(.*)"$', body)
    said = said.replace('\\"', '"').replace("${HOME_REGION}", "us-east").replace("${RETRY_AFTER}", "30")
    (shown,) = (block for block in page("docs/edge.md").blocks if block.language == "console")
    assert shown.text.splitlines()[-1] == said
