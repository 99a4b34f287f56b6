"""What the workflows call, as `make` runs it: exit codes, files, texts and order. Stacks, clusters, AWS and GitHub are
played by programs on PATH and a server on loopback; nothing of this repository is.

make ends with 2 where a recipe failed, and names the recipe's own code.
"""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from delivery import comment
from promotion.files import Checkout
from rehearsal.overlay import ON_AWS
from settings import shared
from tests.unit import delivery_fakes, github_loopback
from tests.unit.delivery_fakes import Fakes
from tests.unit.test_delivery_comment import Github, Repo, summary

EDGE = "urn:pulumi:us-west::soma::kubernetes:core/v1:Service::edge"
STORE = "urn:pulumi:us-west::soma::kubernetes:apps/v1:StatefulSet::qdrant"
UPDATED = {"op": "update", "urn": EDGE, "diffReasons": ["spec"]}


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return delivery_fakes.make(tmp_path, ("us-east", "us-west"), "us-east", monkeypatch)


def failed(done: "subprocess.CompletedProcess[str]", *words: str, code: int = 1) -> None:
    """The recipe ended with a code; of what was said each of the words, and nothing for programmers."""
    assert done.returncode == 2
    assert f"] Error {code}\n" in done.stderr
    said = done.stdout + done.stderr
    for one in words:
        assert one in said
    assert "Traceback" not in said


def well(done: "subprocess.CompletedProcess[str]") -> str:
    """What a target that is done said."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_stages_are_json_in_the_order_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three = delivery_fakes.make(tmp_path, ("us-east", "us-west", "eu-west"), "us-west", monkeypatch)
    assert json.loads(well(three.make("stages"))) == {
        "first": ["us-east", "eu-west"], "second": ["us-west"], "all": ["us-east", "eu-west", "us-west"],
    }  # fmt: skip
    assert json.loads(well(three.make("stages", "ORDER=home-first")))["all"] == ["us-west", "us-east", "eu-west"]


def test_a_stage_brings_the_standbys_and_then_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three = delivery_fakes.make(tmp_path, ("us-east", "us-west", "eu-west"), "us-west", monkeypatch)
    said = well(three.make("stage")).splitlines()
    order = ["us-east", "eu-west", "us-west"]
    assert three.upped() == order
    assert [line.partition(":")[0] for line in said if line.endswith(": healthy")] == order
    assert said[-1].startswith("done in ")


def test_a_stage_stops_at_the_first_that_fails_and_goes_on_from_there(two: Fakes) -> None:
    two.stack("us-west", up="error: the bucket is not there")
    failed(two.make("stage"), "us-west: pulumi up failed and said\n", "error: the bucket is not there")
    assert two.upped() == ["us-west"]
    failed(two.make("stage", "STACK=us-east"), "us-east comes after us-west, which is at before: nothing was changed")
    stacks = two._read("stacks.json")
    del stacks["us-west"]["up"]
    two._write("stacks.json", stacks)
    well(two.make("stage"))
    assert two.upped() == ["us-west", "us-west", "us-east"]


def test_of_two_stages_at_once_on_one_stack_the_second_is_refused(two: Fakes) -> None:
    two.stack("us-west", waits=True)
    with subprocess.Popen(
        two.command("stage", "STACK=us-west"), cwd=two.checkout, env=two.environment(), stdout=subprocess.DEVNULL
    ) as first:
        try:
            while not (two.place / "us-west.lock").exists():
                assert first.poll() is None
                time.sleep(0.01)
            second = two.make("stage", "STACK=us-west")
            failed(second, "us-west: another update of this stack is under way, nothing was changed: wait")
        finally:
            (two.place / "go").touch()
        assert first.wait() == 0
    updates = two._read("stacks.json")["us-west"]["history"]
    assert [update["environment"]["git.head"] for update in updates] == [two.commit, "before"]


def test_previews_of_all_regions_are_one_comment_though_one_failed(two: Fakes) -> None:
    """And it is written again in place."""
    two.stack("us-west", preview={"steps": [UPDATED]})
    two.stack("us-east", preview={"code": 255, "stderr": "error: no valid credential sources"})
    failed(two.make("previews"), "us-west: 1 changes, nothing refused", "us-east: 0 changes, failed")
    assert sorted(file.name for file in (two.checkout / "previews").iterdir()) == ["us-east.json", "us-west.json"]
    text = well(two.make("comment"))
    assert text.startswith(comment.MARK)
    assert summary(text, "us-west")[3] == "1"
    assert summary(text, "us-east")[-1] == "❌ **failed**"
    assert "no valid credential sources" in text

    held = Github()
    with github_loopback.api(held.answer) as variables:
        assert well(two.make("comment", "NUMBER=7", **variables)) == "commented\n"
        two.stack("us-east", preview={"steps": []})
        well(two.make("previews", "STACK=us-east"))
        assert well(two.make("comment", "NUMBER=7", **variables)) == "the comment was written again\n"
    (first, posted), (again, patched) = held.written
    assert (first, again) == ("POST /repos/org/repo/issues/7/comments", "PATCH /repos/org/repo/issues/comments/0")
    assert posted == text.removesuffix("\n")
    assert summary(patched, "us-east")[-1] == "✅"


def test_a_preview_that_would_lose_data_fails_and_says_what(two: Fakes) -> None:
    two.stack("us-west", preview={"steps": [{"op": "delete", "urn": STORE}]})
    failed(two.make("previews", "STACK=us-west"), f"would delete {STORE}: nobody approved it")
    assert [asked for asked in two.asked() if asked[0] == "up"] == []


def test_what_github_refuses_fails_without_the_token(two: Fakes) -> None:
    well(two.make("previews", "STACK=us-west"))
    with github_loopback.api(lambda _: httpx.Response(403, json={"message": "denied"})) as variables:
        done = two.make("comment", "NUMBER=7", **variables)
    failed(done, "GitHub answers 403 to GET /repos/org/repo/issues/7/comments: has the token the right")
    assert github_loopback.TOKEN not in done.stdout + done.stderr


def test_drift_is_an_issue_until_nothing_differs(two: Fakes) -> None:
    two.stack("us-west", preview={"steps": [UPDATED]})
    held = Github()
    with github_loopback.api(held.answer) as variables:
        failed(two.make("drift", **variables), "us-west: 1 changes", "us-east: 0 changes")
        assert well(two.make("drift-issue", **variables)) == "issue 0 was opened\n"
        two.stack("us-west", preview={"steps": []})
        well(two.make("drift", **variables))
        assert well(two.make("drift-issue", **variables)) == "issue 0 was closed\n"
    assert all("--refresh" in asked for asked in two.asked() if asked[0] == "preview")
    assert held.written[0][1].startswith(comment.DRIFT_MARK)
    assert well(two.make("drift-issue")) == "nothing differs\n"


def test_a_new_lock_file_is_a_pull_request(two: Fakes) -> None:
    (two.checkout / "requirements.lock").write_text("new")
    failed(two.make("lock-request"), "a pull request is opened with a token: GITHUB_TOKEN and GITHUB_REPOSITORY")
    held = Repo("old", branch=False)
    with github_loopback.api(held.answer) as variables:
        assert well(two.make("lock-request", **variables)) == "pull request 5 was opened\n"
    assert held.asked[-1] == "POST /pulls"


def on_aws(fakes: Fakes) -> None:
    """Every stack says that it is on AWS, and the list where."""
    project = yaml.safe_load((fakes.checkout / "Pulumi.yaml").read_text())
    for one, place in zip(project["config"]["multiregion"]["default"]["regions"], ("1", "2"), strict=True):
        one["aws_region"] = f"{one['name']}-{place}"
        file = fakes.checkout / f"Pulumi.{one['name']}.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"] |= {"soma:platform": "aws", "soma:aws": ON_AWS}
        document["config"].pop("soma:kubernetes", None)
        file.write_text(yaml.safe_dump(document))
    (fakes.checkout / "Pulumi.yaml").write_text(json.dumps(project))


def test_kubectl_is_shown_the_way_to_a_cluster_on_aws(two: Fakes) -> None:
    on_aws(two)
    assert well(two.make("kubeconfig", "STACK=us-west")).startswith("Added new context us-west to ")
    name = "somafractalmemory-us-west"
    assert two.asked() == [
        ["aws", "eks", "update-kubeconfig", "--name", name, "--region", "us-west-2", "--alias", "us-west"]
    ]
    (two.place / "no-cluster").touch()
    done = two.make("kubeconfig", "STACK=us-west")
    failed(done, "aws eks update-kubeconfig failed: An error occurred (ResourceNotFoundException)", name)
    failed(two.make("kubeconfig", "STACK=mars"), "there is no region mars: name one of us-east, us-west")


def test_a_plan_is_judged_from_its_file(two: Fakes) -> None:
    plan = two.checkout / "plan.json"
    plan.write_text(json.dumps({"steps": [{"op": "create", "urn": STORE}]}))
    assert well(two.make("gate", "PLAN=plan.json")).startswith("nothing that holds data is deleted")
    plan.write_text(json.dumps({"steps": [{"op": "delete", "urn": STORE}]}))
    failed(two.make("gate", "PLAN=plan.json"), f"would delete {STORE}: ", "1 changes would lose data")
    failed(two.make("gate", "PLAN=other.json"), "other.json: ", code=2)


def test_what_the_end_of_a_region_takes_is_said_and_nothing_done(two: Fakes) -> None:
    held = {"urn": STORE, "type": "kubernetes:apps/v1:StatefulSet", "protect": True}
    two.stack("us-west", resources=[held])
    said = well(two.make("destroy", "STACK=us-west"))
    assert said.startswith("Nothing is destroyed by this command.")
    assert f"pulumi state unprotect --stack us-west '{STORE}'" in said
    assert {asked[1] for asked in two.asked()} == {"ls", "export"}
    failed(two.make("destroy", "STACK=mars"), "there is no stack mars: `pulumi stack ls` names those of your backend")


def test_the_bucket_of_the_state_is_made_on_this_machine_and_takes_its_own_state(
    two: Fakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    named = "ARGS=--account 123456789012 --region us-east-1 --copy-region us-west-2"
    refused = two.make("state", named, stdin="n\n")
    failed(refused, "makes in account 123456789012:", "nothing was changed")
    assert not (two.checkout / ".state").exists()
    said = well(two.make("state", f"{named} --yes"))
    assert "pulumi login 's3://somafractalmemory-state-123456789012?" in said
    done = [asked[:2] for asked in two.asked() if asked[0] == "stack" or asked[0] == "up"]
    (up,) = [number for number, asked in enumerate(done) if asked[0] == "up"]
    assert ["stack", "init"] in done[:up]
    assert done.index(["stack", "export"]) > up
    assert done.index(["stack", "import"]) > done.index(["stack", "export"])
    assert not (two.checkout / ".state").exists()
    assert well(two.make("state", f"{named} --yes")).startswith("keeps in account 123456789012:")
    assert list(scratch.iterdir()) == [], "nothing is left behind"


def test_a_record_of_a_name_that_is_taken_stays(two: Fakes) -> None:
    failed(two.make("record", "NAME=0.1.0"), "0.1.0 is recorded already")


def following(region: str, home: str, **status: str) -> dict[str, Any]:
    """A Cluster of CloudNativePG that follows home's, or is it."""
    replica = {"self": f"postgresql-{region}", "primary": f"postgresql-{home}"}
    told = {"readyInstances": 3, "currentPrimary": f"postgresql-{region}-1", **status}
    manifest = {"metadata": {"name": f"postgresql-{region}"}, "spec": {"replica": replica}, "status": told}
    return {"clusters.postgresql.cnpg.io": [manifest]}


def switchover(fakes: Fakes) -> None:
    """Stacks and clusters as each update of a switchover from us-east to us-west leaves them."""
    said = dict(shared(Checkout(fakes.checkout).settings()["us-east"]))
    kept = {"memory_tokens": "[secret]", "postgresql_replication": "[secret]", "shared": said}
    for region in ("us-east", "us-west"):
        before = fakes._read("stacks.json")[region]["outputs"]
        fakes.stack(region, outputs={**before, **kept})
        fakes.cluster(region, pods=[], row="4096|0|0", **following(region, "us-east"))

    def left(home: str, role: str, promotion: str) -> dict[str, str]:
        return {"home": home, "role": role, "promotion": promotion}

    token = following("us-east", "us-west", demotionToken="dG9rZW4=")
    fakes.stack(
        "us-east",
        updates=[
            {"outputs": left("us-east", "home", "hold"), "cluster": {"pods": []}},
            {"outputs": left("us-west", "standby", "demote"), "cluster": token},
            {"outputs": left("us-west", "standby", "")},
        ],
    )
    fakes.stack(
        "us-west",
        updates=[
            {"outputs": left("us-west", "home", "promote"), "cluster": following("us-west", "us-west")},
            {"outputs": left("us-west", "home", "")},
        ],
    )


def test_home_moves_by_one_target(two: Fakes) -> None:
    switchover(two)
    before = {file.name: file.read_text() for file in two.checkout.glob("Pulumi*.yaml")}
    failed(two.make("promote", "TO=us-west", stdin="n\n"), "home moves from us-east to us-west", "nothing was changed")
    assert {file.name: file.read_text() for file in two.checkout.glob("Pulumi*.yaml")} == before
    assert two.upped() == []
    said = well(two.make("promote", "TO=us-west", "ARGS=--yes"))
    assert two.upped() == ["us-east", "us-east", "us-west", "us-west", "us-east"]
    assert said.endswith("us-west is home\n")
    assert {name: one.home for name, one in Checkout(two.checkout).settings().items()} == dict.fromkeys(
        ("us-east", "us-west"), "us-west"
    )
    for more in ("--accept-loss", "--though-streaming"):  # allowed, and then there is nothing left to allow
        done = two.make("promote", "TO=us-west", f"ARGS={more}")
        assert "us-west is home, and every region that answers follows it" in well(done)
    failed(two.make("promote", "TO=mars"), "mars   no region of Pulumi.yaml: name one of us-east, us-west")


@pytest.mark.parametrize(("target", "variables"), [("previews", ()), ("promote", ("TO=us-west",))])
def test_without_the_cli_a_target_says_so(target: str, variables: tuple[str, ...], two: Fakes, tmp_path: Path) -> None:
    (tmp_path / "bin" / "pulumi").unlink()
    failed(two.make(target, *variables), "the Pulumi CLI is not on PATH: install it, the stacks are its")
