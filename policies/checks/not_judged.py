"""What no rule could judge, said by name: passed over in silence, it would look sound."""

from collections.abc import Iterator

from policies.checks.model import Limits, Violation
from policies.checks.recorded import tls_ends_before
from policies.checks.tokens import EKS_CLUSTER, RELEASE
from policies.checks.volumes import unnamed
from policies.checks.whole import Whole, input_of


def releases(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Said in one message, so that it is read."""
    del limits
    charts = sorted(f"{input_of(release, 'name') or release.name}" for release in whole.of(RELEASE))
    if charts:
        yield Violation("", f"not judged: what the Helm releases {', '.join(charts)} make")


def around_security(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """The same, with a cluster that is there already and what ends users' TLS before the ingress."""
    yield from releases(whole, limits)
    if not whole.of(EKS_CLUSTER):
        yield Violation(
            "", "not judged: whether the cluster that is there holds NetworkPolicies, encrypts Secrets and logs what "
            "its API server is asked"
        )  # fmt: skip
    if tls_ends_before(whole):
        yield Violation("", "not judged: what ends users' TLS before the ingress, since ingress.tls.enabled is false")


def around_data(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """The same, with the volumes of the cluster's default class."""
    yield from releases(whole, limits)
    claiming = unnamed(whole)
    if claiming:
        yield Violation(
            "", f"not judged: the cluster's StorageClass of {', '.join(claiming)}; see to it that it retains volumes, "
            "encrypts them, lets them grow and waits for the first consumer"
        )  # fmt: skip
