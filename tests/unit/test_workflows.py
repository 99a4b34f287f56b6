"""The workflows: pinned, with the least rights, and nothing in them but set-up and make targets that exist."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from delivery import __main__ as command
from rehearsal import images, paths, reporting
from rehearsal.engine import cli
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
DELIVERY = [file for file in WORKFLOWS if file.name != "gateways.yml"]
"""Those whose steps are make targets; the other one builds images with Docker."""

RIGHTS = {
    ("dependencies.yml", "lock"): {"contents": "write", "pull-requests": "write"},
    ("gateways.yml", "publish"): {"contents": "read", "packages": "write"},
    ("nightly.yml", "drift"): {"contents": "read", "id-token": "write"},
    ("nightly.yml", "issue"): {"contents": "read", "issues": "write"},
    ("pull-request.yml", "comment"): {"contents": "read", "pull-requests": "write"},
    ("pull-request.yml", "preview"): {"contents": "read", "id-token": "write"},
    ("stage.yml", "first"): {"contents": "read", "id-token": "write"},
    ("stage.yml", "second"): {"contents": "read", "id-token": "write"},
}
"""More than to read the repository, which every job may; a job that is not here may no more."""

TARGETS = {
    "base-gate": ["gate", "main^1"],
    "previews": ["preview", "us-west"],
    "comment": ["comment", "--number", "7"],
    "stages": ["stages", "--order", "home-first"],
    "stage": ["stage", "--order", "home-first", "us-west"],
    "kubeconfig": ["kubeconfig", "us-west"],
    "drift": ["drift", "us-west"],
    "drift-issue": ["issue"],
    "lock-request": ["propose"],
}
"""Make target to what it asks of `python -m delivery`, with every variable that a workflow may set."""
VARIABLES = {"BASE": "main^1", "STACK": "us-west", "NUMBER": "7", "ORDER": "home-first"}


def read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def jobs(file: Path) -> Mapping[str, Mapping[str, Any]]:
    return read(file)["jobs"]


def steps(file: Path) -> Iterator[Mapping[str, Any]]:
    document = read(file)
    yield from document["runs"]["steps"] if "runs" in document else ()
    for job in document.get("jobs", {}).values():
        yield from job["steps"]


def recipe(*arguments: str) -> str:
    """What make would do, with an environment that is there."""
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--old-file", ".venv/.complete", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def targets(run: str, matrix: Mapping[str, Any]) -> list[str]:
    """The make targets of a step, which is nothing else; of `make "$TARGET"` those of the matrix."""
    as_root = r'sudo env "PATH=\$PATH" "HOME=\$HOME" '
    begun, ended = rf"(?:echo \"\w+=\$\(|{as_root})?", r"(?: ARGS=--whole|\)\" >> \"\$GITHUB_OUTPUT\")?"
    step = rf"{begun}make (?:--silent )?(\"\$TARGET\"|[a-z-]+){ended}"
    written = re.fullmatch(step, run)
    assert written is not None, run
    (found,) = written.groups()
    return [*matrix["target"], *(one["target"] for one in matrix["include"])] if found == '"$TARGET"' else [found]


def called(file: Path) -> Iterator[str]:
    for job in jobs(file).values():
        for step in job["steps"]:
            if "run" in step:
                yield from targets(step["run"], job.get("strategy", {}).get("matrix", {}))


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: str(file.relative_to(GITHUB)))
def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is(file: Path) -> None:
    used = re.findall(r"uses: *(.*)", file.read_text())
    assert used
    for one in used:
        assert one.startswith("./.github/actions/") or re.fullmatch(
            r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one
        ), one


def test_an_action_is_at_one_version_everywhere() -> None:
    """And no commit has two names."""
    used = [one for file in [*WORKFLOWS, *ACTIONS] for one in re.findall(r"uses: *(\S+@.*)", file.read_text())]
    assert len({one.partition("@")[0] for one in used}) == len(set(used))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_job_has_the_rights_that_it_needs_and_no_other(file: Path) -> None:
    document = read(file)
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        assert job["permissions"] == RIGHTS.get((file.name, name), {"contents": "read"}), name


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_nothing_runs_with_rights_for_code_of_others(file: Path) -> None:
    triggers = cast(dict[Any, Any], read(file))[True]  # YAML 1.1 reads `on` so
    assert ({triggers} if isinstance(triggers, str) else set(triggers)) <= {
        "push",
        "pull_request",
        "schedule",
        "workflow_dispatch",
    }


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: str(file.relative_to(GITHUB)))
def test_no_expression_stands_in_a_script_and_no_token_stays_in_the_checkout(file: Path) -> None:
    for step in steps(file):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", DELIVERY, ids=lambda file: file.name)
def test_a_step_is_set_up_or_a_make_target_that_exists(file: Path) -> None:
    for target in called(file):
        assert recipe(target, *(f"{name}={value}" for name, value in VARIABLES.items()))


def test_a_pull_request_is_checked_by_what_one_make_target_does_without_any_credential() -> None:
    check = jobs(GITHUB / "workflows" / "pull-request.yml")["check"]
    prerequisites = re.search(r"^pr-checks: ([a-z -]+) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert prerequisites is not None
    matrix = check["strategy"]["matrix"]
    shared = {one["target"] for one in matrix["include"]}
    assert {*matrix["target"], *shared} == set(prerequisites[1].split())
    assert {"lint", "test-unit", "test-rehearsal", "policies", "base-gate"} == set(prerequisites[1].split())
    for target in shared:
        of_it = [one["part"] for one in matrix["include"] if one["target"] == target]
        assert of_it == [f"{part}/{len(of_it)}" for part in range(1, len(of_it) + 1)], "every test once"
        assert f"--part {of_it[0]} " in recipe(target, f"PART={of_it[0]}")
    assert check["steps"][-1]["env"]["PART"] == "${{ matrix.part }}"
    assert "if" not in check  # forks too
    assert not {"environment", "needs"} & set(check)
    assert not re.search(r"\bvars\.|secrets\.|github\.token", yaml.safe_dump(check))


def test_what_needs_credentials_is_for_branches_of_the_repository_alone() -> None:
    of = jobs(GITHUB / "workflows" / "pull-request.yml")
    condition = " ".join(of["regions"]["if"].split())
    assert "github.event.pull_request.head.repo.full_name == github.repository && " in condition
    assert "||" not in condition
    assert of["preview"]["needs"] == "regions"
    assert "if" not in of["preview"]  # nothing lets it run when `regions` was skipped
    assert "needs.regions.result == 'success'" in of["comment"]["if"]
    assert of["preview"]["strategy"]["fail-fast"] is False


def test_an_update_is_never_cut_short_and_two_of_one_stack_wait_for_each_other() -> None:
    of = jobs(GITHUB / "workflows" / "stage.yml")
    for name in ("first", "second"):
        job = of[name]
        assert job["concurrency"] == {"group": "stack-${{ matrix.region }}", "cancel-in-progress": False}
        assert job["strategy"]["max-parallel"] == 1
        assert job["environment"] == "${{ matrix.region }}"
        assert [step.get("run") for step in job["steps"]][-2:] == ["make kubeconfig", "make stage"]
    assert of["second"]["needs"] == ["plan", "first"]
    assert not re.search(r"always\(\)|failure\(\)|cancelled\(\)|continue-on-error", yaml.safe_dump(dict(of)))
    assert "concurrency" not in read(GITHUB / "workflows" / "stage.yml")


def test_the_page_of_the_nightly_drills_is_kept_before_they_are_gone() -> None:
    *_, up, drill, kept, down = jobs(GITHUB / "workflows" / "nightly.yml")["drill"]["steps"]
    assert [step.get("run") for step in (up, drill, kept, down)] == ["make up", "make drill", None, "make down"]
    (target,) = re.findall(r"^PLATFORM := (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert kept["with"]["path"] == f"{paths.RUN}-{target}/{reporting.STANDING}.html"
    assert kept["with"]["include-hidden-files"] is True, "a folder that begins with a dot is one"
    assert (kept["if"], down["if"]) == ("${{ !cancelled() }}", "always()")


def test_no_workflow_knows_a_region() -> None:
    listed = read(ROOT / "Pulumi.yaml")["config"]["multiregion"]["default"]["regions"]
    for file in [*WORKFLOWS, *ACTIONS]:
        assert not [one["name"] for one in listed if one["name"] in file.read_text()]


def test_the_cli_is_at_the_version_of_the_sdk() -> None:
    locked = re.search(r"^pulumi==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked is not None
    used = [one for file in [*WORKFLOWS, *ACTIONS] for one in steps(file) if "pulumi/actions" in one.get("uses", "")]
    assert len(used) == 2
    for step in used:
        assert step["with"] == {"pulumi-version": locked[1]}, "it installs, and runs nothing"


def test_the_other_tiers_run_every_night_in_all_without_a_credential() -> None:
    file = GITHUB / "workflows" / "tiers.yml"
    triggers = cast(dict[Any, Any], read(file))[True]
    assert triggers.keys() == {"schedule", "workflow_dispatch"}
    of = jobs(file)
    assert of.keys() == {"data", "engine"}
    assert of["data"]["timeout-minutes"] == 90
    for name, job in of.items():
        last = job["steps"][-1]["run"]
        assert last.endswith(f"make test-{name} ARGS=--whole"), "a tier that cannot run is a failure"
        assert ("sudo " in last) == (name == "data"), "only nodes need root"
        assert not {"if", "environment", "env"} & set(job)
    assert not re.search(r"\bvars\.|secrets\.|github\.token|id-token", file.read_text())
    assert not re.search(r"\$\{\{", file.read_text())


def test_the_engine_gets_the_providers_of_the_lock_and_no_other() -> None:
    """As `make plugins` writes them for `pulumi plugin install resource`."""
    (line,) = recipe("plugins").splitlines()
    program, _, installs = line.partition(" | ")
    assert installs == "xargs -L 1 pulumi plugin install resource"
    command = shlex.split(program)
    told = subprocess.run([sys.executable, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    locked = dict(re.findall(r"^pulumi-(\w+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert told.splitlines() == [f"{name} {locked[name]}" for name in cli.PLUGINS]


@pytest.mark.parametrize(("target", "arguments"), TARGETS.items(), ids=TARGETS)
def test_a_target_asks_what_the_command_line_takes(target: str, arguments: list[str]) -> None:
    (line,) = recipe(target, *(f"{name}={value}" for name, value in VARIABLES.items())).splitlines()
    assert shlex.split(line) == [".venv/bin/python", "-m", "delivery", *arguments]
    command._parser().parse_args(arguments)


def test_without_variables_a_target_is_about_every_region() -> None:
    for target in ("previews", "drift", "stage", "stages", "comment", "base-gate"):
        (line,) = recipe(target).splitlines()
        command._parser().parse_args(shlex.split(line)[3:])
    assert shlex.split(recipe("base-gate"))[3:] == ["gate", "origin/main"]


def test_every_target_of_a_workflow_is_known_here_or_has_tests_of_its_own() -> None:
    """`up`, `drill`, `policies` and the tiers have them: tests/rehearsal, tests/unit/test_policy_variants.py."""
    tiers = {"test-unit", "test-rehearsal", "test-data", "test-engine", "setup", "plugins"}
    others = {"lint", "policies", "up", "drill", "down", "lock", *tiers}
    used = {target for file in DELIVERY for target in called(file)}
    assert used == {*TARGETS, *others}


@pytest.fixture(scope="module")
def actionlint() -> Path:
    try:
        return images.actionlint(Progress())
    except RehearsalError as error:
        pytest.fail(str(error))


def zizmor() -> str:
    """From the environment of the tests, else from PATH."""
    found = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    assert found is not None, "zizmor is not installed: run `make setup`"
    return found


def _audit(directory: Path) -> "subprocess.CompletedProcess[str]":
    arguments = [zizmor(), "--offline", "--no-progress", "--config", str(GITHUB / "zizmor.yml"), str(directory)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def _lint(tool: Path, *files: Path) -> "subprocess.CompletedProcess[str]":
    arguments = [str(tool), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, files)]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


def test_actionlint_has_nothing_to_say(actionlint: Path) -> None:
    done = _lint(actionlint, *WORKFLOWS)
    assert done.returncode == 0, done.stdout


def test_zizmor_has_nothing_to_say() -> None:
    done = _audit(GITHUB)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("on: pull_request\n", "on: pull_request_target\n"),
        ("        run: make comment\n", "        run: make comment ${{ github.event.pull_request.title }}\n"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
    ],
)
def test_zizmor_would_say_something(before: str, after: str, tmp_path: Path) -> None:
    """The positive control: it is asked, and of these files."""
    shutil.copytree(GITHUB, tmp_path / ".github")
    file = tmp_path / ".github" / "workflows" / "pull-request.yml"
    text = file.read_text()
    mutated = text.replace("      - run: make comment\n", "      - name: comment\n        run: make comment\n")
    assert before in mutated
    file.write_text(mutated.replace(before, after))
    assert _audit(tmp_path / ".github").returncode != 0


def test_actionlint_would_say_something(actionlint: Path, tmp_path: Path) -> None:
    text = (GITHUB / "workflows" / "stage.yml").read_text()
    (tmp_path / "stage.yml").write_text(text.replace("needs.plan.outputs.stages", "needs.plan.outputs.stage"))
    done = _lint(actionlint, tmp_path / "stage.yml")
    assert done.returncode != 0
    assert 'property "stage" is not defined' in done.stdout
