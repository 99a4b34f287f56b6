"""The one place that knows the policy SDK: its arguments become plain data here, and rules become its policies.

What the SDK does to values, and is undone once at this edge: numbers are floats, objects and lists are proxies that
compare and behave unlike dict and list, an unknown raises when it is touched (and would end the whole policy with an
advisory note), secrets are in clear (so no message repeats a value).
"""

import operator
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as SdkSeverity
from pulumi_policy.proxy import UnknownValueError

from policies import configuration, exceptions, serving
from policies.checks import read
from policies.checks.model import Item, Resource, Stack, Violation
from policies.checks.plain import UNKNOWN, Plain, Unreadable
from policies.checks.whole import Whole, one
from policies.decoded import Decoded
from policies.exceptions import ExceptionsError, Exemption
from policies.rules import (
    PARAMETERS,
    ExceptionsRule,
    Level,
    PlainRule,
    ResourceRule,
    Rule,
    Severity,
    StackRule,
    WholeRule,
    limits,
    minimums,
)

_SEVERITIES = {
    Severity.MEDIUM: SdkSeverity.MEDIUM,
    Severity.HIGH: SdkSeverity.HIGH,
    Severity.CRITICAL: SdkSeverity.CRITICAL,
}
_LEVELS = {Level.ADVISORY: EnforcementLevel.ADVISORY, Level.MANDATORY: EnforcementLevel.MANDATORY}


def plain(value: Any) -> Plain:
    """The SDK's value as plain data: dict and list, whole numbers as int, `UNKNOWN` where only the update knows."""
    if isinstance(value, Decoded):
        return value
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
        self._recorded: dict[str, Resource] = {}
        self._items: dict[str, tuple[Resource, Item | Unreadable | None]] = {}
        self._asked: list[Resource] = []
        self._stack = Stack()
        self._shown: list[Resource] = []
        self._whole = Whole()

    def record(self, args: ResourceValidationArgs) -> Resource:
        resource = Resource(
            args.resource_type,
            args.urn,
            args.name,
            plain(args.props),
            protect=args.opts.protect,
            deleted_first=bool(args.opts.delete_before_replace),
            region=_region(args),
            ignored=tuple(args.opts.ignore_changes),
        )
        with self._lock:
            self._recorded[args.urn] = resource
        return resource

    def recorded(self, args: ResourceValidationArgs) -> Resource:
        """As it was recorded with these inputs, which is done now where nobody has."""
        known = self._recorded.get(args.urn)
        return known if known is not None and known.inputs is args.props else self.record(args)

    def item(self, resource: Resource) -> Item | None:
        """The resource as the checks know it: read once, for all policies. Raises Unreadable."""
        known, found = self._items.get(resource.urn, (None, None))
        if known is not resource:
            try:
                found = read.item(resource)
            except Unreadable as problem:
                found = problem
            self._items[resource.urn] = resource, found
        if isinstance(found, Unreadable):
            raise Unreadable(str(found))
        return found

    def stack(self, args: StackValidationArgs) -> Stack:
        """The model of a stack. Each stack policy asks with the same resources: only the first builds it."""
        with self._lock:
            asked = [self._known(shown) for shown in args.resources if read.concerns(shown.resource_type)]
            if not _same(asked, self._asked):
                if asked != self._asked:
                    self._stack = read.stack(asked, self.item)
                self._asked = asked
            return self._stack

    def whole(self, args: StackValidationArgs) -> Whole:
        """The same as plain data, with what comes from where."""
        with self._lock:
            shown = [self._known(resource) for resource in args.resources]
            if not _same(shown, self._shown):
                sources = (_sources(resource) for resource in args.resources)
                linked = (replace(one, sources=of) for one, of in zip(shown, sources, strict=True))
                self._shown, self._whole = shown, Whole(tuple(linked))
            return self._whole

    def _known(self, shown: PolicyResource) -> Resource:
        """As its inputs say; where they were never shown, as its outputs do."""
        known = self._recorded.get(shown.urn)
        if known is not None:
            return known
        return Resource(
            shown.resource_type, shown.urn, shown.name, plain(shown.props), protect=shown.opts.protect,
            region=_region(shown), ignored=tuple(shown.opts.ignore_changes),
        )  # fmt: skip


def _same(some: Sequence[Resource], others: Sequence[Resource]) -> bool:
    """Whether they are the very same, which takes no look at what they hold."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _region(args: ResourceValidationArgs | PolicyResource) -> str:
    """Of AWS: a resource's own, or its provider's."""
    for properties in (args.props, args.provider.props if args.provider else None):
        region = _known(properties, "region") if properties and "region" in properties else None
        if isinstance(region, str):
            return region
    return ""


def _sources(shown: PolicyResource) -> dict[str, tuple[str, ...]]:
    return {name: tuple(one.urn for one in origins) for name, origins in shown.property_dependencies.items()}


class Ledger:
    """The exceptions of one pack, and which of them were needed."""

    def __init__(self, exemptions: Iterable[Exemption], today: Callable[[], date]) -> None:
        self._lock = threading.Lock()
        self._exemptions = tuple(exemptions)
        self._today = today
        self._needed: set[tuple[Exemption, str]] = set()

    def excuses(self, policy: str, urn: str) -> bool:
        """Whether a violation passes."""
        covering = [exemption for exemption in self._exemptions if exemption.covers(policy, urn)]
        with self._lock:
            self._needed |= {(exemption, urn) for exemption in covering}
        return any(exemption.holds(self._today()) for exemption in covering)

    def forget(self, policy: str, urn: str = "") -> None:
        """Before a policy is asked again, about one resource or about all."""
        with self._lock:
            self._needed = {
                (exemption, about)
                for exemption, about in self._needed
                if exemption.policy != policy or urn not in ("", about)
            }

    def faults(self, urns: Iterable[str], platform: str) -> Iterable[str]:
        """What is wrong with the exceptions of a stack, given by the URNs of its resources."""
        present = set(urns)
        stacks = {exceptions.stack_of(urn) for urn in present}
        with self._lock:
            needed = {exemption for exemption, urn in self._needed if urn in present}
        for exemption in self._exemptions:
            title = f"the exception from {exemption.policy} for {exemption.urn}, of {exemption.owner},"
            if not any(exemption.is_for(stack, platform) for stack in stacks):
                continue
            if not exemption.holds(self._today()):
                yield f"{title} expired on {exemption.expires}: mend the resource and take the entry out"
            elif exemption not in needed:
                yield f"{title} is not needed any more: take the entry out"


def _utc_today() -> date:
    return datetime.now(UTC).date()


def policies(
    rules: Iterable[Rule],
    exemptions: Iterable[Exemption] = (),
    today: Callable[[], date] = _utc_today,
    recorder: Recorder | None = None,
) -> list[Policy]:
    """The SDK's policies for the rules, sharing one recorder, in which whoever serves them records every resource."""
    shared, ledger = recorder or Recorder(), Ledger(exemptions, today)
    return [_policy(rule, shared, ledger) for rule in rules]


def run(name: str, description: str, rules: Iterable[Rule]) -> None:
    """Serve a pack to the engine; never returns. Nothing may be printed before: the first line says the port."""
    rules = tuple(rules)
    try:
        entries = exceptions.load(exceptions.FILE, _utc_today())
    except ExceptionsError as error:
        sys.exit(str(error))
    faults = list(exceptions.unknown_policies(entries, name, (rule.name for rule in rules)))
    if faults:
        sys.exit("\n".join(faults))
    own = [entry for entry in entries if entry.pack == name]
    serving.serve(pack(name, description, rules, own))


def pack(name: str, description: str, rules: Sequence[Rule], exemptions: Iterable[Exemption] = ()) -> serving.Pack:
    """What an engine asks of a pack: its policies, and what they share."""
    recorder = Recorder()
    asked, by_name = policies(rules, exemptions, recorder=recorder), {rule.name: rule for rule in rules}
    return serving.Pack(
        name, description, asked, recorder.record, lambda rule, token: _judges(by_name[rule], token),
        partial(configuration.faults, name, rules),
    )  # fmt: skip


def _judges(rule: Rule, token: str) -> bool:
    """Whether a rule of single resources looks at those of a type."""
    return token in rule.types if isinstance(rule, PlainRule) else read.concerns(token)


def _policy(rule: Rule, recorder: Recorder, ledger: Ledger) -> Policy:
    if isinstance(rule, ResourceRule):
        return ResourceValidationPolicy(validate=_resource_validation(rule, recorder, ledger), **_words(rule))
    if isinstance(rule, PlainRule):
        return ResourceValidationPolicy(validate=_plain_validation(rule, recorder, ledger), **_words(rule))
    if isinstance(rule, StackRule):
        return StackValidationPolicy(
            validate=_stack_validation(rule, ledger, lambda args: rule.check(recorder.stack(args), _minimums(args))),
            **_words(rule),
        )
    if isinstance(rule, WholeRule):
        return StackValidationPolicy(
            validate=_stack_validation(
                rule, ledger, lambda args: rule.check(recorder.whole(args), limits(args.get_config()))
            ),
            **_words(rule),
        )
    if isinstance(rule, ExceptionsRule):
        return StackValidationPolicy(validate=_exceptions_validation(ledger), **_words(rule))
    raise TypeError(f"{rule.name} is of no kind that can be asked")


def _minimums(args: StackValidationArgs) -> Any:
    return minimums(args.get_config())


def _words(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": _LEVELS[rule.level],
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
    rule: ResourceRule, recorder: Recorder, ledger: Ledger
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not read.concerns(args.resource_type):
            return
        ledger.forget(rule.name, args.urn)
        try:
            item = recorder.item(recorder.recorded(args))
        except Unreadable as problem:
            if rule.refuses_unreadable:
                _report(rule, [Violation(args.urn, f"{args.name}: {problem}")], report, ledger)
            return
        if item is not None:
            _report(rule, rule.check(item, minimums(args.get_config())), report, ledger)

    return validate


def _plain_validation(
    rule: PlainRule, recorder: Recorder, ledger: Ledger
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in rule.types:
            return
        resource = recorder.recorded(args)
        ledger.forget(rule.name, args.urn)
        numbers = limits(args.get_config())
        _report(rule, one(resource, lambda it: rule.check(it, numbers)), report, ledger)

    return validate


def _stack_validation(
    rule: Rule, ledger: Ledger, check: Callable[[StackValidationArgs], Iterable[Violation]]
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        ledger.forget(rule.name)
        try:
            _report(rule, check(args), report, ledger)
        except Unreadable as problem:
            report(f"cannot be judged as long as {problem}", None)

    return validate


def _exceptions_validation(ledger: Ledger) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        on_aws = any(shown.resource_type.startswith("aws:") for shown in args.resources)
        for fault in ledger.faults((shown.urn for shown in args.resources), "aws" if on_aws else "kubernetes"):
            report(fault, None)

    return validate


def _report(rule: Rule, violations: Iterable[Violation], report: ReportViolation, ledger: Ledger) -> None:
    for violation in violations:
        if not ledger.excuses(rule.name, violation.urn):
            report(violation.message, violation.urn or None)
