"""The pack `security`: nobody gets in who should not, and who gets into one part gets no further."""

from policies import security_networks, security_pods, security_rights
from policies.checks import (
    not_judged,
    seen,
)
from policies.rules import EXCEPTIONS, Case, Level, Rule, Severity, WholeRule

NAME = "security"
DESCRIPTION = "Nobody gets in who should not, and who gets into one part gets no further."

RULES: tuple[Rule, ...] = (
    *security_pods.RULES,
    *security_networks.RULES,
    *security_rights.RULES,
    WholeRule(
        name="nothing-missing",
        description="The stack holds every kind that this pack judges, and the record of its settings.",
        remedy="Run the pack on a whole region; a rule that saw nothing has proved nothing.",
        severity=Severity.HIGH,
        check=seen.security,
        case=Case(
            fails="a stack without a NetworkPolicy, or without the record of its settings",
            passes="a whole region",
            test="tests/unit/test_policy_seen.py",
        ),
    ),
    WholeRule(
        name="not-judged",
        description="What nobody could judge is named: what Helm charts make, a cluster that is there already, what "
        "ends TLS before the ingress.",
        remedy="Nothing is wrong: look at it yourself, or configure this policy disabled.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        check=not_judged.around_security,
        case=Case(
            fails="a stack with a Helm release: its name is said",
            passes="a stack without one, which makes its cluster",
            test="tests/unit/test_policy_security.py",
        ),
    ),
    EXCEPTIONS,
)
