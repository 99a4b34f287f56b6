"""What a region's settings say, as the program records them in a ConfigMap."""

from policies.checks import metadata
from policies.checks.config_maps import RECORD
from policies.checks.plain import Plain, Unreadable, at, flag_at, json_at, number_at
from policies.checks.tokens import CONFIG_MAP
from policies.checks.whole import Whole


def settings(whole: Whole) -> Plain:
    """The recorded settings, None where there is no record that can be read: the pack's self-check tells of that."""
    for resource in whole.of(CONFIG_MAP):
        try:
            if metadata.name(resource) == RECORD:
                return json_at(resource.inputs, "data", "settings.json")
        except Unreadable:
            return None
    return None


def retention_days(whole: Whole, configured: int) -> int:
    """Days for which backups have to be kept: the more of what is configured and what the settings promise."""
    promised = number_at(settings(whole), "backups", "retention_days")
    return max(configured, promised or 0)


def tls_ends_before(whole: Whole) -> bool:
    """Whether the settings say that something before the ingress ends users' TLS."""
    return not flag_at(settings(whole), "ingress", "tls", "enabled", default=True)


def backups_wanted(whole: Whole) -> bool | None:
    """Whether the settings want backups and name a place for them; None where they want none on purpose."""
    block = at(settings(whole), "backups")
    if at(block, "enabled") is not None and not flag_at(block, "enabled", default=True):
        return None
    return whole.on_aws or at(block, "s3") is not None
