"""The pages of docs/ about policies, made of the rules: an overview, a page a pack, and what peers check beside it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies import capacity, data_safety, high_availability, regions, security, union
from policies.regions import RegionsRule
from policies.rules import GONE, PARAMETERS, Rule, judges_single

OVERVIEW: Final = "policies.md"
FOLDER: Final = "policies"
"""Of the other pages, beside the overview."""

_INTRODUCTION = """# Policies

`make policies` asks the packs under `policies/` about every region on every platform, without a cloud or a cluster, and
ends with 1 where a mandatory policy is violated. `make preview` and `make up` ask them before anything is created; a
mandatory violation stops the run, an advisory one is only said. With the Pulumi CLI, a pack at a time:
`pulumi preview -s us-east --policy-pack policies/high-availability`.

Each pack has a page: what each policy wants, what to do, an example that fails and one that passes. What other tools
check, and which policy of these does or why none, is in [policies and their peers](policies/union.md).

With other minimums than the defaults below, the CLI is told those of the stack by `--policy-pack-config FILE`, and
`python -m rehearsal pack-config us-east --pack high-availability` writes the file; `same-minimums` refuses a stack that
is judged by less. The same file takes a level (`advisory`, `mandatory`, `disabled`) by a policy's name, or by `all`. A
pack refuses a name that it does not know and a value out of its bounds, before it judges anything. A policy that is
disabled hides nothing from the others.

A rule of kind *resource* judges the inputs of one resource and blocks it in an update, too. A rule of kind *stack*
judges all resources together; the engine asks it in a preview and again after an update has applied everything, so
that only the preview protects: do not skip it.

What cannot be read is refused: a field that only the update will know, or that has another shape than it should, fails
the policy for that resource, and the others are judged. References to what is made by the same update are told by
where they come from. No message repeats a value.

## Exceptions

An entry of `policies/exceptions.yaml` lets the violations of one policy by the resources that it names pass, until a
day that is at most a year away. It states `pack`, `policy`, `urn` (a pattern:
`urn:pulumi:<stack>::<project>::<types>::<name>`, with `*`), `reason`, `owner` (a role), `expires`, and where it is
needed on one platform only, `platform`. An entry that has expired, or that a stack which it names does not need, fails
the policy `exceptions`; so does a misstated file every pack. What is said of a stack as a whole has no URN: configure
such a policy instead.

The same file holds the approvals of the gate, `make gate PLAN=plan.json` or `python -m policies.gate plan.json`: it
reads what `pulumi preview --json` printed and ends with 1 where what holds data would be deleted or replaced. An entry
for the pack `destructive-changes` and the policy `delete` or `replace` approves one. Fewer pods of a StatefulSet and
fewer instances of PostgreSQL are a deletion, too, unless a complete run before has emptied them (`qdrant.drain_to`,
`redis.cluster.drain_to`): the outputs of the stack say down to what number it may go.

## What is not judged

What may run or scale pods and cannot be judged is refused by `readable`: workloads, disruption budgets and autoscalers
of other API versions, ReplicationControllers, `…Patch` and `…List` resources of all these, Argo's Rollouts and KEDA's
ScaledObjects and ScaledJobs, Helm releases and charts, Kustomize directories, YAML files and groups. Declare their
objects as resources of the program.

Not judged: kinds that run no pods, other custom kinds, and what operators make of their own, except the pods of
CloudNativePG's clusters and poolers. `not-judged` names the Helm releases, and volumes of a class that the stack does
not make. Deletions never reach a policy: that is what `protected` is for, and the gate.

These pages are written by `make docs` from the rules themselves. A test breaks a region by every example that fails,
and lets it pass by the one that passes; what takes more than one field is told in words, with the test that shows it.
"""

_ALL_REGIONS = """Asked by `make policies` alone, which has the plans of all regions: an engine shows a pack one stack,
and what another stack exports says nothing of its sizes. Levels and values are given by
`make policies ARGS="--config regions.json"`, in the form of `--policy-pack-config`:
`{"standby-carries-home": {"standby_percent": 75}}`.
"""

_UNION = """# Policies and their peers

What nine other tools check of high availability, reliability, safety of data and security, what none of them checks,
and which policy of [these](../policies.md) does, or why there is none: kube-linter, Polaris, kube-score, Kubescape,
Checkov, kyverno's policies, hardeneks with the EKS best practices guide, Pulumi's compliance-policies and awsguard.
The rows are those of `policies/union.yaml`, which is refused where it names a policy that is none.
"""


@dataclass(frozen=True)
class Pack:
    """A pack as its page shows it."""

    name: str
    description: str
    rules: Sequence[Rule]
    more: str = ""


PACKS: Final = (
    *(Pack(it.NAME, it.DESCRIPTION, it.RULES) for it in (high_availability, data_safety, security, capacity)),
    Pack(regions.NAME, regions.DESCRIPTION, regions.RULES, _ALL_REGIONS),
)


def pages() -> Mapping[str, str]:
    """Path within docs/ to the text of a page, in Markdown."""
    return {
        OVERVIEW: _overview(),
        f"{FOLDER}/union.md": _peers(),
        **{f"{FOLDER}/{pack.name}.md": _page(pack) for pack in PACKS},
    }


def _overview() -> str:
    parts = [_INTRODUCTION]
    for pack in PACKS:
        title = f"## {pack.name}\n\n{pack.description}\n"
        head = "| policy | kind | severity | level | holds when |\n|---|---|---|---|---|"
        parts += [title, *([pack.more] if pack.more else []), head, *(_row(pack, rule) for rule in pack.rules), ""]
    return "\n".join((*parts, *_config()))


def _row(pack: Pack, rule: Rule) -> str:
    link = f"[`{rule.name}`]({FOLDER}/{pack.name}.md#{rule.name})"
    return f"| {link} | {_kind(rule)} | {rule.severity.value} | {rule.level.value} | {rule.description} |"


def _kind(rule: Rule) -> str:
    together = "regions" if isinstance(rule, RegionsRule) else "stack"
    return "resource" if judges_single(rule) else together


def _page(pack: Pack) -> str:
    about = f"# Policies: {pack.name}\n\n{pack.description} Kinds, levels and exceptions: [policies](../policies.md).\n"
    return "\n".join((about, *(_policy(rule) for rule in pack.rules)))


def _policy(rule: Rule) -> str:
    values = f", by {', '.join(f'`{name}`' for name in rule.parameters)}" if rule.parameters else ""
    lines = [
        f"## {rule.name}",
        "",
        rule.description,
        "",
        f"- Kind {_kind(rule)}, severity {rule.severity.value}, {rule.level.value}{values}.",
        f"- Otherwise: {rule.remedy}",
        *_shown(rule),
        "",
    ]
    return "\n".join(lines)


def _shown(rule: Rule) -> Iterator[str]:
    if rule.example is not None:
        field = f"{rule.example.kind} `{rule.example.path}`"
        yield f"- Fails: {field} {_value(rule.example.fails)}"
        yield f"- Passes: {field} {_value(rule.example.passes)}"
    if rule.case is not None:
        yield f"- Fails: {rule.case.fails}."
        yield f"- Passes: {rule.case.passes}."
        yield f"- Shown by `{rule.case.test}`."


def _value(value: object) -> str:
    return GONE if value == GONE else f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def _config() -> Iterator[str]:
    yield from ("## Configuration", "", "| value | default | what it is | policies |", "|---|---|---|---|")
    rules = [rule for pack in PACKS for rule in pack.rules]
    for name, parameter in PARAMETERS.items():
        users = ", ".join(f"`{rule.name}`" for rule in rules if name in rule.parameters)
        yield f"| `{name}` | {parameter.schema['default']} | {parameter.description} | {users} |"
    yield ""


def names() -> Mapping[str, Sequence[str]]:
    """Pack to the names of its policies."""
    return {pack.name: [rule.name for rule in pack.rules] for pack in PACKS}


def _peers() -> str:
    parts = [_UNION]
    for area in union.load(names()):
        parts += [f"## {area.title}", "", "| check | who | ours |", "|---|---|---|"]
        parts += [f"| {row.check} | {row.peers or 'nobody'} | {_ours(row)} |" for row in area.rows]
        parts.append("")
    return "\n".join(parts)


def _ours(row: union.Row) -> str:
    links = ", ".join(f"[`{policy}`]({pack}.md#{policy})" for pack, policy in (name.split("/") for name in row.by))
    if not links:
        return f"Not taken over. {row.why}"
    return f"{links}. {row.why}" if row.why else links
