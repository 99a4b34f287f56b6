"""Regions and the ways between them, and the public names."""

from collections.abc import Iterator

from observability.rule import Alert
from observability.scope import Scope

CERTIFICATE_SECONDS = 14 * 86400
"""cert-manager renews a third of the lifetime before the end, ACM 60 days before: at 14 days that has failed."""

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
