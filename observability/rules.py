"""All rules of a region, as a file of rules and a PrometheusRule take them."""

from typing import Any

from observability import alerts, recording
from observability.scope import Scope


def rules(scope: Scope, docs: str = "docs") -> dict[str, Any]:
    """All groups of a region."""
    groups = [*recording.groups(scope), *alerts.groups(scope)]
    return {"groups": [group.as_prometheus(scope.region, docs) for group in groups]}
