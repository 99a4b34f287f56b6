"""The page that `preview`, `up` and `drill` write: what they have found, as its document; kept for the next run.

A plan's page and that of what is up lie beside each other in the run directory, for neither is the other's last run.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from rehearsal import paths, plain, plans, pods, proofs
from rehearsal.costs import RegionCost
from rehearsal.drills import report as drilled
from rehearsal.engine.model import Change, PlannedResource, Result, masked
from rehearsal.packs import Report
from rehearsal.summary import RegionSummary, Summary
from report import document as parts
from report.changes import since
from report.document import CHANGES, Document, read
from report.page import html

PLAN: Final = "preview"
STANDING: Final = "report"
"""Of what is up; its drills are told there, too."""


def of_run(summary: Summary, command: Literal["preview", "up"], file: Path | None = None) -> Path:
    """Writes the page of a plan or of what is up, with what changed since the last one, into the run directory or to
    `file`. Raises OSError.
    """
    name = PLAN if command == "preview" else STANDING
    kept = {one.region: dict(_kept(one.outcome.resources)) for one in summary.regions}
    did = {one.region: dict(_did(one)) for one in summary.regions}
    document = Document(
        command=command,
        at=time.time(),
        engine=summary.engine,
        refused=any(one.refused for one in summary.regions),
        regions=tuple(map(_region, summary.regions)),
        links=tuple(_links(summary.regions)),
        since=since(_last(name), kept, did),
        simulated=tuple(summary.simulated),
        unvalidated_kinds=tuple(summary.unvalidated_kinds),
        seconds=dict(summary.seconds),
        kept=kept,
    )
    return _write(document, name, file)


def of_drills(region: str, outcomes: Sequence[drilled.Outcome], file: Path | None = None) -> Path:
    """Writes the page of what is up, with these drills in place of those that the region had. Raises OSError."""
    now = time.time()
    last = _last(STANDING) or Document(command="drill", at=now)
    made = parts.Drills(region=region, at=now, note=drilled.SIMULATED, cases=tuple(map(_case, outcomes)))
    others = (one for one in last.drills if one.region != region)
    return _write(last.model_copy(update={"drills": (*others, made)}), STANDING, file)


def _write(document: Document, name: str, file: Path | None) -> Path:
    """The document first: what cannot be written elsewhere is compared with all the same."""
    page = paths.home() / f"{name}.html" if file is None else file
    _put(_document(name), document.model_dump_json())
    _put(page, html(document))
    return page


def _document(name: str) -> Path:
    return paths.home() / f"{name}.json"


def _put(file: Path, text: str) -> None:
    """Written beside and renamed over what is there: of two runs at once the later one's page stands, whole."""
    new = file.parent / f".{file.name}.{secrets.token_hex(4)}"
    try:
        with new.open("x", encoding="utf-8") as opened:
            opened.write(text)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _last(name: str) -> Document | None:
    """What cannot be read is nothing to compare with."""
    try:
        return read(_document(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _kept(resources: Sequence[PlannedResource]) -> Iterator[tuple[str, parts.Kept]]:
    for resource in resources:
        told = json.dumps(_comparable(resource), sort_keys=True, default=str)
        digest = hashlib.sha256(told.encode()).hexdigest()
        yield resource.urn, parts.Kept(kind=_kind(resource.type), name=resource.name, digest=digest)


def _comparable(resource: PlannedResource) -> dict[str, Any]:
    """Inputs without secrets. A text that is another resource's output is where it comes from: a plan without a state
    makes keys, and what is signed with them, anew each time.
    """
    sources = resource.property_dependencies
    return {
        name: sources[name] if isinstance(value, str) and sources.get(name) else masked(value)
        for name, value in resource.inputs.items()
    }


def _kind(token: str) -> str:
    """`StatefulSet` of `kubernetes:apps/v1:StatefulSet`."""
    return token.rpartition(":")[2]


def _did(region: RegionSummary) -> Iterator[tuple[str, tuple[parts.Change, Sequence[str]]]]:
    """What an update did; a plan has done nothing."""
    if isinstance(region.outcome, Result):
        known = {change.value: change for change in Change}
        for step in region.outcome.steps:
            for name in CHANGES:
                if step.change is known[name]:
                    yield step.urn, (name, step.reasons)


def _region(one: RegionSummary) -> parts.Region:
    resources = plain.resources(one.outcome.resources)
    return parts.Region(
        name=one.region,
        role="home" if one.role == "home" else "standby",
        edge=one.edge,
        platform=one.platform,
        endpoint=one.endpoint,
        kubeconfig=paths.shorter(one.kubeconfig),
        steps=one.outcome.changes,
        zones=tuple(_standing(one.placed, one.zones) if one.placed else _planned(one)),
        packs=tuple(map(_pack, one.reports)),
        proofs=tuple(_proven(proofs.as_json(each)) for each in proofs.of(resources, one.zones)),
        cost=None if one.cost is None else _cost(one.cost),
        capacity=plans.of(resources),
    )


def _cost(cost: RegionCost) -> parts.Cost:
    return parts.Cost(
        parts=cost.parts, currency=cost.currency, date=cost.date, left_out=cost.left_out, unknown=cost.unknown
    )


def _planned(one: RegionSummary) -> Iterator[parts.Zone]:
    for zone, components in pods.planned_components(one.outcome.resources, one.zones).items():
        yield parts.Zone(
            name=zone,
            pods=tuple(parts.Pod(name="", component=each, state="planned") for each in sorted(components)),
        )


def _standing(placed: pods.Placed, zones: Sequence[str]) -> Iterator[parts.Zone]:
    """The region's zones, then others that nodes are in; pods without a node have a place of their own."""
    others = sorted({node.zone for node in placed.nodes} - set(zones))
    for zone in (*zones, *others):
        nodes = tuple(
            parts.Node(name=node.name, ready=node.ready, pods=_pods(placed, {node.name}))
            for node in placed.nodes
            if node.zone == zone
        )
        yield parts.Zone(name=zone, nodes=nodes)
    nowhere = _pods(placed, {pod.node for pod in placed.pods} - {node.name for node in placed.nodes})
    if nowhere:
        yield parts.Zone(name=pods.UNSCHEDULED, pods=nowhere)


def _pods(placed: pods.Placed, nodes: set[str]) -> tuple[parts.Pod, ...]:
    return tuple(
        parts.Pod(
            name=pod.name,
            component=pod.component,
            state="ready" if pod.ready else "held" if pod.held else "waiting",
        )
        for pod in placed.pods
        if pod.node in nodes
    )


def _links(regions: Sequence[RegionSummary]) -> Iterator[parts.Link]:
    """Home's data go to every standby; a standby that is an edge sends its users' requests."""
    for home in (one.region for one in regions if one.role == "home"):
        for other in regions:
            if other.region != home:
                yield parts.Link(source=home, target=other.region, carries="PostgreSQL's WAL")
                if other.edge:
                    yield parts.Link(source=other.region, target=home, carries="requests of users near it")


def _pack(report: Report) -> parts.Pack:
    refusing = {one.policy for one in report.mandatory}
    warning = set(report.failed) - refusing
    names = [policy.name for policy in report.policies]
    remedies = {policy.name: policy.remedy for policy in report.policies}
    return parts.Pack(
        name=report.pack,
        passed=tuple(name for name in names if name not in refusing | warning),
        warned=tuple(name for name in names if name in warning),
        refused=tuple(name for name in names if name in refusing),
        findings=tuple(
            parts.Finding(
                policy=one.policy,
                level=one.level,
                message=one.message,
                remedy=remedies.get(one.policy, ""),
                resource=one.urn.rpartition("::")[2],
            )
            for one in report.violations
        ),
    )


def _proven(told: Mapping[str, Any]) -> parts.Proven:
    known = {name: told[name] for name in parts.Proven.model_fields}
    return parts.Proven.model_validate({**known, "component": _title(told["component"])})


def _title(component: str) -> str:
    """Of several StatefulSets, as the proof has it, at the beginning of a line."""
    return component.removeprefix("the ")


def _case(outcome: drilled.Outcome) -> parts.Case:
    return parts.Case(
        name=outcome.case,
        seconds=round(outcome.seconds, 1),
        events=tuple(parts.Event(at=event.at, what=event.what) for event in outcome.events),
        components=tuple(
            parts.Tried(
                component=_title(row.component),
                **{name: getattr(row, name) for name in parts.Tried.model_fields if name != "component"},
            )
            for row in outcome.rows
        ),
    )
