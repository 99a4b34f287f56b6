"""Types that run or scale pods and cannot be judged are refused; what runs no pods is left alone."""

import pytest
from pulumi_kubernetes import apps, autoscaling, core, extensions, helm, kustomize, policy, yaml

from tests.unit.policy_region import Region, metadata, template

OTHER_VERSIONS = {
    "kubernetes:apps/v1beta1:Deployment": apps.v1beta1.Deployment,
    "kubernetes:apps/v1beta2:Deployment": apps.v1beta2.Deployment,
    "kubernetes:extensions/v1beta1:Deployment": extensions.v1beta1.Deployment,
    "kubernetes:apps/v1beta1:StatefulSet": apps.v1beta1.StatefulSet,
    "kubernetes:apps/v1beta2:StatefulSet": apps.v1beta2.StatefulSet,
    "kubernetes:apps/v1beta2:DaemonSet": apps.v1beta2.DaemonSet,
    "kubernetes:extensions/v1beta1:DaemonSet": extensions.v1beta1.DaemonSet,
    "kubernetes:apps/v1beta2:ReplicaSet": apps.v1beta2.ReplicaSet,
    "kubernetes:extensions/v1beta1:ReplicaSet": extensions.v1beta1.ReplicaSet,
    "kubernetes:policy/v1beta1:PodDisruptionBudget": policy.v1beta1.PodDisruptionBudget,
    "kubernetes:autoscaling/v2beta2:HorizontalPodAutoscaler": autoscaling.v2beta2.HorizontalPodAutoscaler,
}
PATCHES = {
    "kubernetes:apps/v1:DeploymentPatch": apps.v1.DeploymentPatch,
    "kubernetes:apps/v1:StatefulSetPatch": apps.v1.StatefulSetPatch,
    "kubernetes:apps/v1beta2:DaemonSetPatch": apps.v1beta2.DaemonSetPatch,
    "kubernetes:core/v1:PodPatch": core.v1.PodPatch,
    "kubernetes:policy/v1:PodDisruptionBudgetPatch": policy.v1.PodDisruptionBudgetPatch,
    "kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch": autoscaling.v2.HorizontalPodAutoscalerPatch,
    "kubernetes:autoscaling/v1:HorizontalPodAutoscalerPatch": autoscaling.v1.HorizontalPodAutoscalerPatch,
}
MAKERS = {
    "kubernetes:helm.sh/v3:Release": helm.v3.Release,
    "kubernetes:helm.sh/v4:Chart": helm.v4.Chart,
    "kubernetes:kustomize/v2:Directory": kustomize.v2.Directory,
    "kubernetes:yaml/v2:ConfigFile": yaml.v2.ConfigFile,
    "kubernetes:yaml/v2:ConfigGroup": yaml.v2.ConfigGroup,
}
"""Those that the SDK has as classes; older ones name their type in their constructor."""


@pytest.fixture
def region() -> Region:
    return Region()


def refused(region: Region, token: str, saying: str) -> None:
    pods = template({"app": "other"}, containers=[{"name": "other"}])
    region.add("other", token, {"metadata": metadata("other"), "spec": {"replicas": 1, "template": pods}})
    region.refused("readable", "nothing-missing", saying=f"other: {saying}")


@pytest.mark.parametrize(("token", "declared"), [*OTHER_VERSIONS.items(), *PATCHES.items(), *MAKERS.items()])
def test_the_types_are_those_of_the_kubernetes_sdk(token: str, declared: type) -> None:
    assert getattr(declared, "pulumi_type") == token  # noqa: B009


@pytest.mark.parametrize("token", OTHER_VERSIONS)
def test_a_workload_of_another_version_is_refused(region: Region, token: str) -> None:
    kind = token.rpartition(":")[2]
    version = {"PodDisruptionBudget": "policy/v1", "HorizontalPodAutoscaler": "autoscaling/v2"}.get(kind, "apps/v1")
    refused(region, token, f"this pack cannot judge {kind} of this API version: use {kind} of {version}")


@pytest.mark.parametrize("kind", ["Cluster", "Pooler"])
def test_a_database_of_another_version_is_refused(region: Region, kind: str) -> None:
    said = f"this pack cannot judge {kind} of this API version: use the one of postgresql.cnpg.io/v1"
    refused(region, f"kubernetes:postgresql.cnpg.io/v2:{kind}", said)


def test_a_replication_controller_is_refused(region: Region) -> None:
    said = "this pack cannot judge a ReplicationController: use Deployment of apps/v1"
    refused(region, "kubernetes:core/v1:ReplicationController", said)


@pytest.mark.parametrize("token", [*PATCHES, "kubernetes:postgresql.cnpg.io/v1:ClusterPatch"])
def test_a_patch_of_what_runs_pods_is_refused(region: Region, token: str) -> None:
    refused(region, token, "this pack cannot judge a patch, which shows only a part of an object: state the whole")


@pytest.mark.parametrize("token", ["kubernetes:apps/v1:DeploymentList", "kubernetes:policy/v1:PodDisruptionBudgetList"])
def test_a_list_of_what_runs_pods_is_refused(region: Region, token: str) -> None:
    refused(region, token, "this pack cannot judge a list: declare each object by itself")


@pytest.mark.parametrize(
    "token",
    [
        *MAKERS,
        "kubernetes:helm.sh/v3:Chart",
        "kubernetes:helm.sh/v2:Chart",
        "kubernetes:kustomize:Directory",
        "kubernetes:yaml:ConfigFile",
        "kubernetes:yaml:ConfigGroup",
    ],
)
def test_what_makes_objects_out_of_sight_is_refused(region: Region, token: str) -> None:
    refused(region, token, "this pack cannot judge what it makes: declare the objects as resources of the program")


@pytest.mark.parametrize(
    ("token", "instead"),
    [
        ("kubernetes:argoproj.io/v1alpha1:Rollout", "Deployment of apps/v1"),
        ("kubernetes:keda.sh/v1alpha1:ScaledObject", "HorizontalPodAutoscaler of autoscaling/v2"),
    ],
)
def test_a_custom_kind_that_runs_or_scales_pods_is_refused(region: Region, token: str, instead: str) -> None:
    refused(region, token, f"this pack cannot judge a {token.rpartition(':')[2]}: use {instead}")


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:core/v1:SecretPatch",
        "kubernetes:core/v1:ConfigMapPatch",
        "kubernetes:core/v1:PodTemplate",
        "kubernetes:networking.k8s.io/v1:NetworkPolicyList",
        "kubernetes:cluster.x-k8s.io/v1beta1:Cluster",
        "kubernetes:cluster.x-k8s.io/v1beta1:ClusterPatch",
        "soma:data:Deployment",
        "pulumi:pulumi:Stack",
    ],
)
def test_what_runs_no_pods_is_left_alone(region: Region, token: str) -> None:
    region.add("other", token, {"metadata": metadata("other")})
    region.accepted()


def test_an_autoscaler_of_the_first_version_is_read_like_the_second(region: Region) -> None:
    _, manifest = region.manifests["memory-service-autoscaler"]
    region.add("memory-service-autoscaler", "kubernetes:autoscaling/v1:HorizontalPodAutoscaler", manifest)
    region.accepted()
    region.set("memory-service-autoscaler", "spec.minReplicas", 2)
    region.refused("autoscaler-minimum", saying="may scale down to 2, at least 3 are required")
