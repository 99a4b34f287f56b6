"""Regions on the platform `aws`, as the program describes them against a simulated account."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from components.derivation import derived
from rehearsal.engine import elsewhere, program
from rehearsal.engine.model import Plan, PlannedResource, Value
from settings import load
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import PROJECT, as_text, run_main, stack_configuration

ACCOUNT = "123456789012"
OPERATORS = f"arn:aws:iam::{ACCOUNT}:role/operators"
AWS_REGIONS = {"us-east": "us-east-1", "us-west": "us-west-2", "eu-west": "eu-west-1"}


@dataclass
class Regions:
    """Regions of one project, brought up one after the other."""

    names: Sequence[str] = ("us-east", "us-west")
    """In the order of the list; the first one is home."""
    aws: Mapping[str, Any] = field(default_factory=dict)
    """Laid over the block `aws` of every stack."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of every stack."""
    listed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What a region of the list states beside its names."""
    link: str = "peering"
    plans: dict[str, Plan] = field(default_factory=dict)

    def configuration(self, region: str) -> dict[str, Any]:
        listed = [
            {"name": name, "aws_region": AWS_REGIONS[name], **({"primary": True} if name == self.names[0] else {})}
            | dict(self.listed.get(name, {}))
            for name in self.names
        ]
        return {
            **stack_configuration("us-east"),
            "platform": "aws",
            "multiregion": {"regions": listed, "link": self.link},
            "aws": {"account": ACCOUNT, "cluster": {"admins": [OPERATORS]}, **copy.deepcopy(dict(self.aws))},
            **({"backups": {"copy_region": "us-east-2"}} if len(self.names) == 1 else {}),
            **copy.deepcopy(dict(self.more)),
        }

    def up(self, region: str, stacks: Mapping[str, Mapping[str, Value]] | None = None) -> Recorded:
        """The region after those that were brought up before. `stacks` replaces their outputs."""
        outputs = {name: plan.outputs for name, plan in self.plans.items()} if stacks is None else stacks
        configuration = self.configuration(region)
        there = elsewhere.stated(load(configuration, region, derived))
        for plan in self.plans.values():
            there += elsewhere.made(plan.resources)
        config = {f"{PROJECT}:{key}": as_text(value) for key, value in configuration.items()}
        asked = program.Evaluation(
            PROJECT,
            region,
            config,
            preview=False,
            stacks={region: {}, **outputs},
            elsewhere=there,
        )
        self.plans[region] = program.run(run_main, asked)
        return _recorded(self.plans[region])


def record(described: Callable[[], None]) -> Recorded:
    """A program against a simulated account. RehearsalError with what AWS would refuse."""
    return _recorded(program.run(described, program.Evaluation(PROJECT, "test", preview=False)))


def _recorded(plan: Plan) -> Recorded:
    return Recorded(plan.region, tuple(map(_resource, plan.resources)), plan.outputs)


def _resource(planned: PlannedResource) -> Resource:
    return Resource(
        type=planned.type,
        name=planned.name,
        urn=planned.urn,
        parent=planned.parent,
        inputs=planned.inputs,
        protect=planned.protect,
        depends_on=planned.depends_on,
        provider=planned.provider,
        ignore_changes=planned.ignore_changes,
        custom=planned.custom,
    )


THREE = ("us-east", "us-west", "eu-west")


def brought_up(names: tuple[str, ...] = THREE[:2], link: str = "peering") -> Regions:
    """Regions with the defaults that are all up, each once a session: for whoever only looks at them."""
    return _brought_up(names, link)[0]


def recorded(names: tuple[str, ...] = THREE[:2], link: str = "peering") -> dict[str, Recorded]:
    """The same by their names, as tests of components look at them."""
    return _brought_up(names, link)[1]


@cache
def _brought_up(names: tuple[str, ...], link: str) -> tuple[Regions, dict[str, Recorded]]:
    regions = Regions(names, link=link)
    return regions, {name: regions.up(name) for name in names}


def two() -> tuple[Recorded, Recorded]:
    """The home region and its standby, with the defaults."""
    return recorded()["us-east"], recorded()["us-west"]
