"""A checkout of the program with a run directory of its own, for tests of the whole main job."""

import base64
import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal import paths, run
from rehearsal.controlplane import ControlPlane
from rehearsal.kube import Client
from rehearsal.progress import Progress
from rehearsal.summary import Summary
from tests.engine.checkouts import checkout

REGIONS = ("us-east", "us-west")
NAMESPACE = "somafractalmemory"
PUBLIC = ("username", "ca.crt", "tls.crt")
"""Keys of Secrets whose text anybody may see."""


class Stand:
    """The program of this checkout with stack files that may be changed."""

    def __init__(self, directory: Path, engine: str) -> None:
        self.directory = directory
        self._engine = engine
        self.said = io.StringIO()

    def rehearsal(self) -> run.Rehearsal:
        return run.Rehearsal(Progress(self.said), self._engine, self.directory)

    def up(self) -> Summary:
        return self.rehearsal().up()

    def client(self, region: str) -> Client:
        return ControlPlane(region).admin()

    def generated(self, region: str) -> list[str]:
        """Every secret text that the program made and the cluster holds."""
        return [
            base64.b64decode(value).decode()
            for secret in self.client(region).list("v1", "Secret", NAMESPACE)
            if (secret["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") == "pulumi"
            for key, value in secret["data"].items()
            if key not in PUBLIC
        ]

    def set(self, region: str, key: str, value: Any) -> None:
        """States a key of a region's stack file; None takes it out."""
        file = self.directory / f"Pulumi.{region}.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"].pop(f"somafractalmemory:{key}", None)
        if value is not None:
            document["config"][f"somafractalmemory:{key}"] = value
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def program(self, more: str = "") -> None:
        """The program of the checkout, with more at its end."""
        (self.directory / "__main__.py").write_text((paths.CHECKOUT / "__main__.py").read_text() + more)


@contextmanager
def standing(directory: Path, engine: str = "in-process") -> Generator[Stand]:
    """A stand in an empty directory; whatever it brought up is ended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMA_REHEARSAL_HOME", str(directory / "run"))
        yield Stand(checkout(directory / "checkout"), engine)
        run.down(Progress(io.StringIO()))
