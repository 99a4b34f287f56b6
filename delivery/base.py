"""The gate without credentials: what a branch would lose of the regions as the branch it goes into describes them.

Both programs are evaluated on this machine, on every platform, by the engine of the rehearsal. What the base describes
stands for what is there; its secrets are masked, so that a secret that changes is no change here.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.redis_plan import plan as redis_plan
from components.redis_plan import pods_by_zone
from delivery.errors import DeliveryError
from policies import fewer
from policies.checks.config_maps import RECORD
from rehearsal import overlay, packs, paths
from rehearsal.engine import choose, cli_report, diff, property_path
from rehearsal.engine.model import Change, Plan, PlannedResource, masked
from rehearsal.engine.project import Project
from rehearsal.engine.state import Held
from rehearsal.judgement import PLATFORMS
from rehearsal.progress import Progress

Described = Mapping[str, Sequence[PlannedResource]]
"""Region to its resources."""


def lost(base: str, checkout: Path, progress: Progress) -> Mapping[str, Any]:
    """The steps from the base's plan to the checkout's, as `policies.gate` reads them. DeliveryError."""
    steps: list[dict[str, Any]] = []
    with _worktree(base, checkout) as before:
        for platform in PLATFORMS:
            with progress.step(f"{base} on {platform}"):
                earlier = _of_base(before, platform)
            with progress.step(f"the checkout on {platform}"):
                later = _of_checkout(checkout, platform)
            steps += list(_steps(earlier, later))
    return {"steps": steps}


def compared(before: Sequence[PlannedResource], after: Sequence[PlannedResource], region: str) -> list[dict[str, Any]]:
    """Operation and URN of each resource that an update would take from the one to the other, in an update with its
    states; first the stack with what an update to the one leaves as outputs."""
    held = {one.urn: Held(replace(one, protect=False, outputs={})) for one in before}  # protection would stop it
    plan = Plan(region, tuple(_masked(one) for one in after))
    return [*_stack(before), *map(_told, diff.actions(plan, held))]


def _told(action: diff.Action) -> dict[str, Any]:
    states = {"oldState": action.held and action.held.resource, "newState": action.planned}
    shown = states if action.step.change is Change.UPDATE else {}
    return {
        "op": action.step.change.value,
        "urn": action.step.urn,
        **{state: {"inputs": resource.inputs} for state, resource in shown.items() if resource},
    }


def _stack(described: Sequence[PlannedResource]) -> Iterator[dict[str, Any]]:
    """The stack of a region as it would be; none where its settings are not recorded in a way that is known here."""
    for resource in described:
        if property_path.get(resource.inputs, ("metadata", "name")) == RECORD:
            try:
                outputs = _lowest(json.loads(resource.inputs["data"]["settings.json"]))
            except (KeyError, TypeError, ValueError):
                continue
            stack, project, *_ = resource.urn.split("::")
            urn = f"{stack}::{project}::{cli_report.ROOT}::{project}"
            yield {"op": "same", "urn": urn, "oldState": {"outputs": outputs}}


def _lowest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Down to what number the stores may go, of recorded settings; as the outputs of a stack tell it."""
    qdrant, redis, zones = settings["qdrant"], settings["redis"]["cluster"], settings["high_availability"]["zones"]
    kept = redis.get("drain_to", redis["nodes"]), redis.get("drain_replicas_to", redis["replicas"])
    pods = pods_by_zone(redis_plan(len(zones), *kept), len(zones))
    return {
        fewer.SCALE_IN: {fewer.NODES: qdrant.get("drain_to", qdrant["replicas"])},
        fewer.ZONES: [{fewer.PODS: number} for number in pods],
    }


def _steps(before: Described, after: Described) -> Iterator[dict[str, Any]]:
    """Of regions in both: one that is new loses nothing, one that leaves the list keeps its stack until it goes."""
    for region, resources in after.items():
        if region in before:
            yield from compared(before[region], resources, region)


def _masked(resource: PlannedResource) -> PlannedResource:
    """As `preview --json` of the base would have told it."""
    return replace(resource, inputs=cli_report.value(masked(resource.inputs)), outputs={}, retain_on_delete=False)


def _of_checkout(checkout: Path, platform: str) -> Described:
    with _own_home():
        overlaid = overlay.on(platform, checkout)
        settings = Project.load(overlaid).settings()
        engine = choose("in-process", overlaid)
        # home first, whose outputs the others read
        return {
            region: engine.preview(region).resources
            for region in sorted(settings, key=lambda it: not settings[it].is_home)
        }


def _of_base(checkout: Path, platform: str) -> Described:
    """By the base's own program and engine, in a process of its own."""
    command = [sys.executable, "-m", "rehearsal", "preview", "--json", "--engine", "in-process", "--platform", platform]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PYTHONPATH": str(checkout), paths.HOME: f"{home}/rehearsal"}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    try:
        regions = json.loads(done.stdout)["regions"]
    except (ValueError, KeyError):
        last = "\n".join(f"  {line}" for line in done.stderr.splitlines()[-5:])
        raise DeliveryError(f"the base cannot be evaluated, so nobody knows what would be lost:\n{last}") from None
    return {region: [_resource(one) for one in told["resources"]] for region, told in regions.items()}


def _resource(told: Mapping[str, Any]) -> PlannedResource:
    return PlannedResource(
        type=told["type"],
        name=told["name"],
        urn=told["urn"],
        parent=told["parent"],
        inputs=cli_report.value(told["inputs"]),
    )


@contextmanager
def _worktree(base: str, checkout: Path) -> Generator[Path]:
    """The files of a commit, with the checkout's environment beside them."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "base"
        _git(checkout, "worktree", "add", "--detach", "--quiet", str(place), base)
        try:
            (place / ".venv").symlink_to(Path(sys.prefix))
            for pack in packs.directories(place):  # nobody asks them about the base
                (pack / "PulumiPolicy.yaml").unlink()
            yield place
        finally:
            _git(checkout, "worktree", "remove", "--force", str(place))


def _git(checkout: Path, *arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["it does not say why"]
        raise DeliveryError(f"git {arguments[0]} failed: {said[0]}: name a commit that is here with BASE=…")


@contextmanager
def _own_home() -> Generator[None]:
    """A run directory in which nothing is recorded."""
    before = os.environ.get(paths.HOME)
    with tempfile.TemporaryDirectory() as home:
        os.environ[paths.HOME] = f"{home}/rehearsal"
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(paths.HOME, None)
            else:
                os.environ[paths.HOME] = before
