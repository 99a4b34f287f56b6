"""The page of a run: everything that its document says, without a script and with nothing from elsewhere."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from dashboards import paper
from dashboards.units import UNITS, Unit
from report.capacity import LAST, Told, about, by, headroom, told
from report.document import CHANGES, Changed, Document, Drills, Finding, Need, Pod, Region
from report.timeline import Timeline, timeline

TONES: Final = 10
"""Colours of components, in report.css; further ones have the same again."""
NOT_JUDGED: Final = "not-judged"
"""Policy by which a pack says what it could not look at."""
_CORES: Final = Unit(((1.0, " cores"),))
_DONE: Final = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "same": "the same",
}
_TEMPLATES: Final = Path(__file__).with_name("templates")
_LEVELS: Final = ("mandatory", "advisory")
"""The worse first; others last."""


@dataclass(frozen=True)
class Tile:
    """One answer at the top, and where the page says more."""

    label: str
    value: str
    detail: str
    anchor: str
    state: str = ""
    """`good`, `warn`, `bad`, or nothing."""


@dataclass(frozen=True)
class Said:
    """What policies of one pack say alike of several regions or resources."""

    pack: str
    finding: Finding
    where: tuple[str, ...]
    """Regions."""

    @property
    def level(self) -> str:
        return self.finding.level


@dataclass(frozen=True)
class KindChanges:
    """How many resources of a kind changed, as in CHANGES."""

    kind: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Page:
    """The document, as the templates need it."""

    document: Document

    @property
    def headline(self) -> str:
        document, number = self.document, len(self.document.regions)
        regions = _counted(number, "region")
        if not number:
            return "Drills" if document.drills else "No region"
        if document.refused:
            return f"Refused: nothing is applied to {regions}"
        if document.command == "preview":
            return f"{regions} planned"
        return f"{regions} {'is' if number == 1 else 'are'} up"

    @property
    def home(self) -> Region | None:
        return next((region for region in self.document.regions if region.role == "home"), None)

    @property
    def standbys(self) -> tuple[Region, ...]:
        return tuple(region for region in self.document.regions if region.role != "home")

    @cached_property
    def components(self) -> tuple[str, ...]:
        """Of all pods, by name."""
        return tuple(sorted({pod.component for region in self.document.regions for pod in region.pods}))

    def anchor(self, region: Region) -> str:
        """Place of a region on the page, whatever its name is."""
        return f"region-{self.document.regions.index(region) + 1}"

    def tone(self, component: str) -> int:
        """Number of its colour."""
        return self.components.index(component) % TONES

    @property
    def tiles(self) -> Iterator[Tile]:
        """The answers that one looks for first."""
        if self.document.regions:
            yield self._region_tile()
            yield self._pods_tile()
            yield self._policies_tile()
            yield self._proof_tile()
        yield self._drills_tile()
        if self.carried:
            yield self._capacity_tile()
        if any(region.cost for region in self.document.regions):
            yield self._cost_tile()
        if self.document.regions:
            yield self._changes_tile()

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """Refusals and advice, refusals first; each once, with where it holds."""
        return tuple(one for one in self._gathered if one.finding.policy != NOT_JUDGED)

    @cached_property
    def not_judged(self) -> tuple[Said, ...]:
        """What the packs could not look at."""
        return tuple(one for one in self._gathered if one.finding.policy == NOT_JUDGED)

    @cached_property
    def changes(self) -> tuple[KindChanges, ...]:
        """By kind, since the last run."""
        changed = self.document.since.changed if self.document.since else ()
        counted = Counter((one.kind, one.change) for one in changed)
        kinds = sorted({one.kind for one in changed})
        return tuple(KindChanges(kind, tuple(counted[kind, change] for change in CHANGES)) for kind in kinds)

    def changed_in(self, region: str) -> tuple[Changed, ...]:
        """Resources of a region."""
        changed = self.document.since.changed if self.document.since else ()
        return tuple(one for one in changed if one.region == region)

    @property
    def changed_regions(self) -> tuple[str, ...]:
        changed = self.document.since.changed if self.document.since else ()
        return tuple(dict.fromkeys(one.region for one in changed))

    @cached_property
    def carried(self) -> tuple[Told, ...]:
        """Capacity, of the regions that tell it; those alike together."""
        return told(self.document.regions)

    @property
    def cost_columns(self) -> tuple[str, ...]:
        """Components that cost something in some region."""
        return tuple(dict.fromkeys(part for one in self.document.regions if one.cost for part in one.cost.parts))

    def timelines(self, drills: Drills) -> tuple[Timeline, ...]:
        return tuple(map(timeline, drills.cases))

    @cached_property
    def _gathered(self) -> tuple[Said, ...]:
        where: dict[tuple[str, Finding], list[str]] = {}
        for region in self.document.regions:
            for pack in region.packs:
                for finding in pack.findings:
                    plain = finding.model_copy(update={"resource": ""})
                    where.setdefault((pack.name, plain), []).append(region.name)
        said = (Said(pack, finding, tuple(dict.fromkeys(regions))) for (pack, finding), regions in where.items())
        return tuple(sorted(said, key=lambda one: _LEVELS.index(one.level) if one.level in _LEVELS else len(_LEVELS)))

    def _region_tile(self) -> Tile:
        home = f"home is {self.home.name}" if self.home else "none of them is home"
        edges = sum(region.edge for region in self.document.regions)
        detail = f"{home}, {_counted(edges, 'edge')}" if edges else home
        return Tile("Regions", str(len(self.document.regions)), detail, "regions")

    def _pods_tile(self) -> Tile:
        states = Counter(pod.state for region in self.document.regions for pod in region.pods)
        if states["planned"]:
            return Tile("Pods", str(states["planned"]), "planned", "regions")
        held = f", {states['held']} held until promotion" if states["held"] else ""
        waiting = f", {states['waiting']} not" if states["waiting"] else ""
        value, detail = f"{states['ready']} of {sum(states.values())}", f"ready{held}{waiting}"
        return Tile("Pods", value, detail, "regions", "bad" if states["waiting"] else "good")

    def _policies_tile(self) -> Tile:
        packs = [pack for region in self.document.regions for pack in region.packs]
        if not packs:
            return Tile("Policies", "none", "no pack was asked", "policies", "warn")
        passed = sum(len(pack.passed) for pack in packs)
        warned = sum(len(pack.warned) for pack in packs)
        refused = sum(len(pack.refused) for pack in packs)
        state = "bad" if refused else "warn" if warned else "good"
        return Tile("Policies", f"{passed} passed", f"{refused} refused, {warned} advise", "policies", state)

    def _proof_tile(self) -> Tile:
        proofs = [proven for region in self.document.regions for proven in region.proofs]
        serving = sum(proven.serves for proven in proofs)
        if not proofs:
            return Tile("A zone lost", "none", "no component is judged", "proof", "warn")
        state = "good" if serving == len(proofs) else "bad"
        return Tile("A zone lost", f"{serving} of {len(proofs)}", "components still serve", "proof", state)

    def _drills_tile(self) -> Tile:
        cases = [case for drills in self.document.drills for case in drills.cases]
        if not cases:
            plan = self.document.command == "preview"
            return Tile("Drills", "none", "a plan runs nothing" if plan else "yet: make drill", "drills")
        agreeing = sum(case.agrees for case in cases)
        down = sum(not case.served for case in cases)
        detail = "as proven" + (f", {down} with something down" if down else "")
        state = "good" if agreeing == len(cases) else "bad"
        return Tile("Drills", f"{agreeing} of {len(cases)}", detail, "drills", state)

    def _capacity_tile(self) -> Tile:
        known = [one for one in self.carried if one.capacity.carries]
        if not known:
            return Tile("Capacity", "not known", self.carried[0].capacity.unknown, "capacity", "warn")
        plans = [one for one in known if one.capacity.plan]
        if not plans:
            least = min(known, key=lambda one: one.fullest.memories.amount).fullest
            detail = f"memories, then {least.component} binds first"
            return Tile("Capacity", about(least.memories.amount), detail, "capacity")
        soonest = min(plans, key=lambda one: one.outgrown.on if one.outgrown else LAST)
        state = "warn" if any(one.short for one in plans) else "good"
        if soonest.outgrown is None:
            return Tile("Capacity", "20 years", "and more, by the plan", "capacity", state)
        return Tile(
            "Capacity", soonest.outgrown.on, f"then {soonest.outgrown.component} is outgrown", "capacity", state
        )

    def _cost_tile(self) -> Tile:
        costs = [region.cost for region in self.document.regions if region.cost]
        known = [cost for cost in costs if not cost.unknown]
        if not known:
            return Tile("Cost", "not known", costs[0].unknown, "cost", "warn")
        lacking = [_counted(len(costs) - len(known), "region")] if len(known) < len(costs) else []
        priced = [(region.name, region.cost) for region in self.document.regions if region.cost]
        lacking += [f"{part} of {name}" for name, cost in priced for part in cost.lacking]
        less = f", without {', '.join(lacking)}" if lacking else ""
        month = f"{sum(cost.month for cost in known):,.0f} {known[0].currency}"
        return Tile("Cost", month, f"a month, by prices of {known[0].date}{less}", "cost")

    def _changes_tile(self) -> Tile:
        since = self.document.since
        if since is None:
            return Tile("Changed", "first run", "nothing to compare with", "changes")
        return Tile("Changed", str(len(since.changed)), f"since {paper.moment(since.at)}", "changes")


def html(document: Document) -> str:
    """The page itself, with all that it needs."""
    environment = paper.environment(_TEMPLATES)
    style = environment.get_template("style.css").render()
    # The policy names the one style there is by its digest, so that nothing else that a page might hold counts.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        page=Page(document), document=document, style=style, digest=digest, changes=CHANGES, done=_DONE, iso=_iso,
        amount=amount, told_state=told_state, did=did, about=about, by=by, headroom=headroom,
    )  # fmt: skip


def amount(need: Need, value: float) -> str:
    """Of what is needed, in its unit."""
    unit = {"bytes": UNITS["bytes"], "cores": _CORES, "number": UNITS["short"]}[need.unit]
    text = unit.text(value)
    return "1 core" if text == "1 cores" else text


def told_state(pod: Pod) -> str:
    """In words."""
    return {"held": "held until promotion", "waiting": "not ready"}.get(pod.state, pod.state)


def did(region: Region, command: str) -> str:
    """What the engine did to a region's resources, or would do."""
    said = [(number, _words(name, command)) for name, number in region.steps.items() if number]
    if len(said) == 1:
        return f"{said[0][0]}, all {said[0][1]}"
    return ", ".join(f"{number} {words}" for number, words in said) or "none"


def _words(step: str, command: str) -> str:
    return f"to {step}" if command == "preview" and step != "same" else _DONE.get(step, step)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
