"""Configuration of a policy pack, put together from its defaults and what is stated, as Pulumi's engine does it.

Source: pulumi/pulumi, pkg/resource/analyzer/config.go (ReconcilePolicyPackConfig). Unlike the engine, a name that the
pack does not know is refused here: it would be a typing error that goes unnoticed (ours refuse it themselves, too).
"""

from collections.abc import Mapping
from typing import cast

from pulumi.runtime.proto import analyzer_pb2 as proto

from policies.configuration import misfits
from rehearsal.engine import wire
from rehearsal.errors import RehearsalError


def reconciled(
    info: proto.AnalyzerInfo, config: Mapping[str, object], values: Mapping[str, object]
) -> dict[str, proto.PolicyConfig]:
    """What is sent to the pack: level and values of every policy.

    `config` has the form of the engine's `--policy-pack-config` file; `values` go to every policy that declares them.
    The level is always stated: the SDK takes a missing one for advisory. Raises RehearsalError where something does
    not fit what the pack declares.
    """
    for name in config:
        if name != "all" and name not in {policy.name for policy in info.policies}:
            raise RehearsalError(f"{info.name} has no policy {name}: correct its configuration")
    configured: dict[str, proto.PolicyConfig] = {}
    for policy in info.policies:
        schema = wire.from_struct(policy.configSchema.properties)
        properties = {name: about["default"] for name, about in schema.items() if "default" in about}
        properties |= {name: value for name, value in values.items() if name in schema}
        level = policy.enforcementLevel
        for stated in (config.get("all"), config.get(policy.name)):
            level, own = _stated(level, stated, f"{info.name}: {policy.name}")
            properties |= own
        for name, value in properties.items():
            path = f"{info.name}: {policy.name}.{name}"
            if name not in schema:
                raise RehearsalError(f"{path} = {value!r}: the policy has no such value")
            for fault in misfits(value, schema[name], path):
                raise RehearsalError(fault)
        configured[policy.name] = proto.PolicyConfig(enforcementLevel=level, properties=wire.to_struct(properties))
    return configured


def _stated(
    level: proto.EnforcementLevel.ValueType, stated: object, path: str
) -> tuple[proto.EnforcementLevel.ValueType, dict[str, object]]:
    """Level and values after one entry of the configuration."""
    if stated is None:
        return level, {}
    entry = dict(cast(Mapping[str, object], stated)) if isinstance(stated, Mapping) else {"enforcementLevel": stated}
    wanted = entry.pop("enforcementLevel", None)
    if wanted is None:
        return level, entry
    if not isinstance(wanted, str) or wanted.upper() not in proto.EnforcementLevel.keys():  # noqa: SIM118 (protobuf's)
        raise RehearsalError(f"{path}: the level must be advisory, mandatory, remediate or disabled")
    return proto.EnforcementLevel.Value(wanted.upper()), entry
