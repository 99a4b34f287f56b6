"""`make stage`: in which order, what is looked at before and after each region, and what stops it."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from delivery import __main__ as command
from delivery import stage
from promotion.files import Checkout
from settings import Promotion
from tests.unit import delivery_fakes
from tests.unit.delivery_fakes import Fakes, pod, workload

STATEFUL_SET = "urn:pulumi:us-west::soma::soma:region:Region$kubernetes:apps/v1:StatefulSet::us-west-qdrant"
THREE = ("us-east", "us-west", "eu-west")


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return delivery_fakes.make(tmp_path, ("us-east", "us-west"), "us-east", monkeypatch)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate asks once."""
    monkeypatch.setattr(stage.Stage.__init__, "__defaults__", (0.0, -1.0))


def run(fakes: Fakes, *arguments: str) -> int:
    before = signal.getsignal(signal.SIGTERM)
    try:
        return command.main(["--directory", str(fakes.checkout), *arguments])
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("home", "order"), [("us-east", ["us-west", "us-east"]), ("us-west", ["us-east", "us-west"])])
def test_the_standby_goes_first_whichever_it_is(
    home: str, order: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = delivery_fakes.make(tmp_path, ("us-east", "us-west"), home, monkeypatch)
    assert run(fakes, "stage") == 0
    assert fakes.upped() == order


@pytest.mark.parametrize(
    ("how", "order"),
    [
        ("standby-first", ["us-east", "eu-west", "us-west"]),
        ("home-first", ["us-west", "us-east", "eu-west"]),
        ("listed", ["us-east", "us-west", "eu-west"]),
    ],
)
def test_three_regions_go_in_the_order_that_is_asked_for(
    how: str, order: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = delivery_fakes.make(tmp_path, THREE, "us-west", monkeypatch)
    assert run(fakes, "stage", "--order", how) == 0
    assert fakes.upped() == order


def test_each_is_previewed_and_found_healthy_before_the_next(two: Fakes) -> None:
    assert run(two, "stage") == 0
    told = [
        (asked[0], asked[1] if asked[0] == "kubectl" else asked[asked.index("--stack") + 1])
        for asked in two.asked()
        if asked[0] in ("preview", "up", "kubectl")
    ]
    kept = [one for number, one in enumerate(told) if number == 0 or told[number - 1] != one]
    assert kept == [(what, region) for region in ("us-west", "us-east") for what in ("preview", "up", "kubectl")]


UNHEALTHY: list[tuple[dict[str, Any], str]] = [
    ({"pods": [pod("qdrant-0", ready=False, phase="Pending")]}, "Pod qdrant-0: Pending"),
    (
        {"deployments.apps": [workload("Deployment", "edge", 3, updatedReplicas=2)]},
        "edge: 2 of 3 pods are of the update",
    ),
    ({"statefulsets.apps": [workload("StatefulSet", "qdrant", 3, observedGeneration=1)]}, "has not seen the update"),
    ({"statefulsets.apps": [workload("StatefulSet", "qdrant", 3, replicas=1)]}, "qdrant: 1 of 3 pods exist"),
    (
        {"jobs.batch": [{"metadata": {"name": "s"}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}]},
        "Job s failed",
    ),
    ({"jobs.batch": [{"metadata": {"name": "s"}, "status": {"active": 1}}]}, "Job s has not ended"),
    ({"clusters.postgresql.cnpg.io": []}, "there is no PostgreSQL Cluster postgresql-us-west"),
    ({"row": "1000||301"}, "PostgreSQL is 301 s behind home's, multiregion.rpo_seconds allows 300"),
    ({"row": ""}, "does not say how far it is behind"),
]


@pytest.mark.parametrize(("changed", "words"), UNHEALTHY, ids=[words for _, words in UNHEALTHY])
def test_nothing_after_a_standby_that_is_not_healthy_is_touched(
    changed: dict[str, Any], words: str, two: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    two.cluster("us-west", **changed)
    assert run(two, "stage") == 1
    said = capsys.readouterr().err
    assert words in said
    assert "make stage STACK=us-west asks again" in said
    assert two.upped() == ["us-west"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"status": {"instances": 3, "readyInstances": 2, "currentPrimary": "p"}}, "2 of 3 instances are ready"),
        (
            {"spec": {"instances": 3, "replica": {"primary": "postgresql-us-west"}}},
            "follows us-west, and us-east is home",
        ),
        (
            {"status": {"phase": "Cluster is unrecoverable and needs manual intervention", "phaseReason": "why"}},
            "manual intervention: why",
        ),
    ],
)
def test_the_gate_reads_what_the_operator_says(
    changed: dict[str, Any], words: str, two: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = two._read("clusters.json")["us-west"]["clusters.postgresql.cnpg.io"][0]
    two.cluster("us-west", **{"clusters.postgresql.cnpg.io": [{**healthy, **changed}]})
    assert run(two, "stage") == 1
    assert words in capsys.readouterr().err
    assert two.upped() == ["us-west"]


def test_the_gate_reads_what_the_stack_says_of_itself(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    two.stack("us-west", becomes={"role": "home"})
    assert run(two, "stage") == 1
    assert "the stack's output role is 'home', not 'standby'" in capsys.readouterr().err
    assert two.upped() == ["us-west"]


def test_a_cluster_that_does_not_answer_is_not_healthy(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    two.lost("us-west")
    assert run(two, "stage") == 1
    assert "its API server does not list" in capsys.readouterr().err
    assert two.upped() == ["us-west"]


def test_what_a_standby_holds_back_and_what_a_cron_job_failed_at_stop_nothing(two: Fakes) -> None:
    held = {
        "metadata": {"name": "memory-service-1", "labels": {"soma.io/region-role": "standby"}},
        "spec": {"initContainers": [{"name": "await"}]},
        "status": {"initContainerStatuses": [{"name": "await", "state": {"running": {}}}]},
    }
    failed = {
        "metadata": {"name": "nightly", "ownerReferences": [{"kind": "CronJob"}]},
        "status": {"conditions": [{"type": "Failed", "status": "True"}]},
    }
    done = {"metadata": {"name": "schema"}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    two.cluster("us-west", pods=[held], **{"jobs.batch": [failed, done]})
    assert run(two, "stage") == 0


def test_home_is_not_measured_by_how_far_it_follows_itself(two: Fakes) -> None:
    two.cluster("us-east", row="")
    assert run(two, "stage") == 0


def test_the_gate_waits_until_all_is_well(two: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.Stage.__init__, "__defaults__", (0.0, 600.0))
    two.cluster("us-west", pods=[pod("qdrant-0", ready=False)])
    monkeypatch.setattr(stage.time, "sleep", lambda _: two.cluster("us-west", pods=[pod("qdrant-0")]))
    assert run(two, "stage") == 0


def test_an_update_that_fails_stops_all_that_follows(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    two.stack("us-west", up="error: the bucket is not there")
    assert run(two, "stage") == 1
    assert "us-west: pulumi up failed and said\n" in (said := capsys.readouterr().err)
    assert "error: the bucket is not there" in said
    assert two.upped() == ["us-west"]


@pytest.mark.parametrize(
    "said",
    [
        "error: the stack is currently locked by 1 lock(s).",
        "error: [409] Conflict: Another update is currently in progress.",
    ],
)
def test_of_two_runs_on_one_stack_the_second_is_refused(
    said: str, two: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    two.stack("us-west", up=said)
    assert run(two, "stage") == 1
    assert "us-west: another update of this stack is under way, nothing was changed" in capsys.readouterr().err
    assert two.upped() == ["us-west"]


@pytest.mark.parametrize(
    ("preview", "words"),
    [
        ({"steps": [{"op": "delete", "urn": STATEFUL_SET}]}, f"would delete {STATEFUL_SET}: nobody approved it"),
        ({"steps": [{"op": "create-replacement", "urn": STATEFUL_SET}]}, "would replace"),
        ({"code": 255, "stderr": "error: no valid credential sources"}, "no valid credential sources"),
        ({}, "pulumi preview printed no plan"),
        (
            {
                "code": 255,
                "steps": [],
                "events": [
                    {
                        "sequence": 1,
                        "timestamp": 1,
                        "policyEvent": {
                            "policyName": "zone-spread",
                            "policyPackName": "high-availability",
                            "policyPackVersion": "1",
                            "policyPackVersionTag": "1",
                            "enforcementLevel": "mandatory",
                            "message": "spreads\nqdrant lies in one zone",
                            "color": "never",
                        },
                    }
                ],
            },
            "zone-spread: qdrant lies in one zone",
        ),
    ],
)
def test_what_the_preview_forbids_changes_nothing(
    preview: dict[str, Any], words: str, two: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    two.stack("us-west", preview=preview)
    assert run(two, "stage") == 1
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert two.upped() == []


def test_home_alone_is_refused_until_the_standby_is_at_the_same_commit(
    two: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(two, "stage", "us-east") == 1
    assert "us-east comes after us-west, which is at before: nothing was changed" in capsys.readouterr().err
    assert run(two, "stage", "us-west") == 0
    assert run(two, "stage", "us-east") == 0
    assert two.upped() == ["us-west", "us-east"]


def test_an_update_of_the_standby_that_failed_at_this_commit_does_not_count(
    two: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {"kind": "update", "result": "failed", "environment": {"git.head": two.commit}}
    two.stack("us-west", history=[failed])
    assert run(two, "stage", "us-east") == 1
    assert "us-west, which was not brought to the end of an update" in capsys.readouterr().err
    assert two.upped() == []


def test_a_refresh_after_the_update_does_not_hide_it(two: Fakes) -> None:
    update = {"kind": "update", "result": "succeeded", "environment": {"git.head": two.commit}}
    two.stack("us-west", history=[{"kind": "refresh", "result": "succeeded", "environment": {}}, update])
    assert run(two, "stage", "us-east") == 0


def test_a_standby_that_cannot_go_before_home_says_so_and_how(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = two._read("stacks.json")["us-east"]["outputs"]
    two.stack("us-east", outputs={**outputs, "shared": {**outputs["shared"], "postgresql.partitions": 4}})
    assert run(two, "stage") == 1
    said = capsys.readouterr().err
    assert "us-west cannot be brought to this before us-east, and nothing was changed" in said
    assert "postgresql.partitions" in said
    assert "--order home-first" in said
    assert two.upped() == []
    two.stack("us-east", becomes={"shared": outputs["shared"]})
    assert run(two, "stage", "--order", "home-first") == 0
    assert two.upped() == ["us-east", "us-west"]


def test_the_first_time_home_comes_first(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    two.stack("us-east", outputs={})
    assert run(two, "stage") == 1
    assert "us-east is home and has not been brought up yet" in capsys.readouterr().err
    assert two.upped() == []


def test_a_checkout_with_changes_is_refused(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    with (two.checkout / "Pulumi.yaml").open("a") as file:
        file.write("\n")
    assert run(two, "stage") == 1
    assert "1 files differ from the commit (Pulumi.yaml): commit them first" in capsys.readouterr().err
    assert two.asked() == []


def test_while_home_moves_nothing_is_brought_anywhere(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    Checkout(two.checkout).record("us-west", Promotion(home="us-west", former="us-east", step="promote"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(two.checkout)]
    subprocess.run([*git, "commit", "-qam", "promotion"], check=True)
    assert run(two, "stage") == 1
    assert "make promote TO=us-west" in capsys.readouterr().err
    assert two.asked() == []


def test_a_region_that_is_not_there_is_named(two: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(two, "stage", "mars") == 1
    assert capsys.readouterr().err == "there is no region mars: name one of us-west, us-east\n"


def test_every_pack_is_asked_by_the_regions_minimums_in_preview_and_update(two: Fakes) -> None:
    for name in ("security", "high-availability"):
        pack = two.checkout / "policies" / name / "PulumiPolicy.yaml"
        pack.parent.mkdir(parents=True)
        pack.write_text("runtime: python\n")
    assert run(two, "stage", "us-west") == 0
    for what in ("preview", "up"):
        (asked,) = [asked for asked in two.asked() if asked[0] == what]
        packs = [Path(asked[place + 1]).name for place, one in enumerate(asked) if one == "--policy-pack"]
        assert packs == ["high-availability", "security"]
        assert asked.count("--policy-pack-config") == 2


def test_an_interrupt_lets_the_update_come_to_its_end(two: Fakes, tmp_path: Path) -> None:
    """The CLI hears of it once, and what it records then is waited for."""
    program = tmp_path / "bin" / "pulumi"
    text = program.read_text()
    slow = """        import signal
        heard = []
        signal.signal(signal.SIGINT, lambda *_: heard.append(1))
        (place / "begun").touch()
        while not heard:
            time.sleep(0.01)
        (place / "recorded").write_text(str(len(heard)))
        sys.exit(130)
"""
    program.write_text(text.replace('        if "up" in stack:\n', f'{slow}        if "up" in stack:\n'))
    arguments = [sys.executable, "-m", "delivery", "--directory", str(two.checkout), "stage"]
    with subprocess.Popen(arguments, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True) as process:
        while not (two.place / "begun").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 130
    assert "interrupted" in said
    assert (two.place / "recorded").read_text() == "1"
    assert two.upped() == ["us-west"]
