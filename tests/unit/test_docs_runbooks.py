"""Runbooks: one for each alert and each task, whole, and what their updates change, as data."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from components import zone_places
from observability import alerts
from observability.__main__ import EVERYTHING, runbook
from observability.rule import Alert
from rehearsal.engine.model import Change, Step
from tests.unit import docs_reading, docs_walk
from tests.unit.docs_pages import CLOUD, Page, page, pages
from tests.unit.docs_shell import StaleError
from tests.unit.test_docs_commands import page as example

HEADINGS = (
    "When",
    "What it costs users",
    "Before you start",
    "Steps",
    "How to know that it worked",
    "How to go back",
)
RUNBOOKS = docs_reading.RUNBOOKS
OPERATIONS = [p for p in pages() if p.name.startswith(RUNBOOKS) and p.name.count("/") == 2 and "README" not in p.name]
GROUPS = {group.name: group for group in alerts.groups(EVERYTHING)}
TASKS = {
    "scale-up", "scale-out", "add-a-zone", "add-a-region", "promote-and-fail-back", "restore-postgresql",
    "restore-qdrant", "rebuild-redis", "rotate-secrets", "upgrade-kubernetes", "upgrade-cloudnativepg",
    "upgrade-qdrant", "upgrade-redis", "upgrade-service", "uneven-load", "replication-lag", "grow-a-volume",
}  # fmt: skip

UPDATES: dict[str, list[tuple[str, set[str]]]] = {
    "scale-up": [
        ("us-east", {"update StatefulSet qdrant"}),
        ("us-east", {f"update StatefulSet redis-zone-{zone}" for zone in "abc"}),
        ("us-east", {"update Cluster postgresql-us-east"}),
    ],
    "add-a-zone": [
        (
            "us-east",
            {"update StatefulSet redis-zone-a", "update StatefulSet redis-zone-b", "create StatefulSet redis-zone-d"},
        ),
        ("us-east", {"update StatefulSet qdrant", "update Deployment monitoring-exporters"}),
    ],
    "restore-postgresql": [
        ("us-east", {"create Cluster postgresql-us-east", "update Deployment memory-service"}),
        ("us-east", {"update Cluster postgresql-us-east"}),
        ("us-west", {"create Cluster postgresql-us-west", "update Deployment memory-service"}),
        ("us-east", {"update Cluster postgresql-us-east"}),
    ],
    "rebuild-redis": [("us-east", set())],
    "grow-a-volume": [
        ("us-east", {"update Cluster postgresql-us-east"}),
    ],
    "rotate-secrets": [
        ("us-east", set()),
        ("us-east", {"update StatefulSet qdrant", "update Deployment memory-service"}),
        ("us-east", {"update Deployment memory-service"}),
        ("us-west", {"update Deployment memory-service"}),
        ("us-east", set()),
        ("us-west", set()),
        ("us-east", set()),
        ("us-east", set()),
        ("us-west", set()),
    ],
    "scale-out": [
        ("us-east", set()),
        ("us-east", {"update StatefulSet qdrant", "update Deployment monitoring-exporters"}),
        ("us-east", {f"update StatefulSet redis-zone-{zone}" for zone in "abc"}),
        ("us-east", {"update Cluster postgresql-us-east", "update Pooler postgresql-pooler"}),
        ("us-east", {"create Deployment memory-service-research"}),
        ("us-east", set()),
        (
            "us-east",
            {"update StatefulSet qdrant", "update Deployment monitoring-exporters"}
            | {f"update StatefulSet redis-zone-{zone}" for zone in "abc"},
        ),
    ],
    "upgrade-qdrant": [("us-west", {"update StatefulSet qdrant"}), ("us-east", {"update StatefulSet qdrant"})],
    "upgrade-redis": [
        (stack, {f"update StatefulSet redis-zone-{zone}" for zone in "abc"}) for stack in ("us-west", "us-east")
    ],
    "upgrade-service": [
        (stack, {"update Deployment memory-service"}) for stack in ("us-west", "us-east", "us-east", "us-west")
    ],
    "upgrade-cloudnativepg": [
        ("us-west", set()),
        ("us-east", set()),
        ("us-west", {"update Cluster postgresql-us-west", "update Deployment memory-service"}),
        ("us-east", {"update Cluster postgresql-us-east", "update Deployment memory-service"}),
    ],
    "upgrade-kubernetes": [
        (
            stack,
            {f"update Cluster {stack}-platform-eks-cluster-control-plane"}
            | {
                f"update NodeGroup {stack}-platform-eks-nodes-{use}-zone-{zone}"
                for use in ("stateful", "stateless")
                for zone in "abc"
            },
        )
        for stack in ("us-west", "us-east")
    ],
    "uneven-load": [("us-east", set()), ("us-east", set())],
    "replication-lag": [("us-east", set()), ("us-west", set())],
    "add-a-region": [
        ("us-east", {"update Cluster postgresql-us-east"}),
        ("us-west", {"update Cluster postgresql-us-west"}),
    ],
    "promote-and-fail-back": [],
    "restore-qdrant": [],
}
"""Runbook to what each of its updates does to what runs, pods of all kinds and clusters; `eu-west` is all new."""
RUNS = ("StatefulSet", "Deployment", "Cluster", "Pooler", "NodeGroup")


each_operation = pytest.mark.parametrize("page", OPERATIONS, ids=lambda page: page.name.removeprefix(RUNBOOKS))


def test_every_task_has_a_runbook_and_the_index_has_every_one() -> None:
    names = {operation.name.removeprefix(RUNBOOKS).removesuffix(".md") for operation in OPERATIONS}
    assert names == TASKS == set(UPDATES)
    linked = {target.removesuffix(".md") for _, target in page(f"{RUNBOOKS}README.md").links}
    assert names <= linked


@each_operation
def test_a_runbook_is_whole(page: Page) -> None:
    assert tuple(section.title for section in page.sections if section.level == 2) == HEADINGS
    for section in (section for section in page.sections if section.title in ("Steps", "Before you start")):
        assert "```console" in section.text, f"{page.name}: {section.title} names no command"


@each_operation
def test_its_updates_change_what_they_should(page: Page) -> None:
    """And lose nothing: docs_reading refuses an update that would."""
    wanted = UPDATES[page.name.removeprefix(RUNBOOKS).removesuffix(".md")]
    read = docs_reading.read(page)
    assert [(stack, _of_what_runs(steps)) for stack, steps in read.updates if stack != "eu-west"] == wanted


def _of_what_runs(steps: Iterable[Step]) -> set[str]:
    """Changes of what has pods, by the names that a reader sees."""
    return {
        f"{step.change.value} {step.type.rpartition(':')[2]} {_shown(step)}"
        for step in steps
        if step.type.rpartition(":")[2] in RUNS and step.change is not Change.SAME
    }


def _shown(step: Step) -> str:
    """Name of the object; of what is no object of Kubernetes that of the resource."""
    if not step.type.startswith("kubernetes:"):
        return step.name
    region, bare = step.name.split("-", 2)[:2], step.name.split("-", 2)[2]
    if bare == "postgresql-cluster":
        return f"postgresql-{'-'.join(region)}"
    return {"exporters-deployment": "monitoring-exporters"}.get(
        bare, bare.removesuffix("-statefulset").removesuffix("-deployment").removeprefix("monitoring-exporters-")
    ) or "monitoring-exporters"


@each_operation
def test_what_only_a_cloud_can_show_is_marked(page: Page) -> None:
    for command in docs_reading.read(page).cloud:
        line = int(command.place.rpartition(":")[2])
        assert page.needs_a_cloud(line), f"{command.place}: no line begins with `Needs a real cloud:` around it"


def test_no_page_marks_it_in_other_words() -> None:
    for each in pages():
        for number, line in each.prose:
            if "a real cloud" in line.lower() and each.name != f"{RUNBOOKS}README.md":
                assert CLOUD.search(line), f"{each.name}:{number}: write `Needs a real cloud: …` in a line of its own"


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS.keys())
def test_every_alert_has_its_section_and_no_section_is_left(group: alerts.Group) -> None:
    names = [rule.name for rule in group.rules if isinstance(rule, Alert)]
    where = page(f"docs/{runbook(group, _first(group)).partition('#')[0]}")
    sections = [section for section in where.sections if section.level == 2]
    assert [section.title for section in sections] == names
    for section in sections:
        assert "```console" in section.text or "](" in section.text, f"{section.title} names nothing to do"
        assert "](" in section.text or section.text.count("```console"), section.title


def _first(group: alerts.Group) -> Alert:
    return next(rule for rule in group.rules if isinstance(rule, Alert))


def test_every_page_of_alerts_belongs_to_a_group() -> None:
    wanted = {f"docs/{runbook(group, _first(group)).partition('#')[0]}" for group in GROUPS.values()}
    assert {each.name for each in pages() if each.name.startswith(f"{RUNBOOKS}alerts/")} == wanted


def test_the_address_in_an_alert_leads_to_its_runbook() -> None:
    listed = page("docs/alerts.md")
    for group in GROUPS.values():
        for rule in (rule for rule in group.rules if isinstance(rule, Alert)):
            address = rule.as_prometheus("us-east", "https://git.example.com/docs")["annotations"]["runbook_url"]
            name, _, anchor = address.removeprefix("https://git.example.com/").partition("#")
            assert name == listed.name
            assert anchor in listed.anchors
            (section,) = (section for section in listed.sections if section.title == rule.name)
            assert f"[Commands]({runbook(group, rule)})" in section.text


def test_every_secret_of_the_program_is_in_the_runbook_that_rotates_them() -> None:
    text = page(f"{RUNBOOKS}rotate-secrets.md").text
    declared = {there.name for there in docs_reading.cluster().objects if there.kind == "secret"}
    assert len(declared) > 10
    assert {name for name in declared if f"`{name}`" not in text} == set()


class TestTheWalk:
    """What it refuses that the settings take."""

    def test_a_zone_more_takes_no_redis_pod_away(self) -> None:
        zones = "```yaml\n# Pulumi.us-east.yaml\nhigh_availability: {zones: [zone-a, zone-b, zone-c, zone-d]}\n```\n"
        with pytest.raises(StaleError, match=r"Redis pods that hold data would go from zone-a"):
            docs_reading.read(Page(f"{RUNBOOKS}example.md", f"{zones}\n```console\npulumi up -s us-east\n```"))

    def test_pods_that_go_undrained_are_seen_where_the_program_knows_of_no_update_before(self) -> None:
        walk = docs_walk.begin()
        before = walk.plans["us-east"]
        known = {name: value for name, value in before.outputs.items() if name != zone_places.OUTPUT}
        walk.plans["us-east"] = replace(before, outputs=known)
        walk.state({"high_availability": {"zones": ["zone-a", "zone-b", "zone-c", "zone-d"]}}, "us-east")
        with pytest.raises(StaleError, match="takes pods of redis-zone-a away undrained"):
            walk.up("us-east", "here")

    def test_what_was_deleted_is_made_again_by_an_update_that_looks(self) -> None:
        gone = "kubectl -n somafractalmemory delete statefulset qdrant --cascade=orphan\n"
        with pytest.raises(StaleError, match="which an update sees by --refresh alone"):
            docs_reading.read(example(f"{gone}pulumi up -s us-east"))
        (update,) = docs_reading.read(example(f"{gone}pulumi up --refresh -s us-east")).updates
        assert _of_what_runs(update[1]) == {"create StatefulSet qdrant"}

    def test_an_update_that_replaces_makes_it_anew(self) -> None:
        walk = docs_walk.begin()
        (urn,) = (one.urn for one in walk.plans["us-east"].resources if one.name == "us-east-postgresql-app-password")
        steps = walk.up("us-east", "here", replace=[urn])
        assert (Change.REPLACE, urn) in {(step.change, step.urn) for step in steps}

    def test_a_loss_is_told(self) -> None:
        step = Step(Change.REPLACE, "urn", "kubernetes:apps/v1:StatefulSet", "us-east-qdrant-statefulset")
        assert docs_walk.lost([step]) == ["replace us-east-qdrant-statefulset"]
        assert docs_walk.lost([Step(Change.REPLACE, "urn", "kubernetes:batch/v1:Job", "job")]) == []
