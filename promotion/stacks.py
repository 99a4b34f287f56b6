"""States of stacks by the Pulumi CLI itself: the Automation API exports every secret in the clear."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from promotion.errors import PromotionError

LAST_LINES = 15
NO_CLI = "the Pulumi CLI is not on PATH: install it, the stacks are its"


def export(directory: Path, stack: str) -> dict[str, Any]:
    """The state of a stack of the project in a directory, secrets encrypted; empty where there is none."""
    listed = cast(list[dict[str, Any]], json.loads(run(directory, stack, "stack", "ls", "--json")))
    if stack not in {str(one["name"]) for one in listed}:
        return {}
    return cast(dict[str, Any], json.loads(run(directory, stack, "stack", "export", "--stack", stack)))


def resources(exported: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All of them, the stack itself included."""
    return cast(list[dict[str, Any]], (exported.get("deployment") or {}).get("resources") or [])


def run(directory: Path, stack: str, *arguments: str) -> str:
    """What the CLI prints. PromotionError, about the stack, with the end of what it complains of."""
    command = ["pulumi", "--non-interactive", *arguments]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PromotionError(NO_CLI) from None
    if done.returncode != 0:
        raise PromotionError(failed(stack, f"pulumi {' '.join(arguments[:2])}", done.stderr))
    return done.stdout


def failed(stack: str, what: str, text: str) -> str:
    """What failed, and the end of what was said of it."""
    return "\n".join([f"{stack}: {what} failed; run the command again when it is mended", *last_lines(text)])


def last_lines(text: str) -> list[str]:
    """The end of what a tool printed, without its blank lines."""
    return [f"  {line}" for line in text.splitlines() if line.strip()][-LAST_LINES:]
