"""Writes docs/policies.md from the rules: `python -m policies [--write FILE | --check FILE]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from policies import high_availability
from policies.rules import PARAMETERS, ResourceRule, Rule

_INTRODUCTION = """# Policies

`make preview` and `make up` ask the packs under `policies/` before anything is created; a mandatory violation stops
the run. With the Pulumi CLI: `pulumi preview -s us-east --policy-pack policies/high-availability`.

With other minimums than the defaults below, the CLI is told those of the stack by `--policy-pack-config FILE`, and
`python -m rehearsal pack-config us-east` writes the file; `same-minimums` refuses a stack that is judged by less.

A rule of kind *resource* judges the inputs of one resource and blocks it in an update, too. A rule of kind *stack*
judges all resources together; the engine asks it in a preview and again after an update has applied everything, so
that only the preview protects: do not skip it.

What may run or scale pods and cannot be judged is refused by `readable`: workloads, disruption budgets and autoscalers
of other API versions, ReplicationControllers, `…Patch` and `…List` resources of all these, Argo's Rollouts and KEDA's
ScaledObjects and ScaledJobs, Helm releases and charts, Kustomize directories, YAML files and groups. Declare their
objects as resources of the program.

Not judged: kinds that run no pods, other custom kinds, and what operators make of their own, except the pods of
CloudNativePG's clusters and poolers.

This page is written by `make docs` from the rules themselves.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join(
        (_INTRODUCTION, _pack(high_availability.NAME, high_availability.DESCRIPTION), *_rules(), _config())
    )


def _pack(name: str, description: str) -> str:
    return f"## {name}\n\n{description} Every policy is mandatory unless it is configured otherwise.\n"


def _rules() -> list[str]:
    rows = ["| policy | kind | severity | holds when | otherwise |", "|---|---|---|---|---|"]
    return [*rows, *(_row(rule) for rule in high_availability.RULES), ""]


def _row(rule: Rule) -> str:
    kind = "resource" if isinstance(rule, ResourceRule) else "stack"
    return f"| `{rule.name}` | {kind} | {rule.severity.value} | {rule.description} | {rule.remedy} |"


def _config() -> str:
    lines = ["### Configuration", "", "| value | default | what it is | policies |", "|---|---|---|---|"]
    for name, parameter in PARAMETERS.items():
        users = ", ".join(f"`{rule.name}`" for rule in high_availability.RULES if name in rule.parameters)
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
