"""Documents of runs, made by hand: of any number of regions, with everything that a page can tell."""

from collections.abc import Sequence

from report.document import (
    Bound,
    Capacity,
    Carried,
    Case,
    Changed,
    Cost,
    Document,
    Drills,
    Event,
    Finding,
    Link,
    Need,
    Node,
    Outgrown,
    Pack,
    Plan,
    Pod,
    Proven,
    Region,
    Since,
    Tried,
    Zone,
)  # fmt: skip

AT = 1_780_000_000.0
HOSTILE = '</style><script>alert("1")</script>&amp;\'><img src=x onerror=alert(1)>'
COMPONENTS = ("memory-service", "monitoring-exporters", "postgresql", "postgresql pooler", "qdrant", "redis")
NAMES = (
    "us-east", "us-west", "eu-west", "eu-central", "ap-south", "ap-northeast", "ap-southeast", "sa-east", "ca-central",
    "me-south", "af-south", "eu-north",
)  # fmt: skip


def zone(name: str, *, home: bool, plan: bool = False) -> Zone:
    """Two nodes, each with some of the pods; a plan has pods only."""
    if plan:
        return Zone(name=name, pods=tuple(Pod(name="", component=one, state="planned") for one in COMPONENTS))
    edge = () if home else (Pod(name=f"memory-edge-{name}", component="memory-edge", state="ready"),)
    pods = tuple(
        Pod(
            name=f"{one}-{name}".replace(" ", "-"),
            component=one,
            state="held" if one == "memory-service" and not home else "ready",
        )
        for one in COMPONENTS
    )
    return Zone(
        name=name,
        nodes=(
            Node(name=f"{name}-1", ready=True, pods=pods[::2] + edge),
            Node(name=f"{name}-2", ready=True, pods=pods[1::2]),
        ),
    )


def proven(component: str = "Deployment memory-service", pods: int = 3, needed: int = 1, left: int = 2) -> Proven:
    serves = left >= needed
    return Proven(
        component=component, pods=pods, needed=needed, left=left, serves=serves, evictable_then=0, guarded=serves,
        back_elsewhere=1,
    )  # fmt: skip


def advice(message: str = "the region has no backups: name an object store") -> Finding:
    return Finding(policy="any-backups", level="advisory", message=message, remedy="Name one in `backups.s3`.")


def carried(component: str, memories: float, requests: float, on: str = "") -> Carried:
    return Carried(
        component=component,
        memories=Bound(amount=memories, by=f"{component}.memory", key=f"{component}.resources.requests.memory"),
        requests=Bound(amount=requests, by=f"{component}.cpu", key=f"{component}.resources.requests.cpu"),
        outgrown=Outgrown(on=on, by=f"{component}.memory") if on else None,
    )


def sized() -> Capacity:
    """Of a region that states no workload."""
    late = carried("memory-service", 316, 179.9)
    slow = Bound(amount=316, by="memory-service.latency", key="memory.namespaces")
    return Capacity(
        carries=(
            late.model_copy(update={"memories": slow}), carried("qdrant", 2_265_144, 1090), carried("redis", 9, 0.25),
        ),
        terms="memories of 1,024 bytes",
        held=4.5,
        users=10,
    )  # fmt: skip


def planned() -> Capacity:
    """Of a region whose plan is outgrown before its end."""
    return Capacity(
        carries=(carried("memory-service", 1_200_000, 54), carried("qdrant", 900_000, 428.6, on="2027-08-07")),
        terms="memories of 1,024 bytes",
        held=1_009_929,
        users=10,
        plan=Plan(
            end="2027-12-01",
            memories=1_009_929,
            requests=53.9,
            needs=(
                Need(name="memory-service.cpu", unit="cores", has=4, needs=2.5, until="2029-09-02"),
                Need(
                    name="qdrant.memory", unit="bytes", has=8 * 2**30, needs=9 * 2**30, short=True, until="2027-08-07"
                ),
                Need(name="redis.masters", unit="number", has=3, needs=3),
            ),
        ),
    )


def region(name: str, *, home: bool = False, plan: bool = False) -> Region:
    """With three zones, one advice, one thing not judged, a cost and a plan."""
    unjudged = Finding(policy="not-judged", level="advisory", message="not judged: the StorageClass")
    return Region(
        name=name,
        role="home" if home else "standby",
        edge=not home,
        platform="aws",
        endpoint="https://memory.example.com",
        kubeconfig="" if plan else f".rehearsal-aws/{name}/kubeconfig",
        steps={"create": 134, "update": 0, "replace": 0, "delete": 0, "same": 0},
        zones=tuple(zone(one, home=home, plan=plan) for one in ("zone-a", "zone-b", "zone-c")),
        packs=(
            Pack(
                name="data-safety",
                passed=("retained",),
                warned=("any-backups", "not-judged"),
                findings=(advice(), unjudged),
            ),
            Pack(name="security", passed=("tls", "limits")),
        ),
        proofs=(
            proven(),
            proven("StatefulSets redis-zone-a, redis-zone-b, redis-zone-c", 6, 4, 4),
            proven(f"PostgreSQL postgresql-{name}", 3, 2, 2),
        ),
        cost=Cost(
            parts={"memory-service": 310.0, "qdrant": 420.5, "postgresql": 510.25}, currency="USD", date="2026-06-01",
            left_out="without NAT gateways",
        ),
        capacity=planned(),
    )  # fmt: skip


def drill(name: str = "lose zone-a", *, differs: Sequence[str] = (), least: int = 2) -> Case:
    tried = Tried(
        component="StatefulSet qdrant", pods=3, needed=2, least=least, down_seconds=0.0 if least >= 2 else 3.4,
        degraded_seconds=12.0, healthy=((0.0, 3), (8.0, least), (20.0, 3)), differs=tuple(differs),
    )  # fmt: skip
    whole = Tried(
        component="Pooler pooler", pods=3, needed=1, least=3, down_seconds=0, degraded_seconds=0, healthy=((0, 3),)
    )
    events = (
        Event(at=0.1, what="the nodes fall silent"),
        Event(at=8.0, what="its pods are not ready"),
        Event(at=8.2, what="its nodes are given up"),
        Event(at=20.0, what="every pod is healthy"),
    )
    return Case(name=name, seconds=21.5, events=events, components=(tried, whole))


def links(names: Sequence[str]) -> tuple[Link, ...]:
    home, *others = names
    there = [Link(source=home, target=other, carries="PostgreSQL's WAL") for other in others]
    back = [Link(source=other, target=home, carries="requests of users near it") for other in others]
    return tuple(link for pair in zip(there, back, strict=True) for link in pair)


def document(number: int = 2, *, plan: bool = False) -> Document:
    """Of so many regions."""
    names = NAMES[:number]
    changed = (
        Changed(
            region="us-east", kind="StatefulSet", name="us-east-qdrant", change="update", reasons=("spec.replicas",)
        ),
        Changed(region="us-east", kind="Job", name="us-east-bootstrap", change="replace"),
        Changed(region="us-east", kind="ConfigMap", name="us-east-scripts", change="delete"),
    )  # fmt: skip
    return Document(
        command="preview" if plan else "up",
        at=AT,
        engine="in-process",
        regions=tuple(region(name, home=index == 0, plan=plan) for index, name in enumerate(names)),
        links=links(names) if names else (),
        since=Since(at=AT - 3600, changed=changed) if names else None,
        drills=(
            Drills(region=names[0], at=AT, note="durations are simulated", cases=(drill(), drill("drain", least=1))),
        )
        if names and not plan
        else (),
        simulated=("load balancer: no packet flows",),
        unvalidated_kinds=("Policy (k8s.nginx.org/v1)",),
        seconds={"apply": 18.3, "ask the policies": 6.6},
    )
