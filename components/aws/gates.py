"""Rules of security groups, each a resource of its own: rules within a group would take away what others add to it."""

from dataclasses import dataclass
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi_aws import vpc


@dataclass(frozen=True)
class Gate:
    """One port of TCP that a group opens."""

    group: Input[str]
    """Id of the group that has the rule."""
    port: int
    description: str
    cidr: str | None = None
    """Range of addresses on the other side; None where that is a group."""
    peer: Input[str] | None = None
    """Id of the group on the other side."""


def let_in(name: str, gate: Gate, opts: ResourceOptions) -> None:
    """Who may come to the members of a group."""
    vpc.SecurityGroupIngressRule(name, **_rule(gate), opts=opts)


def let_out(name: str, gate: Gate, opts: ResourceOptions) -> None:
    """To whom the members of a group may go."""
    vpc.SecurityGroupEgressRule(name, **_rule(gate), opts=opts)


def _rule(gate: Gate) -> dict[str, Any]:
    return {
        "security_group_id": gate.group,
        "description": gate.description,
        "cidr_ipv4": gate.cidr,
        "referenced_security_group_id": gate.peer,
        "ip_protocol": "tcp",
        "from_port": gate.port,
        "to_port": gate.port,
    }
