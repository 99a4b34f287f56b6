"""The in-process engine on an API server double, and programs of a few lines for it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Change, Result
from rehearsal.progress import Progress
from tests.unit.engine_cluster import FakeCluster

REGION = "us-east"
Describe = Callable[[], object]


class Bench:
    """One region's engine on a double; `program` may be exchanged between updates."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cluster = FakeCluster()
        self.said = io.StringIO()
        self.program: Describe = lambda: None
        (directory / "Pulumi.yaml").write_text("name: soma\nruntime: python\n")
        self.engine = self.another()

    def another(self) -> InProcessEngine:
        return InProcessEngine(
            self.directory, self.directory / "run", connect=lambda *_: self.cluster, program=lambda: self.program()
        )

    def up(self, program: Describe | None = None) -> Result:
        if program is not None:
            self.program = program
        return self.engine.up(REGION, Progress(self.said))

    @property
    def state(self) -> Path:
        return self.directory / "run" / REGION / "state.json"


def config_map(name: str, data: dict[str, Any] | None = None, **options: Any) -> kubernetes.core.v1.ConfigMap:
    metadata: Any = {"name": name, "namespace": "soma"}
    return kubernetes.core.v1.ConfigMap(name, metadata=metadata, data=data or {}, opts=ResourceOptions(**options))


def stateful_set(name: str, spec: dict[str, Any] | None = None, **options: Any) -> kubernetes.apps.v1.StatefulSet:
    labels = {"app": name}
    wanted: Any = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}},
        **(spec or {}),
    }
    metadata: Any = {"name": name, "namespace": "soma"}
    return kubernetes.apps.v1.StatefulSet(name, metadata=metadata, spec=wanted, opts=ResourceOptions(**options))


def named(result: Result, change: Change) -> list[str]:
    return [step.name for step in result.steps if step.change is change]
