"""Rights within the cluster: each role says which verbs on which resources, and is bound to service accounts."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import at, list_at, text_at, texts_at

_RISING = ("escalate", "bind", "impersonate")
_LIKE_ALL = ("pods/exec", "pods/attach", "nodes/proxy", "serviceaccounts/token")
"""Resources with which a right becomes any other one (kubernetes.io/docs/concepts/security/rbac-good-practices)."""
_ADMINS = ("cluster-admin", "admin", "edit")
_READ = ("get", "list", "watch")


def narrow(resource: Resource, limits: Limits) -> Iterator[str]:
    """No wildcard, nothing that leads to more rights, and of Secrets only those that are named."""
    del limits
    if at(resource.inputs, "aggregationRule") is not None:
        yield "aggregates other roles: what it allows cannot be seen here"
    for index, rule in enumerate(list_at(resource.inputs, "rules")):
        title = f"rules[{index}]"
        verbs, resources = texts_at(rule, "verbs"), texts_at(rule, "resources")
        for field in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
            if "*" in texts_at(rule, field):
                yield f"{title}.{field} has *: name what is meant"
        if any(verb in _RISING for verb in verbs):
            yield f"{title} has a verb that gives itself more rights ({', '.join(_RISING)})"
        if any(one in _LIKE_ALL for one in resources):
            yield f"{title} has a resource that is as good as all rights ({', '.join(_LIKE_ALL)})"
        if "secrets" in resources and any(verb in _READ for verb in verbs) and not texts_at(rule, "resourceNames"):
            yield f"{title} reads every Secret: state resourceNames"


def bound(resource: Resource, limits: Limits) -> Iterator[str]:
    """To service accounts, not to groups that everybody is in, and never to a role that may do everything."""
    del limits
    if text_at(resource.inputs, "roleRef", "name") in _ADMINS:
        yield "binds one of the cluster's own roles for administrators: write a Role"
    if not list_at(resource.inputs, "subjects"):
        yield "binds its role to nobody"
    for index, subject in enumerate(list_at(resource.inputs, "subjects")):
        if text_at(subject, "kind") != "ServiceAccount":
            yield f"subjects[{index}] is no ServiceAccount"
        elif text_at(subject, "name", default="default") == "default":
            yield f"subjects[{index}] is the service account default, which every pod has that states none"
