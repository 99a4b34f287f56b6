"""Regions that this one links to are read and judged before anything is made."""

import asyncio
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi import Output

from components.aws.peers import Peer, PeerArgs, network_of
from rehearsal.engine import program
from rehearsal.errors import RehearsalError
from tests.unit.aws_region import THREE, Regions, recorded
from tests.unit.recorded import Recorded
from tests.unit.recorder import PROJECT

BY_ITSELF = ("random:", "tls:", "pulumi:")
"""What is computed on the machine of the engine, or only read: nothing is made of it outside of the stack's state."""


def awaited(run: Recorded, urn: str) -> set[str]:
    """All that a resource waits for, by whatever way."""
    found, left = set[str](), [urn]
    while left:
        resource = run.by_urn[left.pop()]
        before = {*resource.depends_on, *([] if resource.provider is None else [resource.provider])}
        left += [one for one in before - found if one in run.by_urn]
        found |= before
    return found


@pytest.mark.parametrize("link", ["peering", "transit-gateway"])
def test_nothing_is_made_on_aws_or_in_the_cluster_before_every_peer_is_read(link: str) -> None:
    for number, run in enumerate(recorded(THREE, link).values()):
        read = [one.urn for one in run.resources if one.name.endswith(tuple(f"-peer-{name}-stack" for name in THREE))]
        assert len(read) == number, "every region links to those before it"
        made = [one for one in run.resources if one.custom and not one.type.startswith(BY_ITSELF)]
        assert len(made) > 200
        assert [one.urn for one in made if not awaited(run, one.urn).issuperset(read)] == []


def test_a_region_that_is_not_up_yet_is_named_before_anything_is_made() -> None:
    regions = Regions()
    regions.up("us-east")
    outputs = {key: value for key, value in regions.plans["us-east"].outputs.items() if key != "network"}
    with pytest.raises(RehearsalError, match=r"stack us-east has no output network yet.*pulumi up -s us-east"):
        regions.up("us-west", stacks={"us-east": outputs})


PLANNED = PeerArgs("us-east", "us-east-1", "10.64.0.0/16", ("zone-a",))


def test_what_is_wrong_with_the_stack_itself_is_told_before_what_is_wrong_with_a_peer() -> None:
    async def judged() -> pulumi.Resource:
        await asyncio.sleep(0.1)
        raise pulumi.RunError("regions keep their places")

    def described() -> None:
        Peer("peer", replace(PLANNED, after=[Output.from_input(judged())]))

    asked = program.Evaluation(PROJECT, "us-west", preview=False, stacks={"us-east": {}})
    with pytest.raises(RehearsalError, match="regions keep their places"):
        program.run(described, asked)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 2.0}, r"another release wrote \(version 2, not 1\)"),
        ({"cidr": "10.99.0.0/16"}, r"cidr: us-east has 10\.99\.0\.0/16, this stack plans 10\.64\.0\.0/16"),
        ({"aws_region": "us-east-2"}, r"aws_region: us-east has us-east-2, this stack plans us-east-1"),
    ],
)
def test_a_region_that_is_not_as_planned_is_refused(changed: dict[str, Any], said: str) -> None:
    said_by_home = {"version": 1.0, "cidr": PLANNED.cidr, "aws_region": PLANNED.aws_region}
    assert network_of(said_by_home, PLANNED) == said_by_home
    with pytest.raises(pulumi.RunError, match=said):
        network_of({**said_by_home, **changed}, PLANNED)


def test_home_that_is_listed_after_a_standby_is_told_to_be_listed_first() -> None:
    asks = PeerArgs("us-west", "us-west-2", "10.65.0.0/16", ("zone-a",), by_home=True)
    with pytest.raises(pulumi.RunError, match=r"comes up after home: list the home region first"):
        network_of(None, asks)
