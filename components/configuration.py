"""Reads the stack's configuration, every key of it, and turns faults into one clean end of the program."""

from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from components.derivation import derived
from settings import Settings, SettingsError, load


def load_settings() -> Settings:
    """The settings of the current stack.

    Raises pulumi.RunError with every fault at once: Pulumi prints its text without a traceback and, as this comes
    before the first resource, creates nothing.
    """
    try:
        return load(project_configuration(pulumi.get_project()), pulumi.get_stack(), derived)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def project_configuration(project: str) -> dict[str, Any]:
    """Every configuration key of the project, without its prefix, with the value as the engine hands it over (text).

    `pulumi.Config` answers for keys that one knows to ask for. Settings refuse unknown keys, so all are needed:
    the engine passes them in PULUMI_CONFIG, and what was set in process (tests, the Automation API) comes on top,
    in the order in which the SDK itself looks (pulumi.runtime.config.get_config).
    """
    everything: dict[str, Any] = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{project}:"
    return {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}
