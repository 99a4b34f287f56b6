"""The simulated account: is asked for resources, refuses what AWS would, and answers ids and outputs.

Pure: nothing is read, sent or written, and the same questions in the same order get the same answers. Values are the
wire's, camelCase, without secret marks; what only the update knows is UNKNOWN and is not judged.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from rehearsal.aws import regions, rules, schema
from rehearsal.aws.catalogue import KINDS
from rehearsal.aws.resource import Draft, Kind, Resource
from rehearsal.aws.world import World
from rehearsal.engine.model import UNKNOWN, Unknown, Value
from rehearsal.errors import RehearsalError

SEED: Final = "__seed"
"""Output that says what the id was derived from: an update, or a new URN, changes neither."""
SETS: Final = ("subnetIds", "subjectAlternativeNames", "validationRecordFqdns")
"""Lists whose order means nothing."""
PROTECTIONS: Final = ("deletionProtection", "enableDeletionProtection")
"""Inputs that keep a resource from being deleted."""
EMPTY: Final[Mapping[str, Value]] = {"string": "", "boolean": False, "integer": 0, "number": 0}


class RefusedByAwsError(RehearsalError):
    """What AWS, or the provider, would not take: every fault of one resource, each with a remedy."""

    def __init__(self, name: str, type_: str, faults: Sequence[str]) -> None:
        head = f"{name} ({type_}): "
        super().__init__(head + (faults[0] if len(faults) == 1 else "".join(f"\n  {fault}" for fault in faults)))
        self.name, self.type, self.faults = name, type_, tuple(faults)

    def told(self, scrub: Callable[[str], str]) -> "RefusedByAwsError":
        """The same in words that give no secret away."""
        return RefusedByAwsError(self.name, self.type, [scrub(fault) for fault in self.faults])


@dataclass(frozen=True)
class Asked:
    """A resource that is asked for."""

    type: str
    name: str
    urn: str
    region: str
    """Of the provider; the resource's own `region` goes before it."""
    inputs: Mapping[str, Value]
    default_tags: Mapping[str, Value]
    """Tags that the provider puts on everything."""


@dataclass(frozen=True)
class Former:
    """A resource as the last update left it."""

    inputs: Mapping[str, Value]
    seed: str
    """Its output SEED."""


def create(world: World, asked: Asked, former: Former | None = None, making: int = 0) -> tuple[Value, dict[str, Value]]:
    """Its id and its outputs; the world has it from now on. RefusedByAwsError with every fault.

    A resource that was there before keeps its id and what else AWS made up, unless an input changed that takes a
    replacement. `making` counts those of the same URN that were made before, which had other ids.
    """
    kind = known(asked.type, asked.name)
    draft = _draft(world, asked, former, making)
    _refuse(asked, schema.faults(asked.type, asked.inputs))
    _refuse(asked, region_faults(draft.region))
    _refuse(asked, rules.faults(draft))
    id_ = kind.id(draft)
    outputs = _outputs(kind, draft, asked, id_)
    if not isinstance(id_, Unknown):
        place = "" if kind.wide else draft.region
        world.add(Resource(asked.type, place, str(id_), draft.inputs, outputs, asked.urn))
        world.add_all(kind.beside(draft, outputs))
    return id_, outputs


def known(type_: str, name: str) -> Kind:
    """What the simulation knows of a type; RehearsalError for another type."""
    kind = KINDS.get(type_)
    if kind is None:
        raise RehearsalError(
            f"the simulated account does not imitate {type_} ({name}): rehearsal/aws/catalogue.py lists what it does"
        )
    return kind


def delete(world: World, resource: Resource) -> None:
    """The world has it no longer, nor what was made along with it. RefusedByAwsError where it is kept from that.

    Left out: what AWS refuses because others still need it, such as a VPC with subnets.
    """
    for protection in PROTECTIONS:
        if resource.get(protection) is True:
            fault = f"{protection} is true: set it to false, bring that up, and delete it then"
            raise RefusedByAwsError(resource.name, resource.type, [fault])
    kind, asked = known(resource.type, resource.name), _again(resource)
    draft = _draft(world, asked, Former(resource.inputs, str(resource.outputs.get(SEED))))
    for one in (resource, *kind.beside(draft, resource.outputs)):
        world.remove(one)


def replacing(type_: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> list[str]:
    """Paths of the inputs whose change makes a new resource."""
    kind = KINDS[type_]
    changed = [path for path in kind.forced if _comparable(before, path) != _comparable(after, path)]
    return changed + [path for path in kind.irrevocable if _at(before, path) is not None and _at(after, path) is None]


def replaced(type_: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
    """Whether a change of inputs makes a new resource."""
    return bool(replacing(type_, before, after))


def same_place(world: World, asked: Asked, resource: Resource) -> bool:
    """Whether a replacement would have the id of what it replaces, so that this has to go first."""
    draft = _draft(world, asked, None, making=1)
    place = "" if known(asked.type, asked.name).wide else draft.region
    return (known(asked.type, asked.name).id(draft), place) == (resource.id, resource.region)


def tags(asked: Asked) -> Value:
    """The provider's tags with the resource's own over them."""
    own = asked.inputs.get("tags")
    if isinstance(own, Unknown):
        return UNKNOWN
    return {**asked.default_tags, **(own if isinstance(own, Mapping) else {})}


def region_faults(region: str) -> Iterator[str]:
    """Whether there is such a region."""
    if regions.zones(region) is None:
        yield regions.unknown(region) if region else "no region: state `region` in its aws provider"


def finish(world: World) -> None:
    """The rules over the whole set, once all of it was asked for. RefusedByAwsError for the first that is broken."""
    for resource, fault in rules.unfinished(world):
        raise RefusedByAwsError(resource.name, resource.type, [fault])


def _again(resource: Resource) -> Asked:
    return Asked(resource.type, resource.name, resource.urn, resource.region, resource.inputs, {})


def _draft(world: World, asked: Asked, former: Former | None, making: int = 0) -> Draft:
    if former is None:
        seed = _digest(asked.urn + (f" {making}" if making else ""))
    elif replaced(asked.type, former.inputs, asked.inputs):
        seed = _digest(former.seed)
    else:
        seed = former.seed
    stated = asked.inputs.get("region")
    region = stated if isinstance(stated, str) else asked.region
    return Draft(asked.type, asked.name, asked.urn, region, world.account, asked.inputs, world, seed)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse(asked: Asked, faults: Iterable[str]) -> None:
    found = list(faults)
    if found:
        raise RefusedByAwsError(asked.name, asked.type, found)


def _outputs(kind: Kind, draft: Draft, asked: Asked, id_: Value) -> dict[str, Value]:
    """What is stated over what AWS makes of it: computed values win, for they begin with what was stated."""
    forms = schema.outputs_of(asked.type)
    found: dict[str, Value] = {}
    for name in (*kind.empty, "namePrefix", "nodeGroupNamePrefix"):
        form = forms.get(name, "").removesuffix("!")
        if form.startswith(("[", "{")):
            found[name] = [] if form.startswith("[") else {}
        elif form in EMPTY:
            found[name] = EMPTY[form]
    stated = {name: value for name, value in draft.inputs.items() if value is not None}
    found |= {**kind.defaults, **stated, **kind.outputs(draft), "id": id_, SEED: draft.seed}
    if "region" in forms:
        found["region"] = draft.region
    if "tagsAll" in forms:
        found["tagsAll"] = tags(asked)
    return found


def _comparable(inputs: Mapping[str, Value], path: str) -> Value:
    found = _at(inputs, path)
    return sorted(map(str, cast(list[Value], found))) if path in SETS and isinstance(found, list) else found


def _at(inputs: Mapping[str, Value], path: str) -> Value:
    value: Value = inputs
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
