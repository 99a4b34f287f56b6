"""What a region was brought up with, kept on its cluster."""

import json
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from components.objects import labels, metadata, untyped
from components.placement import Placement
from settings import Settings

NAME = "region-settings"
_OF_THE_OPERATORS_MACHINE = {"kubernetes": {"kubeconfig", "context"}, "aws": {"cluster": {"token_command"}}}
_SECRET = {"backups": {"s3": {"access_key_id", "secret_access_key"}}}


class SettingsRecord(pulumi.ComponentResource):
    """A ConfigMap with every setting of the region, defaults included: `kubectl get configmap region-settings`. Beside
    them its zones, as the cluster labels them, which follow from several settings.

    Who is called at night sees what was meant without the repository, and drift between regions is one `diff`.
    (kubeadm keeps its ClusterConfiguration in kube-system/kubeadm-config for the same reason.) What is
    secret among them is left out.
    """

    def __init__(
        self, name: str, placement: Placement, settings: Settings, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("soma:region:SettingsRecord", name, {}, opts)
        kubernetes.core.v1.ConfigMap(
            f"{name}-settings",
            metadata=untyped(metadata(NAME, placement, labels(NAME, "platform"))),
            data={
                "settings.json": json.dumps(recorded(settings), indent=2),
                "zones.json": json.dumps(settings.zone_values, indent=2),
            },
            opts=ResourceOptions(parent=self, provider=placement.provider),
        )
        self.register_outputs({})


def recorded(settings: Settings) -> dict[str, Any]:
    """The settings as JSON values under the keys of a stack file; the way to the cluster is left out."""
    return settings.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={**_OF_THE_OPERATORS_MACHINE, **_SECRET}
    )
