"""The programs that are measured: the checkout's own, copies of its home region, a bare one of the same resources."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from rehearsal import kube, paths
from rehearsal.engine import evaluate as evaluation
from rehearsal.engine.model import Plan, revealed
from rehearsal.engine.project import Project
from rehearsal.overlay import ON_AWS

HOME = "us-east"


def evaluate(checkout: Path, region: str) -> Plan:
    """The plan of one region, as a preview evaluates it: in a process of its own."""
    project = Project.load(checkout)
    return evaluation.evaluate(
        checkout, evaluation.ask(project.name, region, project.config(region), True, {}, {region: {}})
    )


def copies(directory: Path, namespaces: Mapping[str, str]) -> Path:
    """A project whose regions are copies of us-east, each in the namespace named for it; the first one is home."""
    directory.mkdir(parents=True)
    (directory / "__main__.py").symlink_to(paths.CHECKOUT / "__main__.py")
    project = yaml.safe_load((paths.CHECKOUT / "Pulumi.yaml").read_text())
    regions = [{"name": region, "primary": number == 0} for number, region in enumerate(namespaces)]
    project["config"]["multiregion"]["default"] = {"enabled": True, "regions": regions}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack = yaml.safe_load((paths.CHECKOUT / f"Pulumi.{HOME}.yaml").read_text())
    for region, namespace in namespaces.items():
        stack["config"]["somafractalmemory:kubernetes"] = {"namespace": namespace}
        (directory / f"Pulumi.{region}.yaml").write_text(yaml.safe_dump(stack))
    return directory


def on_aws(directory: Path, places: Sequence[str]) -> Path:
    """A project whose regions are copies of us-east, each on AWS in the region named for it; the first one is home."""
    names = [f"region-{number}" for number in range(len(places))]
    copies(directory, dict.fromkeys(names, "somafractalmemory"))
    file = directory / "Pulumi.yaml"
    project = yaml.safe_load(file.read_text())
    for region, place in zip(project["config"]["multiregion"]["default"]["regions"], places, strict=True):
        region["aws_region"] = place
    file.write_text(yaml.safe_dump(project))
    for name in names:
        file = directory / f"Pulumi.{name}.yaml"
        stack = yaml.safe_load(file.read_text())
        stack["config"]["somafractalmemory:platform"] = "aws"
        stack["config"]["somafractalmemory:aws"] = ON_AWS
        if len(places) == 1:
            stack["config"]["somafractalmemory:backups"] = {"copy_region": "us-west-2"}
        file.write_text(yaml.safe_dump(stack))
    return directory


def bare(directory: Path, plan: Plan) -> Path:
    """A project that registers the resources of a plan without components and settings."""
    directory.mkdir(mode=0o700)
    shutil.copy(Path(__file__).parent / "bare.py", directory / "__main__.py")
    (directory / "Pulumi.yaml").write_text("name: bare\nruntime: python\n")
    entries = [
        {
            "type": resource.type,
            "name": resource.name,
            "urn": resource.urn,
            "parent": resource.parent,
            "provider": resource.provider,
            "custom": resource.custom,
            "inputs": revealed(resource.inputs),
        }
        for resource in plan.resources
    ]
    (directory / "resources.json").write_text(json.dumps(entries))
    return directory


def objects(plan: Plan) -> list[kube.Manifest]:
    """The Kubernetes objects of a plan, secrets revealed."""
    return [revealed(one.inputs) for one in plan.resources if one.custom and one.type.startswith("kubernetes:")]
