"""The class of every volume that the region's stores ask for."""

import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from components.objects import labels, untyped

NAME = "somafractalmemory"


def storage_class(name: str, opts: ResourceOptions) -> kubernetes.storage.v1.StorageClass:
    """Encrypted gp3 volumes (github.com/kubernetes-sigs/aws-ebs-csi-driver, docs/parameters.md).

    They are made in the zone that the pod was given, outlive their claims, and can grow.
    """
    return kubernetes.storage.v1.StorageClass(
        name,
        metadata=untyped({"name": NAME, "labels": labels(NAME, "storage")}),
        provisioner="ebs.csi.aws.com",
        parameters={"type": "gp3", "encrypted": "true"},
        volume_binding_mode="WaitForFirstConsumer",
        reclaim_policy="Retain",
        allow_volume_expansion=True,
        opts=opts,
    )
