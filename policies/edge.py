"""The one place that knows the policy SDK: its arguments become plain data here, and rules become its policies.

What the SDK does to values, and is undone once at this edge: numbers are floats, objects and lists are proxies that
compare and behave unlike dict and list, an unknown raises when it is touched (and would end the whole policy with an
advisory note), secrets are in clear (so no message repeats a value).
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as SdkSeverity
from pulumi_policy.proxy import UnknownValueError

from policies.checks import read
from policies.checks.model import Resource, Stack, Violation
from policies.checks.plain import UNKNOWN, Plain, Unreadable
from policies.rules import PARAMETERS, ResourceRule, Rule, Severity, StackRule, minimums

_SEVERITIES = {
    Severity.MEDIUM: SdkSeverity.MEDIUM,
    Severity.HIGH: SdkSeverity.HIGH,
    Severity.CRITICAL: SdkSeverity.CRITICAL,
}


def plain(value: Any) -> Plain:
    """The SDK's value as plain data: dict and list, whole numbers as int, `UNKNOWN` where only the update knows."""
    if isinstance(value, Mapping):
        return {str(key): _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_known(value, index) for index in range(len(value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _known(container: Any, key: Any) -> Plain:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


class Recorder:
    """Remembers the inputs of each resource, and the model of the last stack that was asked for.

    A stack policy is shown outputs. Those are empty in a preview while the provider itself is not known yet, and hold
    the server's defaults otherwise; the inputs say what the program wants.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inputs: dict[str, Plain] = {}
        self._asked: list[Resource] = []
        self._stack = Stack()

    def record(self, args: ResourceValidationArgs) -> Resource:
        resource = Resource(args.resource_type, args.urn, args.name, plain(args.props))
        with self._lock:
            self._inputs[args.urn] = resource.inputs
        return resource

    def stack(self, args: StackValidationArgs) -> Stack:
        """The model of a stack. Each stack policy asks with the same resources: only the first builds it."""
        with self._lock:
            asked = [
                Resource(shown.resource_type, shown.urn, shown.name, self._inputs_of(shown.urn, shown.props))
                for shown in args.resources
                if read.concerns(shown.resource_type)
            ]
            if asked != self._asked:
                self._asked, self._stack = asked, read.stack(asked)
            return self._stack

    def _inputs_of(self, urn: str, outputs: Any) -> Plain:
        return self._inputs[urn] if urn in self._inputs else plain(outputs)


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """The SDK's policies for the rules, all mandatory by default, sharing one recorder."""
    recorder = Recorder()
    return [_policy(rule, recorder) for rule in rules]


def run(name: str, description: str, rules: Iterable[Rule]) -> None:
    """Serve a pack to the engine; never returns. Nothing may be printed before: the first line says the port."""
    PolicyPack(name, policies(rules), enforcement_level=EnforcementLevel.MANDATORY, description=description)


def _policy(rule: Rule, recorder: Recorder) -> Policy:
    if isinstance(rule, ResourceRule):
        return ResourceValidationPolicy(validate=_resource_validation(rule, recorder), **_words(rule))
    if isinstance(rule, StackRule):
        return StackValidationPolicy(validate=_stack_validation(rule, recorder), **_words(rule))
    raise TypeError(f"{rule.name} is neither a ResourceRule nor a StackRule")


def _words(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "severity": _SEVERITIES[rule.severity],
        "remediation_steps": rule.remedy,
        "config_schema": _schema(rule),
    }


def _schema(rule: Rule) -> PolicyConfigSchema | None:
    properties = {
        name: {**PARAMETERS[name].schema, "description": PARAMETERS[name].description} for name in rule.parameters
    }
    return PolicyConfigSchema(cast(Any, properties)) if properties else None


def _resource_validation(
    rule: ResourceRule, recorder: Recorder
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not read.concerns(args.resource_type):
            return
        try:
            item = read.item(recorder.record(args))
        except Unreadable as problem:
            if rule.refuses_unreadable:
                report(f"{args.name}: {problem}", args.urn)
            return
        if item is not None:
            _report(rule.check(item, minimums(args.get_config())), report)

    return validate


def _stack_validation(rule: StackRule, recorder: Recorder) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        _report(rule.check(recorder.stack(args), minimums(args.get_config())), report)

    return validate


def _report(violations: Iterable[Violation], report: ReportViolation) -> None:
    for violation in violations:
        report(violation.message, violation.urn or None)
