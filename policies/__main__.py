"""Writes docs/policies.md from the rules: `python -m policies [--write FILE | --check FILE]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from policies import capacity, data_safety, high_availability, regions, security
from policies.regions import RegionsRule
from policies.rules import GONE, PARAMETERS, Rule, judges_single

_PACKS = (high_availability, data_safety, security, capacity)

_INTRODUCTION = """# Policies

`make policies` asks the packs under `policies/` about every region on every platform, without a cloud or a cluster, and
ends with 1 where a mandatory policy is violated. `make preview` and `make up` ask them before anything is created; a
mandatory violation stops the run, an advisory one is only said. With the Pulumi CLI, a pack at a time:
`pulumi preview -s us-east --policy-pack policies/high-availability`.

With other minimums than the defaults below, the CLI is told those of the stack by `--policy-pack-config FILE`, and
`python -m rehearsal pack-config us-east --pack high-availability` writes the file; `same-minimums` refuses a stack that
is judged by less. The same file takes a level (`advisory`, `mandatory`, `disabled`) by a policy's name, or by `all`.

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
for the pack `destructive-changes` and the policy `delete` or `replace` approves one.

## What is not judged

What may run or scale pods and cannot be judged is refused by `readable`: workloads, disruption budgets and autoscalers
of other API versions, ReplicationControllers, `…Patch` and `…List` resources of all these, Argo's Rollouts and KEDA's
ScaledObjects and ScaledJobs, Helm releases and charts, Kustomize directories, YAML files and groups. Declare their
objects as resources of the program.

Not judged: kinds that run no pods, other custom kinds, and what operators make of their own, except the pods of
CloudNativePG's clusters and poolers. `not-judged` names the Helm releases, and volumes of a class that the stack does
not make. Deletions never reach a policy: that is what `protected` is for, and the gate.

This page is written by `make docs` from the rules themselves. A test breaks a region by every example that fails, and
lets it pass by the one that passes.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION]
    for pack in _PACKS:
        parts += [_title(pack.NAME, pack.DESCRIPTION), *_rules(pack.RULES), *_examples(pack.RULES)]
    return "\n".join((*parts, *_together(), _config()))


def _together() -> list[str]:
    only = "Asked by `make policies` alone, which has the plans of all regions; an engine shows a pack one stack.\n"
    return [_title(regions.NAME, regions.DESCRIPTION), only, *_rules(regions.RULES)]


def _title(name: str, description: str) -> str:
    return f"## {name}\n\n{description}\n"


def _rules(rules: Sequence[Rule]) -> list[str]:
    rows = ["| policy | kind | severity | level | holds when | otherwise |", "|---|---|---|---|---|---|"]
    return [*rows, *(_row(rule) for rule in rules), ""]


def _row(rule: Rule) -> str:
    together = "regions" if isinstance(rule, RegionsRule) else "stack"
    kind = "resource" if judges_single(rule) else together
    words = f"{rule.severity.value} | {rule.level.value} | {rule.description} | {rule.remedy}"
    return f"| `{rule.name}` | {kind} | {words} |"


def _examples(rules: Sequence[Rule]) -> list[str]:
    rows = ["| policy | field | fails | passes |", "|---|---|---|---|"]
    rows += [
        f"| `{rule.name}` | {it.kind} `{it.path}` | {_value(it.fails)} | {_value(it.passes)} |"
        for rule in rules
        if (it := rule.example) is not None
    ]
    return [*rows, ""]


def _value(value: object) -> str:
    return GONE if value == GONE else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _config() -> str:
    lines = ["## Configuration", "", "| value | default | what it is | policies |", "|---|---|---|---|"]
    for name, parameter in PARAMETERS.items():
        users = ", ".join(f"`{rule.name}`" for pack in _PACKS for rule in pack.RULES if name in rule.parameters)
        lines.append(f"| `{name}` | {parameter.schema['default']} | {parameter.description} | {users} |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m policies", description="The policies as a Markdown page.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--check", type=Path, metavar="FILE", help="fail when the file is not the page")
    options = parser.parse_args(arguments)
    if options.write is not None:
        options.write.write_text(page(), encoding="utf-8")
    elif options.check is None:
        sys.stdout.write(page())
    elif not options.check.exists() or options.check.read_text(encoding="utf-8") != page():
        sys.stderr.write(f"{options.check} is not what the rules say: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
