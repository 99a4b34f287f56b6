"""A clone of the project whose regions are brought up on AWS, and what the command says of them."""

import json
import subprocess
from pathlib import Path
from typing import Any

from rehearsal.controlplane import ControlPlane
from rehearsal.kube import Client
from tests.rehearsal.command import clone, make

SECONDS = 280.0
"""Longest that a command may take."""

Document = dict[str, Any]
"""What the command says of its regions, by name."""


class Stand:
    """A clone of the project whose regions are brought up on AWS by the command, as its stack files are."""

    def __init__(self, directory: Path) -> None:
        self.directory = clone(directory)
        self.run = directory / ".rehearsal-aws"

    def make(self, target: str, *arguments: str, seconds: float = SECONDS) -> "subprocess.CompletedProcess[str]":
        return make(
            self.directory, target, *arguments, seconds=seconds, SOMA_REHEARSAL_HOME=str(self.directory / ".rehearsal")
        )

    def up(self, *arguments: str) -> Document:
        ended = self.make("up", "--json", "--engine", "in-process", *arguments)
        assert ended.returncode == 0, ended.stderr
        document: Document = json.loads(ended.stdout)["regions"]
        return document

    def down(self) -> list[str]:
        return json.loads(self.make("down", "--json").stdout)["ended"]

    def client(self, region: str) -> Client:
        return ControlPlane(region).admin()


def changed(region: Document) -> set[str]:
    """What happened to resources of a region."""
    return {change for change, number in region["changes"].items() if number}


def settled(region: Document) -> bool:
    """Does every pod run that should, or is it held?"""
    return all(pods["ready"] + pods["held"] >= pods["wanted"] > 0 for pods in region["pods"].values())
