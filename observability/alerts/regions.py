"""Regions and the ways between them, and the public names."""

from collections.abc import Iterator

from observability.alerts.waiting import FEWEST, STORES, TOLD, as_ever
from observability.rule import Alert
from observability.scope import Scope

CERTIFICATE_SECONDS = 14 * 86400
"""cert-manager renews a third of the lifetime before the end, ACM 60 days before: at 14 days that has failed."""

OWN_CERTIFICATE = "own_certificate:left:seconds"
"""Recorded as the program makes the certificates (components/monitoring.py)."""
OWN_SECONDS = 182 * 86400
"""Any update in the last year of a certificate's life renews it (components/certificates.py): half of it is gone."""

HALF = 0.5
"""Share of attempts below which a way counts as down."""

LINK_SECONDS = 0.3
"""About what half the globe takes, there and back."""


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of what leads into the region and out of it."""
    if scope.others:
        yield Alert(
            "RegionLinkDown",
            f"region_link:up:ratio_avg5m < {HALF:g}",
            "critical",
            "{{ $labels.source_region }} does not reach {{ $labels.target_region }}",
            "The link between two regions is down: PostgreSQL does not stream over it, the edge does not reach home.",
            "Does the other region live? If not, docs/promotion.md. If it does: routes and security groups, "
            "then the private DNS zone (docs/aws.md).",
            "2m",
        )
        yield Alert(
            "RegionLinkSlow",
            f"max by (source_region, target_region) (region_link:connect:seconds) > {LINK_SECONDS:g}",
            "warning",
            "{{ $labels.source_region }} takes {{ $value | humanizeDuration }} to reach {{ $labels.target_region }}",
            "Users of the edge wait that much longer, and PostgreSQL falls behind.",
            "Compare with what it was in `regional-performance`; the cloud's own status page knows of cables.",
            "15m",
        )
    if scope.hosts:
        yield Alert(
            "PublicNameDown",
            f"public_name:up:ratio_avg5m < {HALF:g}",
            "critical",
            "{{ $labels.instance }} does not answer as a healthy service does",
            "Users do not reach the service, or it has lost a store.",
            "Ask the address with curl: an error of TLS or DNS is the entrance's; a body with `false` names the store.",
            "2m",
        )
        yield Alert(
            "CertificateEnds",
            f"public_name:certificate:seconds < {CERTIFICATE_SECONDS}",
            "critical",
            "The certificate of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}",
            "It should have been renewed long ago. When it ends, no client connects any more.",
            "`kubectl describe certificate` where cert-manager makes it; else the Secret of `ingress.tls.secret_name` "
            "holds what was put there.",
            "1h",
        )
        yield from _ingress(scope)
    yield Alert(
        "OwnCertificateEnds",
        f"{OWN_CERTIFICATE} < {OWN_SECONDS}",
        "warning",
        "The certificate of {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}",
        "The program makes it, and renews it with any update in the last year of its life: there was none. When it "
        "ends, servers of PostgreSQL, the service and edges refuse each other.",
        "`pulumi up` of this region renews it; then `pulumi up` of the others, which are shown it.",
        "1h",
    )
    if scope.edge:
        yield Alert(
            "EdgeWithoutHome",
            f"edge:home_up:ratio < {HALF:g}",
            "critical",
            "{{ $value | humanizePercentage }} of the edge's pods reach home",
            "Users of this region are told to try again.",
            "See RegionLinkDown; if the link is up, home's ingress controller or the service there is not.",
            "1m",
        )


def _ingress(scope: Scope) -> Iterator[Alert]:
    """What the service cannot tell of itself: requests that never came to it, and how long they waited before."""
    controller, pods = "nginx_ingress_controller_nginx", scope.of_ingress()
    yield Alert(
        "IngressNotConfigured",
        # Before it is configured for the first time a pod says 0, too.
        f"max by (pod) ({controller}_last_reload_status{pods}) == 0"
        f" and on (pod) max by (pod) ({controller}_reload_errors_total{pods}) > 0",
        "warning",
        "{{ $labels.pod }} cannot take the newest configuration",
        "NGINX goes on with the one before: it does not learn of pods that come and go, so that the next roll fails "
        "requests.",
        "Its log has what NGINX says; the VirtualServer or Policy that was changed last is the cause. Take it back.",
        "5m",
    )
    if not scope.home:
        return
    thresholds = scope.monitoring.thresholds
    failing, slow = thresholds.errors, thresholds.latency.critical_ms / 1000
    asked = f"and on (service) ingress:answers:rate5m > {FEWEST:g}"
    yield Alert(
        "IngressErrors",
        f"ingress:unreached:ratio_rate5m > {failing.critical:g} {asked}"
        f" unless on (service) service:errors:ratio_rate5m > {failing.critical:g}",
        "critical",
        "{{ $value | humanizePercentage }} of requests to {{ $labels.service }} fail at the ingress controller",
        f"More than {failing.critical:.0%} of requests are answered 502, 503 or 504 by the controller itself: they do "
        "not come to the service's pods, or break off on the way.",
        "The controller's access log has upstream and error. Pods that it asks and that are no more: "
        "IngressNotConfigured. Pods that are there: a NetworkPolicy or their node is in the way.",
        "5m",
    )
    yield Alert(
        "UsersGetErrors",
        f"ingress:errors:ratio_rate5m > {failing.warning:g} {asked}"
        f" unless on (service) ingress:unreached:ratio_rate5m > {failing.critical:g}"
        f" unless on (service) service:errors:ratio_rate5m > {failing.warning:g}",
        "warning",
        "{{ $value | humanizePercentage }} of requests to {{ $labels.service }} are answered 5xx",
        f"More than {failing.warning:.0%} of requests fail, and the service's own figures have them not: it counts no "
        "reads and deletes of single memories.",
        "The controller's access log has method and status. `GET` of single memories fails where Redis does: "
        "RedisCommandsFail. A `DELETE` of one is answered 500 by releases of the service that cannot delete, whatever "
        "the stores do: have its users leave it, or silence this alert until a release that can.",
        "15m",
    )
    slowest = 'ingress:latency_seconds:quantile_rate5m{quantile="0.95"}'
    warned = f"{thresholds.latency.warning_ms / 1000:g}"
    yield Alert(
        "IngressSlow",
        f"max by (service) ({slowest}) > {slow:g} {asked}"
        f" unless on (service) {TOLD} > {warned}"
        # Stores are slow one day whatever is done: then what came within a day is a fault.
        f" unless on (service) (max by (service) ({as_ever(slowest)})"
        f" and on (service) max by (service) ({STORES}) > {warned})",
        "critical",
        "{{ $labels.service }} answers the ingress controller in {{ $value | humanizeDuration }}",
        f"One request in twenty takes longer than {slow * 1000:g} ms, most of which it waits before a pod begins with "
        "it, or reads a single memory: the service's own figures have neither.",
        "More pods: each works on one request at a time. If they are idle, see whether the nodes' network is slow.",
        "10m",
    )
