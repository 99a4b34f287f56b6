"""Recording rules of the ways into a region and between regions: links, public names, ingress controller and edge."""

from collections.abc import Iterator

from observability.rule import QUANTILES, Recording, share
from observability.scope import EDGE, LINK, PUBLIC, Scope, equal

_ANSWERS = "nginx_ingress_controller_upstream_server_response_latency_ms"


def regions(scope: Scope) -> Iterator[Recording]:
    """Of links, public names and the edge."""
    if scope.others:
        link = scope.of(LINK)
        yield Recording(
            "region_link:connect:seconds",
            f"avg by (source_region, target_region) (avg_over_time(probe_duration_seconds{link}[5m]))"
            f" and on (source_region, target_region) (probe_success{link} == 1)",
            "seconds",
            "Time to look up and to connect to another region: one round trip of the link.",
        )
        yield Recording(
            "region_link:up:ratio_avg5m",
            f"avg by (source_region, target_region) (avg_over_time(probe_success{link}[5m]))",
            "ratio",
            "Share of connections to another region that came about.",
        )
    if scope.hosts:
        yield Recording(
            "public_name:up:ratio_avg5m",
            f"avg by (instance) (avg_over_time(probe_success{scope.of(PUBLIC)}[5m]))",
            "ratio",
            "Share of health checks through a public name that found the service whole.",
        )
        yield Recording(
            "public_name:certificate:seconds",
            f"min by (instance) (probe_ssl_earliest_cert_expiry{scope.of(PUBLIC)}) - time()",
            "seconds",
            "Until the certificate of a public name ends.",
        )
    if scope.edge:
        yield Recording(
            "edge:responses:rate5m",
            f"sum by (code) (rate(haproxy_frontend_http_responses_total{scope.of(EDGE, equal('proxy', 'edge'))}[5m]))",
            "per second",
            "Answers of the edge to users, by class.",
        )
        yield Recording(
            "edge:home_up:ratio",
            f"avg(max by (pod) (haproxy_server_status{scope.of(EDGE, equal('state', 'UP'))}))",
            "ratio",
            "Share of the edge's pods that reach home.",
        )


def ingress(scope: Scope) -> Iterator[Recording]:
    """Of the ingress controller, F5's for NGINX, which may have hosts of others, too.

    Its open source NGINX counts requests and no answers; answers are those of upstreams, with the code that NGINX gave
    where none came (nginx/kubernetes-ingress internal/metrics/collectors/latency.go). One that no upstream was left to
    be asked for is not among them.
    """
    pods = scope.of_ingress()
    yield Recording(
        "ingress_pod:requests:rate5m",
        f"sum by (pod, zone) (rate(nginx_ingress_nginx_http_requests_total{pods}[5m]))",
        "per second",
        "Requests that a pod of the ingress controller takes, those of probes and of other hosts too.",
    )
    yield Recording(
        "ingress_pod:configured:count",
        f"max by (pod, zone) (nginx_ingress_controller_nginx_last_reload_status{pods})",
        "count",
        "1 while a pod of the ingress controller runs the newest configuration.",
    )
    # Streams last for as long as somebody listens (components/ingress.py names upstreams).
    own = f'resource_namespace="{scope.namespace}", upstream!~".+_stream(-.+)?"'
    every, failed = scope.of_ingress(own), scope.of_ingress(f'{own}, code=~"5.."')
    unreached = scope.of_ingress(f'{own}, code=~"50[234]"')
    yield Recording(
        "ingress:answers:rate5m",
        f"sum by (service) (rate({_ANSWERS}_count{every}[5m]))",
        "per second",
        "Answers of a service to the ingress controller.",
    )
    yield Recording(
        "ingress:errors:ratio_rate5m",
        share("service", f"{_ANSWERS}_count{failed}", f"{_ANSWERS}_count{every}"),
        "ratio",
        "Share of requests that failed as the ingress controller sees it: also those that no pod ever heard of.",
    )
    yield Recording(
        "ingress:unreached:ratio_rate5m",
        share("service", f"{_ANSWERS}_count{unreached}", f"{_ANSWERS}_count{every}"),
        "ratio",
        "Share of requests that the ingress controller itself answers 502, 503 or 504, for no pod did.",
    )
    for quantile in QUANTILES:
        yield Recording(
            "ingress:latency_seconds:quantile_rate5m",
            f"histogram_quantile({quantile}, sum by (le, service) (rate({_ANSWERS}_bucket{every}[5m]))) / 1000",
            "seconds",
            "Time to an answer as the ingress controller sees it, at a quantile: what waits before a pod, too.",
            {"quantile": quantile},
        )
