"""A program without components and settings: registers the resources of resources.json, nothing else.

The yardstick for what components and settings cost. It is run as the `__main__.py` of a directory of its own.
"""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pulumi


def _class(token: str) -> Any:
    """The SDK's class of a type token such as `kubernetes:apps/v1:Deployment` or `random:index/x:RandomPassword`."""
    package, module, name = token.split(":")
    if package == "pulumi":
        return importlib.import_module(f"pulumi_{name}").Provider
    if package != "kubernetes":
        return getattr(importlib.import_module(f"pulumi_{package}"), name)
    group, _, version = module.rpartition("/")
    if "." in group and not group.endswith(".k8s.io"):
        return importlib.import_module("pulumi_kubernetes.apiextensions").CustomResource
    return getattr(importlib.import_module(f"pulumi_kubernetes.{group.split('.')[0] or 'core'}.{version}"), name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: f"_{match[1].lower()}", name)


def _register(resource: dict[str, Any], made: dict[str, Any]) -> pulumi.Resource:
    options = pulumi.ResourceOptions(parent=made.get(resource["parent"]), provider=made.get(resource["provider"]))
    if not resource["custom"]:
        return pulumi.ComponentResource(resource["type"], resource["name"], {}, options)
    if resource["type"] == "pulumi:pulumi:StackReference":
        return pulumi.StackReference(resource["name"], resource["inputs"]["name"], options)
    inputs = {_snake(key): value for key, value in resource["inputs"].items()}
    return _class(resource["type"])(resource["name"], **inputs, opts=options)


made: dict[str, Any] = {}
for entry in json.loads((Path(__file__).parent / "resources.json").read_text()):
    made[entry["urn"]] = _register(entry, made)
