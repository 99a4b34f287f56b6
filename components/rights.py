"""What a pod may ask of the API server in its own namespace."""

from collections.abc import Mapping

from pulumi import ResourceOptions
from pulumi_kubernetes import core, rbac

from components import objects
from components.objects import Manifest
from components.placement import Placement


def account(
    prefix: str, name: str, rule: Manifest, placement: Placement, labels: Mapping[str, str], own: ResourceOptions
) -> tuple[core.v1.ServiceAccount, rbac.v1.RoleBinding]:
    """A service account whose token no pod gets unasked, and what gives it a rule, which holds once that is there.

    `prefix` begins the names of the resources; the objects all have the one `name`.
    """
    metadata = objects.untyped(objects.metadata(name, placement, labels))
    made = core.v1.ServiceAccount(
        f"{prefix}-account", metadata=metadata, automount_service_account_token=False, opts=own
    )
    role = rbac.v1.Role(f"{prefix}-role", metadata=metadata, rules=[objects.untyped(rule)], opts=own)
    binding = rbac.v1.RoleBinding(
        f"{prefix}-binding",
        metadata=metadata,
        role_ref=objects.untyped({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}),
        subjects=[objects.untyped(subject(name, placement))],
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[made, role])),
    )
    return made, binding


def subject(name: str, placement: Placement) -> Manifest:
    """A service account of the region's namespace, as bindings name it."""
    return {"kind": "ServiceAccount", "name": name, "namespace": placement.namespace}
