"""The guide's dashboards, as Grafana reads them: rows are questions, and every panel says what to do."""

import json
from collections.abc import Mapping
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from observability.dashboards import frame, overview, regional, shards
from observability.scope import Scope
from settings.grafana import Dashboard

PLANS: Final[Mapping[Dashboard, frame.Plan]] = {
    "scaling-overview": overview.PLAN,
    "regional-performance": regional.PLAN,
    "shard-distribution": shards.PLAN,
}


def dashboard(name: Dashboard, scope: Scope) -> dict[str, Any]:
    """A dashboard of a region, in Grafana's older JSON, which its sidecar takes from a ConfigMap."""
    return json.loads(as_json(name, scope))


def as_json(name: Dashboard, scope: Scope) -> str:
    """The same as text, always in the same order."""
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return encoder.encode(frame.built(name, PLANS[name], scope)) + "\n"
