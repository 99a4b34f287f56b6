"""An object store that asks for keys: the Secret with them, for the region's pods."""

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes import core

from components import objects
from components.backup_store import CREDENTIALS, BackupStores, ObjectStore
from components.placement import Placement
from settings.backups import ObjectStore as OfYours


def store_of_yours(name: str, settings: OfYours, placement: Placement, parent: pulumi.Resource) -> BackupStores:
    """The store as the settings describe it, and the Secret with its keys.

    Every region has folders of its own: others' backups are looked for in the same bucket, which is one for all
    regions, or into which others are copied.
    """
    key, secret = settings.access_key_id.get_secret_value(), settings.secret_access_key.get_secret_value()
    made = core.v1.Secret(
        f"{name}-credentials",
        metadata=objects.untyped(objects.metadata(CREDENTIALS, placement, objects.labels("backups", "backup"))),
        # The SDK marks what a Secret holds as secret.
        string_data={
            "access-key-id": key,
            "secret-access-key": secret,
            "credentials": f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n",
        },
        opts=ResourceOptions(parent=parent, provider=placement.provider),
    )
    store = ObjectStore(settings.bucket, settings.region, settings.endpoint, has_role=False)
    return BackupStores(store, ready=[made])
