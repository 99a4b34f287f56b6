"""A simulated account that makes resources one after the other, and what tests ask of it."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from rehearsal.aws import simulation
from rehearsal.aws.resource import Resource
from rehearsal.aws.simulation import Asked, Former, RefusedByAwsError
from rehearsal.aws.world import World

ACCOUNT = "123456789012"
EAST, WEST = "us-east-1", "us-west-2"
DROP = object()
"""In a change: the property is not stated."""


def trust(service: str) -> str:
    """A trust policy as JSON."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy(**element: Any) -> str:
    """A policy of an identity as JSON; `element` goes over its one statement."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **element}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass
class Account:
    """Makes resources one after the other, as a program does."""

    world: World = field(default_factory=lambda: World(ACCOUNT))
    made: dict[str, tuple[Asked, Resource]] = field(default_factory=dict)
    """By name."""

    def make(self, type_: str, name: str, region: str = EAST, /, **inputs: Any) -> Resource:
        """RefusedByAwsError with every fault."""
        asked = Asked(type_, name, f"urn:pulumi:test::soma::{type_}::{name}", region, inputs, {})
        return self.ask(asked)

    def ask(self, asked: Asked, former: Former | None = None) -> Resource:
        id_, outputs = simulation.create(self.world, asked, former)
        resource = Resource(asked.type, asked.region, str(id_), asked.inputs, outputs, asked.urn)
        self.made[asked.name] = (asked, resource)
        return resource

    def __getitem__(self, name: str) -> Any:
        """The outputs of a resource, with its id."""
        return self.made[name][1].outputs

    def change(self, name: str, /, **changes: Any) -> Resource:
        """The resource asked for once more, with some inputs changed."""
        asked, before = self.made[name]
        inputs = {key: value for key, value in {**asked.inputs, **changes}.items() if value is not DROP}
        return self.ask(replace(asked, inputs=inputs), Former(asked.inputs, str(before.outputs[simulation.SEED])))

    def refused(self, name: str, /, **changes: Any) -> str:
        """What is said of the resource with some inputs changed."""
        with pytest.raises(RefusedByAwsError) as refusal:
            self.change(name, **changes)
        return str(refusal.value)

    def another(self, name: str, of: str, region: str | None = None, /, **changes: Any) -> Resource:
        """A second resource with the inputs of a first one, some changed."""
        asked, _ = self.made[of]
        inputs = {key: value for key, value in {**asked.inputs, **changes}.items() if value is not DROP}
        return self.make(asked.type, name, region or asked.region, **inputs)

    def clash(self, of: str, /, **changes: Any) -> str:
        """What is said of a second resource like a first one."""
        with pytest.raises(RefusedByAwsError) as refusal:
            self.another(f"another-{of}", of, **changes)
        return str(refusal.value)
