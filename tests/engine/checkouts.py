"""Checkouts of the program that differ from this one in a file: what the tests hand to the real engine."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from rehearsal import paths

SHARED = (".venv", "components", "settings", "policies", "rehearsal")

LONELY = """

from components.objects import untyped
import pulumi_kubernetes as kubernetes

kubernetes.apps.v1.Deployment(
    "lonely",
    metadata=untyped({"name": "lonely", "namespace": "somafractalmemory"}),
    spec=untyped({
        "replicas": 1,
        "selector": {"matchLabels": {"app": "lonely"}},
        "template": {
            "metadata": {"labels": {"app": "lonely"}},
            "spec": {"containers": [{"name": "a", "image": "a:1"}]},
        },
    }),
    opts=pulumi.ResourceOptions(provider=region.platform.placement.provider),
)
"""
"""A Deployment that no policy lets pass, for the end of a program."""


def checkout(directory: Path, files: Mapping[str, str] | None = None) -> Path:
    """A checkout in `directory`: the program and stack files of this one, and `files` in place of those so named."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        (directory / name).symlink_to(paths.CHECKOUT / name)
    for file in (paths.CHECKOUT / "__main__.py", *sorted(paths.CHECKOUT.glob("Pulumi*.yaml"))):
        shutil.copy(file, directory)
    for name, text in (files or {}).items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory
