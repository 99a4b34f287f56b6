"""The resources of the simulated account that are there so far, and how they are found."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rehearsal.aws import values
from rehearsal.aws.endpoint import Endpoint
from rehearsal.aws.resource import Resource
from rehearsal.aws.tokens import ALIAS


@dataclass
class World:
    """One account, all its regions."""

    account: str
    behind: Endpoint | None = None
    """The API server that EKS clusters hand out; None: an address that nobody listens at."""
    _all: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    _by_arn: dict[str, Resource] = field(default_factory=dict)

    def add(self, resource: Resource) -> None:
        """Notes a resource, in place of one with the same type, region and id."""
        self._all[(resource.type, resource.region, resource.id)] = resource
        arn = values.text(resource.outputs, "arn")
        if arn is not None:
            self._by_arn[arn] = resource

    def copy(self) -> "World":
        """The same resources, in a world of its own."""
        return World(self.account, self.behind, dict(self._all), dict(self._by_arn))

    def all(self) -> Iterator[Resource]:
        """Every resource, in the order in which they came."""
        return iter(list(self._all.values()))

    def remove(self, resource: Resource) -> None:
        """Forgets a resource."""
        self._all.pop((resource.type, resource.region, resource.id), None)
        self._by_arn.pop(resource.text("arn") or "", None)

    def of(self, type_: str, region: str | None = None) -> Iterator[Resource]:
        """Every resource of a type, in the order in which they came."""
        return (
            one for one in list(self._all.values()) if one.type == type_ and (region is None or one.region == region)
        )

    def find(self, type_: str, region: str | None, id_: str | None) -> Resource | None:
        """The resource of a type with an id."""
        if region is not None:
            return self._all.get((type_, region, id_ or ""))
        return next((one for one in self.of(type_) if one.id == id_), None)

    def by_arn(self, arn: str) -> Resource | None:
        """The resource with an ARN."""
        return self._by_arn.get(arn)

    def by_id(self, id_: str) -> Iterator[Resource]:
        """Every resource with an id, of whatever type and region."""
        return (one for one in list(self._all.values()) if one.id == id_)

    def behind_alias(self, alias: str) -> Iterator[Resource]:
        """The key that an alias, or its ARN, leads to."""
        for one in self.of(ALIAS):
            if alias in (one.id, one.text("arn")):
                target = one.text("targetKeyArn") or ""
                yield from filter(None, (self.by_arn(target),))

    def where(self, type_: str, region: str | None = None, **properties: object) -> Iterator[Resource]:
        """Those of a type whose properties have these values: `where(SUBNET, region, vpcId="vpc-…")`.

        None stands for what is unknown, and equals nothing.
        """
        for one in () if None in properties.values() else self.of(type_, region):
            if all(one.get(name) == value for name, value in properties.items()):
                yield one

    def add_all(self, resources: Iterable[Resource]) -> None:
        """Notes several."""
        for one in resources:
            self.add(one)
