"""What `capacity review` asks, answered by Prometheus's own engine: the fullest, at its peak, of one region."""

import json
import subprocess
from pathlib import Path
from typing import Any

from capacity import observed
from settings import load
from tests.dataplane.conftest import tool
from tests.unit.test_settings import region

SERIES = {
    'pod:cpu_used:cores_rate5m{region="us-east", component="postgresql", pod="postgresql-1"}': "1 3 1 1",
    'pod:cpu_used:cores_rate5m{region="us-east", component="postgresql", pod="postgresql-2"}': "2 2 2 2",
    'pod:cpu_used:cores_rate5m{region="us-west", component="postgresql", pod="postgresql-1"}': "9 9 9 9",
    'pod:memory_used:bytes{region="us-east", component="qdrant", pod="qdrant-0"}': "5 7 6 6",
    'volume:free:ratio{region="us-east", persistentvolumeclaim="storage-qdrant-1"}': "0.5 0.25 0.5 0.5",
    'volume:free:ratio{region="us-west", persistentvolumeclaim="storage-qdrant-1"}': "0 0 0 0",
    'postgresql:connections:ratio{region="us-east", pod="postgresql-1"}': "0.5 0.75 0.5 0.5",
    'redis_node:memory_used:ratio{region="us-east", pod="redis-0", zone="a"}': "0.25 0.5 0.25 0.25",
    # Two namespaces; one of them has a third pod for a while.
    **{
        f'service_pod:requests:rate5m{{region="us-east", service="{service}", pod="{service}-{pod}", zone="a"}}': values
        for service, pod, values in (
            ("memory-service", 1, "0 0 0 0"),
            ("memory-service", 2, "1 1 1 1"),
            ("memory-service", 3, "_ 1 _ _"),
            ("memory-service-other", 1, "1 1 1 1"),
        )
    },
    # Nobody asks most of the time, or ever; other quantiles are none of it.
    **{
        f'service:latency_seconds:quantile_rate5m{{region="us-east", quantile="{quantile}", endpoint="{endpoint}"}}': of
        for quantile, endpoint, of in (
            ("0.95", "/store", "NaN 0.5 NaN NaN"),
            ("0.95", "/search", "NaN NaN NaN NaN"),
            ("0.99", "/store", "8 8 8 8"),
        )
    },
}
"""A value each five minutes."""
ANSWERS: dict[str, tuple[str, float]] = {
    "pod:cpu_used": ('{component="postgresql"}', 3),
    "pod:memory_used": ('{component="qdrant"}', 7),
    "volume:free": ('{persistentvolumeclaim="storage-qdrant-1"}', 0.75),
    "postgresql:connections": ("{}", 0.75),
    "redis_node:memory_used": ("{}", 0.5),
    "service_pod:requests": ("{}", 3),
    "service:latency_seconds": ("{}", 0.5),
}


def test_a_review_is_told_the_peaks_of_the_fullest(tmp_path: Path) -> None:
    settings = load(region(), "us-east")
    asked = [query.expr for query in observed.queries("us-east", observed.given(settings, None), 1)]
    cases: list[dict[str, Any]] = []
    for name, (labels, value) in ANSWERS.items():
        (expr,) = [expr for expr in asked if name in expr]
        cases.append({"expr": expr, "eval_time": "15m", "exp_samples": [{"labels": labels, "value": value}]})
    assert len(cases) == len(asked)
    given = [{"series": series, "values": values} for series, values in SERIES.items()]
    tests = [{"interval": "5m", "input_series": given, "promql_expr_test": cases}]
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "5m", "tests": tests}))
    said = subprocess.run(
        [tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
