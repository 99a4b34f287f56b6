"""The way to a region's cluster: the context that kubectl is asked with, on AWS."""

import sys
from pathlib import Path

import pytest

from delivery import checkout
from delivery.errors import DeliveryError
from rehearsal.overlay import ON_AWS
from settings import load
from tests.unit.recorder import stack_configuration


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an `aws` that does nothing writes down what it was asked."""
    program = tmp_path / "aws"
    log = f"__import__('pathlib').Path({str(tmp_path / 'asked')!r}).write_text(' '.join(__import__('sys').argv[1:]))"
    program.write_text(f"#!{sys.executable} -IS\n{log}\nprint('Added new context')\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "asked"


def test_on_aws_the_context_has_the_regions_name(asked: Path) -> None:
    stated = {**stack_configuration("us-west"), "platform": "aws", "aws": ON_AWS}
    assert checkout.kubeconfig("us-west", load(stated, "us-west")) == "Added new context"
    assert asked.read_text() == (
        "eks update-kubeconfig --name somafractalmemory-us-west --region us-west-2 --alias us-west"
    )


def test_a_cluster_of_yours_is_found_by_its_name(asked: Path) -> None:
    zones = [
        {"private": f"subnet-0000000{n}", "public": f"subnet-1000000{n}", "route_table": f"rtb-0000000{n}"}
        for n in "abc"
    ]
    existing = {"name": "ours", "security_group": "sg-0000000a"}
    network = {"existing": {"vpc": "vpc-0000000a", "zones": zones}}
    aws = {**ON_AWS, "network": network, "cluster": {"existing": existing}}
    listed = [
        {"name": "us-east", "primary": True, "aws_region": "us-east-1", "cidr": "10.64.0.0/16"},
        {"name": "us-west", "aws_region": "us-west-2", "cidr": "10.65.0.0/16"},
    ]
    stated = {**stack_configuration("us-west"), "multiregion": {"regions": listed}, "platform": "aws", "aws": aws}
    settings = load(stated, "us-west")
    checkout.kubeconfig("us-west", settings)
    assert "--name ours --region us-west-2" in asked.read_text()


def test_elsewhere_the_stack_file_says_it(asked: Path) -> None:
    settings = load(stack_configuration("us-west"), "us-west")
    assert "its stack file, or this machine, says" in checkout.kubeconfig("us-west", settings)
    assert not asked.exists()


def test_without_the_tool_it_is_a_sentence(asked: Path) -> None:
    (asked.parent / "aws").unlink()
    stated = {**stack_configuration("us-west"), "platform": "aws", "aws": ON_AWS}
    with pytest.raises(DeliveryError, match="aws is not on PATH: install it"):
        checkout.kubeconfig("us-west", load(stated, "us-west"))


def test_a_directory_without_a_commit_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="git rev-parse --verify failed"):
        checkout.commit(tmp_path)
