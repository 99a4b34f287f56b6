"""How the time that a resource of a region on AWS takes grows with the number of regions: evaluation, not apply.

That is where the regions meet: each one's program reads what the others made, plans the links to them, and has its
resources judged and made by the simulated account, which answers at once. How long AWS takes is nothing that can be
measured here; what Kubernetes takes in is measured by `growth`.

Each region links to all before it, so links grow with the square of the regions. They are excepted from the resources
that the time is divided by, though not from the time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.bench import projects
from rehearsal.bench.measure import Measure, Turns, side_by_side
from rehearsal.engine import elsewhere
from rehearsal.engine import evaluate as evaluation
from rehearsal.engine.model import Plan, PlannedResource
from rehearsal.engine.project import Project
from rehearsal.progress import Progress

WHAT = "evaluation of the program on AWS, not apply: time per resource but links"
LINK = "soma:aws:Link"
ROUNDS = 2
REGIONS = (3, 5, 8)
PLACES = (
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "us-east-2",
    "eu-central-1",
    "eu-west-2",
    "ap-southeast-2",
    "eu-north-1",
)


def measure(
    scratch: Path, progress: Progress, rounds: int = ROUNDS, regions: tuple[int, ...] = REGIONS
) -> list[Measure]:
    """Of every number of regions: seconds a resource of all of them over those of one that is alone, the whole ratio,
    and growth for each region added: 1 and the part of one region's time that each further one adds.
    """
    single = _Regions(projects.on_aws(scratch / "aws-1", PLACES[:1]))
    single.up()
    found: list[Measure] = []
    alone = 0.0
    for number in regions:
        many = _Regions(projects.on_aws(scratch / f"aws-{number}", PLACES[:number]))
        with progress.step(f"regions on AWS: from 1 to {number}"):
            turns = _each(many, single, rounds)
        alone = turns.other
        found.append(Measure(f"{WHAT}, at {number} regions over 1", turns.ratio, "ratio"))
        added = 1 + (turns.ratio - 1) / (number - 1)
        found.append(Measure(f"the same, growth for each region added up to {number}", added, "ratio", 1.1))
    return [*found, Measure(f"{WHAT}, at 1 region of {single.resources}", alone * 1000, "ms")]


def _each(many: "_Regions", single: "_Regions", rounds: int) -> Turns:
    """Seconds a resource."""
    turns = side_by_side(rounds, lambda _: many.up(), lambda _: single.up())
    ones = tuple(seconds / many.resources for seconds in turns.ones)
    return Turns(ones, tuple(seconds / single.resources for seconds in turns.others))


def is_of_a_link(resource: PlannedResource) -> bool:
    """Is it a link between two regions, or part of one?"""
    return resource.type == LINK or f"{LINK}$" in resource.urn


class _Regions:
    """The regions of one project, evaluated one after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._project = directory, Project.load(directory)
        self.resources = 0
        """Of all regions together, at the last time; without those of links."""

    def up(self) -> None:
        plans: dict[str, Plan] = {}
        for region in self._project.settings():
            plans[region] = self._evaluate(region, plans)
        self.resources = sum(not is_of_a_link(one) for plan in plans.values() for one in plan.resources)

    def _evaluate(self, region: str, plans: Mapping[str, Plan]) -> Plan:
        stacks: dict[str, dict[str, Any] | None] = {name: dict(plan.outputs) for name, plan in plans.items()}
        there = [one for plan in plans.values() for one in elsewhere.made(plan.resources)]
        config = self._project.config(region)
        asked = evaluation.ask(self._project.name, region, config, False, {}, {region: {}, **stacks}, there)
        return evaluation.evaluate(self._directory, asked)
