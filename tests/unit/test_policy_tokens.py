"""The type tokens that the packs look at are those of the SDKs."""

import importlib

import pytest

from policies.checks import tokens
from tests.unit.policy_plan import region

ALL = {name: value for name, value in vars(tokens).items() if name.isupper() and isinstance(value, str)}
CUSTOM = ("cnpg.io", "elbv2.k8s.aws", "k8s.nginx.org", "monitoring.coreos.com")
"""Groups of the custom kinds, which have no class: their tokens are made of group, version and kind."""


@pytest.mark.parametrize("name", ALL)
def test_a_token_is_that_of_a_class_of_its_sdk(name: str) -> None:
    package, module, kind = ALL[name].split(":")
    group = module.partition("/")[0]
    if package == "soma":
        assert ALL[name] in {component.type for component in region("kubernetes", "us-east")}
    elif package == "pulumi":
        assert ALL[name] == "pulumi:providers:aws"
    elif package == "aws":
        assert getattr(importlib.import_module(f"pulumi_aws.{group}"), kind).pulumi_type == ALL[name]
    elif not group.endswith(CUSTOM):
        version = module.partition("/")[2]
        place = group.partition(".")[0] if group != "networking.k8s.io" else "networking"
        sdk = importlib.import_module(f"pulumi_kubernetes.{place}.{version}")
        assert getattr(sdk, kind).pulumi_type == ALL[name]
