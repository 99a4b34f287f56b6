"""AWS while the program runs: the thin edge between the engine and the simulated account (rehearsal/aws).

Ids and outputs are known at once, in a preview too: they are derived from the account, the region and the URN, so that
every run answers the same. A resource of the last update keeps its id. Secrets appear in no error.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from rehearsal.aws import schema, simulation
from rehearsal.aws.catalogue import KINDS
from rehearsal.aws.endpoint import Endpoint
from rehearsal.aws.resource import Resource
from rehearsal.aws.simulation import Asked, Former, RefusedByAwsError
from rehearsal.aws.world import World
from rehearsal.engine.model import Secret, Unknown, Value, revealed
from rehearsal.engine.providers.answer import Answer, Elsewhere, Recorded, Request
from rehearsal.engine.scrub import Scrubber

ACCOUNT: Final = "123456789012"
"""The account of a provider that allows no other (`allowedAccountIds`)."""

REPEATED: Final = {"tagsAll": "tags"}
"""Outputs that hold an input of another name."""


class Account:
    """The simulated accounts of one run of the program; an account is one world for all its regions."""

    def __init__(self, cluster: Endpoint | None = None, elsewhere: Sequence[Elsewhere] = (), ambient: str = "") -> None:
        """`cluster`: what EKS clusters hand out. `ambient`: the region where no provider names one."""
        self._cluster, self._elsewhere, self._ambient = cluster, elsewhere, ambient
        self._worlds: dict[str, World] = {}
        self._secrets: list[Value] = [part for one in elsewhere for part in (one.inputs, one.outputs)]
        """Values whose secrets no error may show."""

    def configure(self, request: Request) -> None:
        """RefusedByAwsError where a provider's inputs are not ones, or its region is none."""
        faults = list(schema.provider_faults(request.inputs))
        region = region_of(request.inputs)
        faults += simulation.region_faults(region) if region is not None else ()
        if faults:
            raise RefusedByAwsError(request.name, request.type, faults)

    def answer(self, request: Request, provider: Mapping[str, Value], recorded: Recorded | None) -> Answer:
        """The id and outputs of a resource. `provider` holds its provider's inputs."""
        inputs = request.inputs
        self._secrets.append(inputs)
        asked = Asked(
            request.type,
            request.name,
            request.urn,
            region_of(provider) or self._ambient,
            revealed(inputs),
            default_tags(provider),
        )
        try:
            id_, outputs = simulation.create(self._world(provider), asked, _former(request.type, recorded))
        except RefusedByAwsError as error:
            raise error.told(Scrubber(self._secrets)) from None
        return Answer("" if isinstance(id_, Unknown) else str(id_), inputs, marked(outputs, inputs))

    def finish(self) -> None:
        """The rules over all that the program described."""
        for world in self._worlds.values():
            try:
                simulation.finish(world)
            except RefusedByAwsError as error:
                raise error.told(Scrubber(self._secrets)) from None

    def _world(self, provider: Mapping[str, Value]) -> World:
        account = account_of(provider)
        if account not in self._worlds:
            self._worlds[account] = world = World(account, self._cluster)
            world.add_all(resource(one) for one in self._elsewhere)
        return self._worlds[account]


def account_of(provider: Mapping[str, Value]) -> str:
    """The account of a provider with these inputs."""
    allowed = _json(provider.get("allowedAccountIds"))
    return str(allowed[0]) if isinstance(allowed, list) and allowed else ACCOUNT


def region_of(provider: Mapping[str, Value]) -> str | None:
    """The region of a provider with these inputs."""
    found = revealed(provider.get("region"))
    return found if isinstance(found, str) and found else None


def _json(value: Value) -> Any:
    """A provider's input: all but texts come as JSON."""
    found = revealed(value)
    return json.loads(found) if isinstance(found, str) else found


def default_tags(provider: Mapping[str, Value]) -> Mapping[str, Value]:
    """The tags that a provider with these inputs puts on everything."""
    found = _json(provider.get("defaultTags"))
    return cast(Mapping[str, Value], revealed(found.get("tags") or {})) if isinstance(found, dict) else {}


def _former(type_: str, recorded: Recorded | None) -> Former | None:
    if recorded is None or type_ not in KINDS or simulation.SEED not in recorded.outputs:
        return None
    return Former(revealed(recorded.inputs), str(recorded.outputs[simulation.SEED]))


def marked(outputs: Mapping[str, Value], inputs: Mapping[str, Value]) -> dict[str, Value]:
    """Outputs, each as secret as the input that it repeats."""
    return {name: _marked(value, inputs.get(REPEATED.get(name, name))) for name, value in outputs.items()}


def _marked(output: Value, stated: Value) -> Value:
    if stated is None or revealed(stated) == stated:
        return output
    return stated if revealed(stated) == output else Secret(output)


def resource(one: Elsewhere) -> Resource:
    """What is there and not the program's, as the simulated account holds it."""
    outputs = cast(dict[str, Value], revealed(one.outputs))
    wide = one.type in KINDS and KINDS[one.type].wide
    return Resource(
        one.type, "" if wide else one.region, str(outputs.get("id")), revealed(one.inputs), outputs, one.urn
    )


def replaced(type_: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
    """Whether a change of inputs makes a new resource."""
    return type_ in KINDS and simulation.replaced(type_, revealed(before), revealed(after))
