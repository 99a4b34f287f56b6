"""The checkout and the machine that a step runs on: its commit, and the way to a region's cluster."""

import subprocess
from pathlib import Path

from delivery.errors import DeliveryError
from settings import Settings


def commit(directory: Path) -> str:
    """The commit that is checked out, all its digits."""
    return _run(directory, "git", "rev-parse", "--verify", "HEAD")


def clean(directory: Path) -> str:
    """The same; DeliveryError where files differ from it: two regions might be brought to two things of one name."""
    changed = _run(directory, "git", "status", "--porcelain", "--untracked-files=no").splitlines()
    if changed:
        raise DeliveryError(
            f"{len(changed)} files differ from the commit ({changed[0][2:].strip()}): commit them first"
        )
    return commit(directory)


def kubeconfig(region: str, settings: Settings) -> str:
    """Makes the context that `promotion.cli_access` looks for, where the region is on AWS; says what was done."""
    stated = settings.kubernetes.context or settings.kubernetes.kubeconfig
    if settings.platform != "aws" or stated:
        return f"{region}: its stack file, or this machine, says where its cluster is"
    from components.aws.platform import PREFIX  # here: what the providers bring takes seconds to import

    existing = settings.aws.cluster.existing
    name = existing.name if existing else f"{PREFIX}-{region}"
    place = settings.region.aws_region or ""
    return _run(Path(), "aws", "eks", "update-kubeconfig", "--name", name, "--region", place, "--alias", region)


def _run(directory: Path, *command: str) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise DeliveryError(f"{command[0]} is not on PATH: install it") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["it does not say why"]
        raise DeliveryError(f"{' '.join(command[:3])} failed: {said[0]}")
    return done.stdout.strip()
