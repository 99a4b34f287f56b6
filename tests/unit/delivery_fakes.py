"""A checkout with programs that play stacks, clusters and AWS, and write down what they are asked."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from promotion.files import Checkout
from rehearsal import paths
from settings import shared
from tests.ready import READY
from tests.unit.delivery_programs import PROGRAMS
from tests.unit.recorder import stack_configuration


@dataclass(frozen=True)
class Fakes:
    """What the stacks and clusters are, as files that the programs read and write."""

    checkout: Path
    place: Path
    commit: str

    def stack(self, region: str, **changed: Any) -> None:
        """Changes what is told of a stack."""
        self._change("stacks.json", region, changed)

    def cluster(self, region: str, **changed: Any) -> None:
        """Changes what is told of a cluster: lists by the kind as kubectl is asked for it, and `row`."""
        self._change("clusters.json", region, changed)

    def lost(self, region: str) -> None:
        """The cluster's API server answers nobody."""
        self._write("clusters.json", {**self._read("clusters.json"), region: None})

    def asked(self) -> list[list[str]]:
        """Every command line, without `--non-interactive`; of kubectl the context and what it was to do."""
        log = self.place / "asked"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def upped(self) -> list[str]:
        """The stacks that were updated, in that order."""
        return [asked[asked.index("--stack") + 1] for asked in self.asked() if asked[0] == "up"]

    def command(self, target: str, *variables: str) -> list[str]:
        """`make` of this repository's Makefile for a target, with the environment that runs the tests."""
        return ["make", "--silent", f"--makefile={paths.CHECKOUT / 'Makefile'}", *READY, target, *variables]

    def environment(self, **more: str) -> dict[str, str]:
        """What a machine has on which nobody has set anything, and `more`."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "FAKE", "TMPDIR") if name in os.environ}
        return {**kept, "PYTHONPATH": str(paths.CHECKOUT), **more}

    def make(self, target: str, *variables: str, stdin: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
        """How a make target ends in the checkout. `more` are variables of the environment."""
        return subprocess.run(
            self.command(target, *variables),
            cwd=self.checkout,
            env=self.environment(**more),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _change(self, file: str, region: str, changed: Mapping[str, Any]) -> None:
        told = self._read(file)
        told[region] = {**told[region], **changed}
        self._write(file, told)

    def _read(self, file: str) -> dict[str, Any]:
        return json.loads((self.place / file).read_text())

    def _write(self, file: str, told: Mapping[str, Any]) -> None:
        (self.place / file).write_text(json.dumps(told))


def make(directory: Path, regions: Sequence[str], home: str, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """A committed checkout whose stacks are all up, at a commit before, and healthy."""
    checkout, place, programs = directory / "checkout", directory / "fake", directory / "bin"
    for made in (checkout, place, programs):
        made.mkdir()
    _files(checkout, regions, home)
    for name, text in PROGRAMS.items():
        program = programs / name
        program.write_text(f"#!{sys.executable} -IS{text}")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(place))
    head = _commit(checkout)
    (place / "head").write_text(head)
    fakes = Fakes(checkout, place, head)
    fakes._write("stacks.json", {region: _stack(checkout, region, home) for region in regions})
    fakes._write("clusters.json", {region: _cluster(region, home) for region in regions})
    return fakes


def _files(checkout: Path, regions: Sequence[str], home: str) -> None:
    listed = [{"name": name, **({"primary": True} if name == home else {})} for name in regions]
    stated = {
        key: value for key, value in stack_configuration("us-east").items() if key not in ("multiregion", "promotion")
    }
    project = {"name": "soma", "config": {"multiregion": {"type": "object", "default": {"regions": listed}}}}
    (checkout / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    for region in regions:
        document = {"config": {f"soma:{key}": value for key, value in stated.items()}}
        (checkout / f"Pulumi.{region}.yaml").write_text(yaml.safe_dump(document))


def _commit(checkout: Path) -> str:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(checkout)]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "regions"]):
        subprocess.run([*git, *arguments], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def _stack(checkout: Path, region: str, home: str) -> dict[str, Any]:
    settings = Checkout(checkout).settings()[region]
    outputs = {
        "region": region,
        "role": "home" if region == home else "standby",
        "home": home,
        "promotion": "",
        "shared": dict(shared(settings)),
    }
    moment = "2026-01-30T14:00:00.000Z"
    moments = {"startTime": moment, "endTime": moment}
    said = {"message": "", "environment": {"git.head": "before"}, "config": {}, "resourceChanges": {}}
    history = [{"version": 1, "kind": "update", "result": "succeeded", **moments, **said}]
    return {"outputs": outputs, "history": history, "preview": {"steps": []}}


def pod(name: str, ready: bool = True, **status: Any) -> dict[str, Any]:
    """A pod that serves, or not."""
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name}, "spec": {"containers": []}, "status": {"conditions": conditions, **status}}


def workload(kind: str, name: str, wanted: int = 1, **status: Any) -> dict[str, Any]:
    """A Deployment or StatefulSet whose pods are all there and of the present kind."""
    counted = {"observedGeneration": 2, "replicas": wanted, "updatedReplicas": wanted, **status}
    metadata = {"name": name, "generation": 2}
    return {"kind": kind, "metadata": metadata, "spec": {"replicas": wanted}, "status": counted}


def _cluster(region: str, home: str) -> dict[str, Any]:
    primary = f"postgresql-{home}"
    postgresql = {
        "kind": "Cluster",
        "metadata": {"name": f"postgresql-{region}"},
        "spec": {"instances": 3, "replica": {"primary": primary}},
        "status": {"instances": 3, "readyInstances": 3, "currentPrimary": f"postgresql-{region}-1"},
    }
    return {
        "pods": [pod("memory-service-1")],
        "deployments.apps": [workload("Deployment", "memory-service")],
        "statefulsets.apps": [workload("StatefulSet", "qdrant", 3)],
        "jobs.batch": [],
        "clusters.postgresql.cnpg.io": [postgresql],
        "row": "1000|0|5",
    }
