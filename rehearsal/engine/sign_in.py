"""Clusters of the simulated EKS are this machine's control planes: what asks AWS for a token asks them instead."""

import json
import sys
from collections.abc import Mapping
from typing import Any, cast

from settings.json_text import NotJsonError, parse


def here(config: Mapping[str, str], project: str, region: str) -> dict[str, str]:
    """The configuration of a stack with our own command in `aws.cluster.token_command`, where it states none."""
    key = f"{project}:aws"
    if config.get(f"{project}:platform") != "aws":
        return dict(config)
    try:
        block: object = parse(config.get(key, "{}"))
    except NotJsonError:
        return dict(config)  # the program says so itself
    return {**config, key: json.dumps(signing_in(block, region))} if isinstance(block, Mapping) else dict(config)


def signing_in(block: object, region: str) -> Any:
    """The settings' block `aws` with our own command, where it states none; what is no such block as it is."""
    if not isinstance(block, Mapping):
        return block
    aws = dict(cast(Mapping[str, Any], block))
    cluster = aws.get("cluster") or {}
    if isinstance(cluster, Mapping) and "token_command" not in cluster:
        aws["cluster"] = {**cast(Mapping[str, Any], cluster), "token_command": command(region)}
    return aws


def command(region: str) -> list[str]:
    """What prints a credential of a region's control plane (rehearsal/sign_in.py)."""
    return [sys.executable, "-m", "rehearsal", "token", "--region", region]
