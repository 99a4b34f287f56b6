"""What a page is drawn from: one document a run, as plain data. It holds no inputs of resources and no secrets."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

FORM: Final = 2
"""Of the documents. One of another form is nothing to compare with."""

Change = Literal["create", "update", "replace", "delete"]
CHANGES: Final[tuple[Change, ...]] = ("create", "update", "replace", "delete")
PodState = Literal["ready", "held", "waiting", "planned"]
"""`held` waits for a promotion, by design; `waiting` is not ready; `planned` is none yet."""


class Part(BaseModel):
    """Of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pod(Part):
    name: str
    component: str
    """Such as `redis`."""
    state: PodState


class Node(Part):
    name: str
    ready: bool
    pods: tuple[Pod, ...] = ()


class Zone(Part):
    name: str
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    """On no node: of a plan, or not scheduled."""


class Finding(Part):
    """What a policy says."""

    policy: str
    level: str
    """`mandatory` or `advisory`."""
    message: str
    remedy: str = ""
    resource: str = ""
    """Its name; empty where the region as a whole is meant."""


class Pack(Part):
    """What one policy pack says of one region."""

    name: str
    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class Proven(Part):
    """The worst that the loss of any one zone does to a component, of all placements that the scheduler may choose."""

    component: str
    pods: int
    needed: int
    """Pods without which it does not serve."""
    left: int
    serves: bool
    evictable_then: int
    """Evictions that the budgets allow without the zone."""
    guarded: bool
    """Those leave enough."""
    back_elsewhere: int | None = None
    """Pods that are made again in other zones, at least; None where that cannot be followed."""


class Cost(Part):
    """Of a region, in a month."""

    parts: dict[str, float | None]
    """By component; None where no machine of the table of prices takes the pods."""
    currency: str
    date: str
    """Of the table of prices."""
    left_out: str = ""
    """What is not in it, in words."""
    unknown: str = ""
    """Why it is not known."""

    @property
    def month(self) -> float:
        """Of the parts that are known."""
        return sum(amount for amount in self.parts.values() if amount is not None)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Parts that the month is without."""
        return tuple(name for name, amount in self.parts.items() if amount is None)


class Need(Part):
    """What a region has of something beside what its plan asks for."""

    name: str
    """Component and what of it, such as `qdrant.memory`."""
    unit: Literal["bytes", "cores", "number"]
    has: float
    needs: float
    """On the plan's last day."""
    short: bool = False
    """It does not suffice to that day."""
    until: str = ""
    """Date from which on it does not suffice; empty for not within twenty years."""


class Bound(Part):
    """How much a component carries."""

    amount: float
    by: str
    """What more would pass first, such as `qdrant.memory`."""
    key: str = ""
    """Of the settings, which raises that."""


class Outgrown(Part):
    """When something does not suffice any more, and what."""

    on: str
    """A date."""
    by: str
    """Such as `qdrant.memory`."""

    @property
    def component(self) -> str:
        return self.by.partition(".")[0]


class Carried(Part):
    """By one component, with the sizes that it has."""

    component: str
    memories: Bound
    """That it holds."""
    requests: Bound
    """A second, at peak."""
    outgrown: Outgrown | None = None
    """By its plan; None without one, and for not within twenty years."""


class Plan(Part):
    """Of a region that states a workload."""

    end: str
    """Its last day."""
    memories: float
    """Held on that day."""
    requests: float
    """A second, at peak on that day."""
    needs: tuple[Need, ...] = ()


class Capacity(Part):
    """What the sizes of a region carry; with a workload beside its plan."""

    carries: tuple[Carried, ...] = ()
    terms: str = ""
    """What was counted with, in words."""
    held: float = 0
    """Memories that are held while requests are counted."""
    users: float = 0
    """At the same time, that make one request a second at peak."""
    plan: Plan | None = None
    unknown: str = ""
    """Why nothing is known."""


class Region(Part):
    name: str
    role: Literal["home", "standby"]
    edge: bool = False
    """It takes users near it to home."""
    platform: str = ""
    endpoint: str = ""
    kubeconfig: str = ""
    """Its path; empty for a plan."""
    steps: dict[str, int] = {}
    """What the engine did or would do, by what it calls that."""
    zones: tuple[Zone, ...] = ()
    packs: tuple[Pack, ...] = ()
    proofs: tuple[Proven, ...] = ()
    cost: Cost | None = None
    """None where neither a workload nor nodes of its own are stated."""
    capacity: Capacity | None = None

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Of all zones."""
        return tuple(
            pod for zone in self.zones for some in (*(node.pods for node in zone.nodes), zone.pods) for pod in some
        )


class Link(Part):
    """Between two regions."""

    source: str
    target: str
    carries: str


class Changed(Part):
    """A resource that is another one than in the last run."""

    region: str
    kind: str
    name: str
    change: Change
    reasons: tuple[str, ...] = ()
    """Paths of inputs, or a short sentence; never a value."""


class Since(Part):
    """What changed since the last run of the same command."""

    at: float
    """When that was; seconds since the epoch."""
    changed: tuple[Changed, ...] = ()


class Event(Part):
    at: float
    """Seconds after the beginning of the drill."""
    what: str


class Tried(Part):
    """One component in one drill."""

    component: str
    pods: int
    needed: int
    least: int
    """Healthy pods at the worst moment."""
    down_seconds: float
    degraded_seconds: float
    healthy: tuple[tuple[float, int], ...] = ()
    """Each change of the number of healthy pods: seconds after the beginning, and how many."""
    differs: tuple[str, ...] = ()
    """From the proof."""

    @property
    def touched(self) -> bool:
        return self.least < self.pods or bool(self.differs)


class Case(Part):
    """One drill."""

    name: str
    seconds: float
    events: tuple[Event, ...] = ()
    components: tuple[Tried, ...] = ()

    @property
    def agrees(self) -> bool:
        return not any(one.differs for one in self.components)

    @property
    def served(self) -> bool:
        return all(one.least >= one.needed for one in self.components)


class Drills(Part):
    """All drills of one region."""

    region: str
    at: float
    note: str
    """What their durations are of."""
    cases: tuple[Case, ...]


class Kept(Part):
    """A resource, as the next run knows it again."""

    kind: str
    name: str
    digest: str
    """Of its inputs without the secret ones."""


class Document(Part):
    """One run."""

    form: Literal[2] = FORM
    command: Literal["preview", "up", "drill"]
    at: float
    """Seconds since the epoch."""
    engine: str = ""
    refused: bool = False
    """A mandatory policy is violated: nothing was applied."""
    regions: tuple[Region, ...] = ()
    links: tuple[Link, ...] = ()
    since: Since | None = None
    """None for the first run that is kept."""
    drills: tuple[Drills, ...] = ()
    simulated: tuple[str, ...] = ()
    unvalidated_kinds: tuple[str, ...] = ()
    seconds: dict[str, float] = {}
    """Where the time went, by step."""
    kept: dict[str, dict[str, Kept]] = {}
    """Resources by region and URN; not shown."""


def read(text: str) -> Document | None:
    """A document that was kept; None for what is none of this form."""
    try:
        return Document.model_validate_json(text)
    except ValidationError:
        return None
