"""The programs under examples/: what they describe, what every policy says of it, and what they refuse."""

import json
import re
import runpy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rehearsal import paths, plain
from rehearsal.engine import program
from rehearsal.engine.model import Plan, Secret
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from settings import Configuration
from tests.unit.policy_plan import PACKS, Verdict, verdicts

EXAMPLES = paths.CHECKOUT / "examples"
ALONE, THREE = EXAMPLES / "redis-alone", EXAMPLES / "three-regions"
REGIONS = ("us-east", "us-west", "eu-west")


def plan(folder: Path, stack: str, stacks: Mapping[str, Any] | None = None, **config: str) -> Plan:
    """What the program of a folder describes with the stack's own file, and `config` over it."""
    project = Project.load(folder)
    stated = {**project.config(stack), **{f"{project.name}:{key}": value for key, value in config.items()}}
    asked = program.Evaluation(project.name, stack, stated, preview=False, stacks={stack: {}, **(stacks or {})})
    return program.run(lambda: runpy.run_path(str(folder / "__main__.py"), run_name="__main__"), asked)


@cache
def cache_alone() -> Plan:
    return plan(ALONE, "dev")


@cache
def regions() -> Mapping[str, Plan]:
    home = plan(THREE, REGIONS[0])
    return {REGIONS[0]: home} | {name: plan(THREE, name, {REGIONS[0]: home.outputs}) for name in REGIONS[1:]}


def mandatory(plan: Plan) -> list[Verdict]:
    return [one for one in verdicts(plain.resources(plan.resources)) if one.level == "mandatory"]


def turned_off(pack: str) -> set[str]:
    """Policies that the example of the cache does not ask, by its file for the pack."""
    stated: dict[str, str] = json.loads((ALONE / "policies" / f"{pack}.json").read_text())
    assert set(stated.values()) == {"disabled"}
    return set(stated)


def test_one_component_makes_no_more_than_its_own_and_its_ground() -> None:
    kinds = {one.type for one in cache_alone().resources if one.type.startswith("soma:")}
    assert kinds == {"soma:platform:Kubernetes", "soma:data:RedisCluster"}


def test_one_component_takes_what_its_stack_file_says() -> None:
    claims = [
        one.inputs["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
        for one in cache_alone().resources
        if one.type == "kubernetes:apps/v1:StatefulSet"
    ]
    assert claims == ["5Gi"] * 3
    objects = [one for one in cache_alone().resources if one.type.startswith("kubernetes:")]
    assert {one.inputs["metadata"].get("namespace", "cache") for one in objects} == {"cache"}


@pytest.mark.parametrize("pack", PACKS)
def test_of_one_component_is_refused_just_what_its_files_turn_off(pack: str) -> None:
    """No more is turned off than has to be: each of these policies asks for the rest of a region."""
    assert {one.policy for one in mandatory(cache_alone()) if one.pack == pack} == turned_off(pack)


@pytest.mark.parametrize("name", REGIONS)
def test_no_policy_refuses_any_of_three_regions(name: str) -> None:
    assert mandatory(regions()[name]) == []


def test_home_is_one_of_three_and_each_names_the_others() -> None:
    assert {name: plan.outputs["role"] for name, plan in regions().items()} == {
        "us-east": "home", "us-west": "standby", "eu-west": "standby",
    }  # fmt: skip
    assert set(Project.load(THREE).settings()) == set(REGIONS)


def test_a_region_exports_what_the_program_of_this_project_exports() -> None:
    """A standby that misses one of home's outputs, or the next run its own, is stopped or finds nothing to compare."""
    outputs = regions()["us-east"].outputs
    assert set(outputs) == {
        "edges", "endpoint", "generated", "home", "made_with", "memory_tokens", "namespace", "postgresql_replication",
        "promotion", "region", "replication", "role", "scale_in", "secret_versions", "shared", "zones",
    }  # fmt: skip
    assert {name for name, value in outputs.items() if isinstance(value, Secret)} == {
        "edges", "generated", "memory_tokens", "postgresql_replication",
    }  # fmt: skip


def test_every_fault_of_another_programs_settings_is_told_at_once() -> None:
    with pytest.raises(RehearsalError) as refused:
        plan(ALONE, "dev", redis='{"storage": "5GB", "cluster": {"nodes": 4}}', memory="{}", images='{"valky": "a:1"}')
    text = str(refused.value)
    assert text.startswith("Pulumi.dev.yaml or Pulumi.yaml\n")
    for words in (
        'redis.storage = "5GB"',
        "redis.cluster.nodes = 4   a Redis Cluster votes by majority",
        "memory = {}   unknown key: known here are kubernetes, high_availability, redis, images",
        'images.valky = "a:1"   unknown key: did you mean "valkey"?',
    ):
        assert words in text
    assert "Traceback" not in text


def test_another_programs_faults_show_no_secret() -> None:
    with pytest.raises(RehearsalError) as refused:
        plan(ALONE, "dev", redis='{"password": "hunter2"}')
    assert "hunter2" not in str(refused.value)
    assert "redis.password = [secret]" in str(refused.value)


def test_what_the_projects_declare_are_blocks_of_the_configuration() -> None:
    for folder in (ALONE, THREE):
        project = Project.load(folder)
        assert {key.removeprefix(f"{project.name}:") for key in project.file.values} <= set(Configuration.model_fields)


def test_readme_shows_the_example_as_it_is() -> None:
    """The program in README.md is a part of the one that the rehearsal runs."""
    section = (paths.CHECKOUT / "README.md").read_text().split("## In another program")[1].split("\n## ")[0]
    (shown,) = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    whole = (ALONE / "__main__.py").read_text()
    for part in shown.split("\n\n"):
        assert part.strip() in whole, part
