"""The checkout with its regions on another platform than its stack files say: `make up`, on AWS unless `PLATFORM=…`.

What the stack files say of everything else stands, so that the very regions of the checkout are rehearsed. The run
directory is one of its own, for a region does not change its platform while it has data.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from rehearsal import paths
from rehearsal.engine.config_files import stack_file_name
from rehearsal.engine.project import Project
from settings import Settings
from settings.rules.aws import OF_KUBERNETES

NAME: Final = "checkout"
"""Of the directory, beside those of the regions."""
ACCOUNT: Final = "123456789012"
"""Of the simulated account, where the stack files name none: the one that AWS's own examples have."""
ON_AWS: Final = {"account": ACCOUNT, "cluster": {"admins": [f"arn:aws:iam::{ACCOUNT}:role/operators"]}}
"""The least that the settings `aws` have to say."""
NODES: Final = {"stateless": {"instance_types": ["m7i.8xlarge"]}}
"""Of a region that moves to AWS, where neither a stack file nor a workload says: pods of the guide's first region ask
for eight CPUs, and as many as the autoscaler may have find no room on the default's machines.
"""
_ELSEWHERE: Final = {
    "aws": (
        *(f"kubernetes.{key}" for key in OF_KUBERNETES),
        "backups.s3",
        "multiregion.regions.*.address",
        "multiregion.regions.*.postgresql_address",
        "multiregion.regions.*.ranges",
    ),
    "kubernetes": ("aws", "backups.copy_region"),
}
"""By platform, what only another one knows, and a stack file may say all the same: where it stands."""
_OWN: Final = (".git", paths.RUN, ".state")
"""Not the program's; so are run directories of other platforms."""
_NEW: Final = ".new-"
"""What a directory begins with in which a file is being made."""


def on(platform: str, checkout: Path) -> Path:
    """A directory that is the checkout, but for the stack files. RehearsalError for files that cannot be read."""
    beside = f"{os.environ.get(paths.HOME) or checkout / paths.RUN}-{platform}"
    os.environ[paths.HOME] = beside
    project = Project.load(checkout)
    overlaid = paths.home() / NAME
    overlaid.mkdir(mode=0o700, exist_ok=True)
    stacks = {stack_file_name(region): _config(project, region, platform) for region in _regions(project)}
    shared = [entry for entry in checkout.iterdir() if entry.name not in stacks and not entry.name.startswith(_OWN)]
    for entry in shared:
        _put(overlaid / entry.name, partial(_link, target=entry.resolve()))
    for name, config in stacks.items():
        text = yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True)
        _put(overlaid / name, partial(Path.write_text, data=text, encoding="utf-8"))
    for name in {file.name for file in overlaid.iterdir()} - {*stacks, *(entry.name for entry in shared)}:
        if not name.startswith(_NEW):
            (overlaid / name).unlink(missing_ok=True)
    return overlaid


def _put(file: Path, make: Callable[[Path], object]) -> None:
    """Made beside and renamed over what is there: a command that runs in the directory finds the one or the other."""
    with tempfile.TemporaryDirectory(prefix=_NEW, dir=file.parent) as beside:
        new = Path(beside) / file.name
        make(new)
        new.replace(file)


def _link(new: Path, target: Path) -> None:
    new.symlink_to(target)


def _regions(project: Project) -> tuple[str, ...]:
    """Of the list, which may have more than there are files for."""
    block = project.file.values.get(f"{project.name}:multiregion")
    listed = block.get("regions") if isinstance(block, dict) else None
    names = [str(one.get("name")) for one in listed or () if isinstance(one, dict)]
    return tuple(dict.fromkeys([*names, *project.stacks]))


def _config(project: Project, region: str, platform: str) -> dict[str, Any]:
    own: dict[str, Any] = project.values(region)
    key = f"{project.name}:platform"
    moves = own.get(key, Settings.model_fields["platform"].default) != platform
    for path in _ELSEWHERE[platform] if moves else ():  # else it is a mistake, and told as one
        own = _without(own, f"{project.name}:{path}".split("."))
    own[key] = platform
    if platform == "aws":
        stated = own.get(f"{project.name}:aws") or {}
        planned = not moves or bool(own.get(f"{project.name}:workload"))
        least = ON_AWS if planned else {**ON_AWS, "nodes": NODES}
        own[f"{project.name}:aws"] = {**least, **stated} if isinstance(stated, dict) else stated
    return own


def _without(value: Any, path: Sequence[str]) -> Any:
    """The same without what stands at a path; "*" is every entry of a list."""
    key, *rest = path
    if isinstance(value, list) and key == "*":
        return [_without(one, rest) for one in value]
    if not isinstance(value, dict):
        return value
    if not rest:
        return {name: one for name, one in value.items() if name != key}
    return {name: _without(one, rest) if name == key else one for name, one in value.items()}
