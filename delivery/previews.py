"""A region's preview, as it is kept and told."""

from delivery.documents import Told
from delivery.errors import DeliveryError
from delivery.stage import Updates, lost
from settings import Settings


def told(stacks: Updates, region: str, settings: Settings, commit: str, refresh: bool = False) -> Told:
    """What an update would do, or why nobody knows. A region that fails raises nothing: the others are told too."""
    role = "home" if settings.is_home else "standby"
    try:
        found = stacks.preview(region, refresh)
        refused = tuple(lost(found.document)) if found.document else ()
    except DeliveryError as error:
        return Told(region, role, commit, errors=(str(error),))
    return Told(
        region,
        role,
        commit,
        steps=tuple((step.change.value, step.type, step.name, step.reasons) for step in found.changed),
        violations=tuple(
            (one.level, one.pack, one.policy, one.urn.rpartition("::")[2], one.message) for one in found.violations
        ),
        refused=refused,
        errors=found.errors,
        warnings=found.warnings,
        packs=stacks.packs,
    )
