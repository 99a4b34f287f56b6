"""Volumes that outlive what uses them: storage classes, claims, and what becomes of a StatefulSet's claims."""

from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable, at, flag_at, list_at, says_true, text_at
from policies.checks.tokens import POSTGRESQL, STATEFUL_SET, STORAGE_CLASS, VOLUME_CLAIM
from policies.checks.whole import Whole, each

EBS = ("ebs.csi.aws.com", "kubernetes.io/aws-ebs")


def storage_class(resource: Resource, limits: Limits) -> Iterator[str]:
    """The defaults are Delete, Immediate and no growth (kubernetes.io/docs/concepts/storage/storage-classes)."""
    del limits
    inputs = resource.inputs
    if text_at(inputs, "reclaimPolicy", default="Delete") != "Retain":
        yield "reclaimPolicy is not Retain: a volume is deleted with its claim"
    if text_at(inputs, "volumeBindingMode", default="Immediate") != "WaitForFirstConsumer":
        yield "volumeBindingMode is not WaitForFirstConsumer: volumes come up in zones where their pods may not run"
    if not flag_at(inputs, "allowVolumeExpansion", default=False):
        yield "allowVolumeExpansion is not true: a full volume cannot grow"
    if text_at(inputs, "provisioner") in EBS and not says_true(inputs, "parameters", "encrypted"):
        yield 'parameters.encrypted is not "true"'


def kept_claims(resource: Resource, limits: Limits) -> Iterator[str]:
    """A StatefulSet's data is on claims that stay when it is scaled in or deleted; Retain is Kubernetes' default."""
    del limits
    spec = at(resource.inputs, "spec")
    if not list_at(spec, "volumeClaimTemplates"):
        yield "has no volumeClaimTemplates: its data goes with its pods"
    for event in ("whenDeleted", "whenScaled"):
        if text_at(spec, "persistentVolumeClaimRetentionPolicy", event, default="Retain") != "Retain":
            yield f"persistentVolumeClaimRetentionPolicy.{event} is not Retain: its volumes go"


def postgresql_data(resource: Resource, limits: Limits) -> Iterator[str]:
    """WAL on a volume of its own keeps a full one from taking the data with it; checksums tell of rotten pages."""
    del limits
    spec = at(resource.inputs, "spec")
    for volume, otherwise in (
        ("storage", "has no volume for its data"),
        ("walStorage", "keeps its WAL beside its data: a cut link or a full archive fills the volume of both"),
    ):
        if not text_at(spec, volume, "size"):
            yield f"spec.{volume}.size is not stated: it {otherwise}"
    made = at(spec, "bootstrap", "initdb")
    if made is not None and not flag_at(made, "dataChecksums", default=False):
        yield "bootstrap.initdb.dataChecksums is not true: a rotten page is not noticed, and cannot be turned on later"


def named_classes(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Where the stack makes a class, every claim is of it: the cluster's default deletes volumes as a rule."""
    del limits
    classes = {metadata.name(resource) for resource in whole.of(STORAGE_CLASS)}

    def check(resource: Resource) -> Iterator[str]:
        for path, name in _claims(resource):
            if name not in classes:
                yield f"{path} is not of a StorageClass of this stack: the cluster's default decides what becomes of it"

    if classes:
        yield from each(whole.of(STATEFUL_SET, VOLUME_CLAIM, POSTGRESQL), check)


def unnamed(whole: Whole) -> list[str]:
    """Resources with claims of no StorageClass that the stack makes; what cannot be read is another rule's."""
    found: list[str] = []
    if whole.of(STORAGE_CLASS):
        return found
    for resource in whole.of(STATEFUL_SET, VOLUME_CLAIM, POSTGRESQL):
        try:
            found += [resource.name] if any(True for _ in _claims(resource)) else []
        except Unreadable:
            continue
    return found


def _claims(resource: Resource) -> Iterator[tuple[str, str]]:
    """Where a claim is stated, and the class that it names."""
    spec = at(resource.inputs, "spec")
    if resource.type == VOLUME_CLAIM:
        yield "spec", text_at(spec, "storageClassName")
    elif resource.type == POSTGRESQL:
        for volume in ("storage", "walStorage"):
            if at(spec, volume) is not None:
                yield f"spec.{volume}", text_at(spec, volume, "storageClass")
    else:
        for index, claim in enumerate(list_at(spec, "volumeClaimTemplates")):
            yield f"spec.volumeClaimTemplates[{index}]", text_at(claim, "spec", "storageClassName")
