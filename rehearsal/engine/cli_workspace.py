"""The project directory in which the Pulumi CLI runs: the checkout's program and settings, the run directory's state.

The CLI writes into the stack files beside Pulumi.yaml (`encryptionsalt`). So it gets copies of them in a directory of
its own, whose Pulumi.yaml names the checkout as the place of the program (`main`), and the checkout stays as it was.
"""

import os
import secrets
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml
from pulumi import automation

from rehearsal import paths
from rehearsal.engine import documents, sign_in
from rehearsal.engine.cli_command import RecordedCommand
from rehearsal.engine.config_files import PROJECT_FILE, ProjectFile, StackFile, read_project, read_stack
from settings.services import SERVICES

_CRYPTO = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""Keys of a stack file that say how its secrets are encrypted."""
_CLUSTER = ("kubeconfig", "context")
"""Keys of the `kubernetes` setting that say which cluster is meant; in the rehearsal it is always our own."""
preparing = threading.Lock()
"""Held while the shared files are written."""


NAME: Final = "pulumi"
"""Directory of the run directory that is no region's."""


def directory() -> Path:
    """Everything that the CLI keeps for the rehearsal: project, state, passphrase."""
    path = paths.home() / NAME
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def account_file() -> Path:
    """What the simulated accounts of AWS hold."""
    return directory() / "aws.jsonl"


def state_file(project: str, stack: str) -> Path:
    """Where the file backend keeps a stack."""
    return directory() / "state" / ".pulumi" / "stacks" / project / f"{stack}.json"


def environment(kubeconfig: Path) -> dict[str, str]:
    """What the CLI, the program and the plugins find in their environment, besides that of this process.

    The kubeconfig is the rehearsal's even where there is none yet: the cluster that the user is signed in to is never
    looked at. The Kubernetes provider then previews without a cluster.
    """
    state = directory() / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    chosen = {
        "KUBECONFIG": str(kubeconfig),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DEBUG_COMMANDS": "true",  # `--event-log` is a debug flag
        # Plugins that are not there were asked for by name before (`cli.missing`); AWS's is not one of them.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # The provider holds itself back to 5 requests a second (client-go's defaults are meant for shared clusters).
        "PULUMI_K8S_CLIENT_QPS": "200",
        "PULUMI_K8S_CLIENT_BURST": "400",
        # What an interrupted run made without recording it is taken over instead of refused as "already exists".
        "PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true",
        "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
    }
    passphrase = _passphrase()
    # the variable wins over the file, so that one of the user's must not stay
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return {**chosen, "PULUMI_CONFIG_PASSPHRASE": passphrase.read_text()}
    return {**chosen, "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)}


def prepare(
    checkout: Path, region: str, kubeconfig: Path, stop: threading.Event | None = None
) -> automation.LocalWorkspace:
    """The copies, up to date and open, for one region. Raises RehearsalError for a file that cannot be read."""
    with preparing:
        project = copy(checkout)
        variables = environment(kubeconfig)
    return automation.LocalWorkspace(
        work_dir=str(project),
        env_vars=variables,
        secrets_provider="passphrase",
        pulumi_command=RecordedCommand(paths.region_dir(region), stop or threading.Event()),
    )


def copy(checkout: Path) -> Path:
    """The directory of the copies, brought up to date. Call it with `preparing` held."""
    project = directory() / "project"
    project.mkdir(mode=0o700, exist_ok=True)
    file = read_project(checkout).sound()
    _write(project / PROJECT_FILE, _project(checkout, file))
    for stack in sorted(checkout.glob("Pulumi.*.yaml")):
        own = read_stack(stack, file.name)
        own.sound()
        document = _stack(own, project / stack.name)
        if {**file.values, **own.values}.get(f"{file.name}:platform") == "aws":
            document = _on_aws(document, file.name, stack.name[len("Pulumi.") : -len(".yaml")])
        _write(project / stack.name, document)
    return project


def _project(checkout: Path, file: ProjectFile) -> dict[str, Any]:
    document = dict(file.document)
    document["main"] = str(checkout / document.get("main", ""))
    runtime = document.get("runtime")
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    # the environment that runs this is the one with the program's packages
    options = {"toolchain": "pip", **({"virtualenv": sys.prefix} if sys.prefix != sys.base_prefix else {})}
    document["runtime"] = {"name": name, "options": options}
    return document


def _stack(file: StackFile, copy: Path) -> dict[str, Any]:
    document = {key: value for key, value in file.document.items() if key not in _CRYPTO}
    for key, value in cast(dict[str, Any], document.get("config") or {}).items():
        if isinstance(value, dict) and key.rpartition(":")[2] == "kubernetes":
            for named in _CLUSTER:
                cast(dict[str, Any], value).pop(named, None)
    earlier = documents.read(copy) if copy.exists() else {}
    return {**document, **{key: earlier[key] for key in _CRYPTO if key in earlier}}


def _on_aws(document: Mapping[str, Any], project: str, region: str) -> dict[str, Any]:
    """Clusters of the simulated EKS are signed in to by our own command. Charts are not fetched in the rehearsal, and
    the CLI would: what they install counts as there, its kinds and what its controllers do are ours to play.
    """
    config = dict(cast(Mapping[str, Any], document.get("config") or {}))
    services = config.get(f"{project}:services") or {}
    config[f"{project}:aws"] = sign_in.signing_in(config.get(f"{project}:aws") or {}, region)
    if isinstance(services, Mapping):
        config[f"{project}:services"] = {**cast(Mapping[str, Any], services), "installed": list(SERVICES)}
    return {**document, "config": config}


def _write(file: Path, document: Mapping[str, Any]) -> None:
    """At once, so that a CLI that runs for another region never reads half a file; unchanged files stay."""
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    part = file.with_name(f".{file.name}")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _passphrase() -> Path:
    """A file with a passphrase, mode 0600, made once: the state's secrets are encrypted with it."""
    file = directory() / "passphrase"
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(32))
    return file
