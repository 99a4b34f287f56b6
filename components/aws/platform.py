"""The ground of a region that is made from nothing on AWS: network, cluster, nodes, volumes; then as everywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import ResourceOptions

from components import copy_place, region_order, service_values
from components.aws import eks, load_balancer_controller, network, peers, storage
from components.aws.backups import RegionBackups, RegionBackupsArgs
from components.aws.inner_certificate import InnerCertificate, InnerCertificateArgs
from components.aws.links import OUTPUT
from components.aws.providers import aws_region, provider_in
from components.aws.reach import Reach, ReachArgs
from components.backup_store import BackupStores
from components.placement import Placement
from components.platform import lay
from components.services import PlatformServices, ServicesArgs, merged
from settings import Settings

PREFIX: Final = "somafractalmemory"
CONTROLLER: Final = "aws-load-balancer-controller"
BALANCER_SECONDS: Final = 150
UNSEEN: Final = {
    part: {"enabled": False} for part in ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy")
}
"""What EKS runs where nobody can look: targets that would be down for ever. kube-proxy answers on its node alone."""


@dataclass(frozen=True)
class AwsPlatformArgs:
    """What the ground needs to know."""

    settings: Settings
    after: Sequence[pulumi.Input[pulumi.Resource]] = ()
    """Must be there before the first object is made: what was checked of the run before and of the home region."""


class AwsPlatform(pulumi.ComponentResource):
    """A VPC over the region's zones, an EKS cluster in it, nodes in each zone, and the region's namespace on it.

    A VPC or a cluster that is there already is taken as it is.
    """

    placement: Placement
    """Where the region's components land."""

    backups: BackupStores | None

    def __init__(self, name: str, args: AwsPlatformArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:platform:Aws", name, {}, opts)
        settings, aws = args.settings, args.settings.aws
        self._name, self._settings = name, settings
        self._aws_region = aws_region(settings.region)
        self._account = account(settings)
        self._cluster_name = aws.cluster.existing.name if aws.cluster.existing else f"{PREFIX}-{settings.region.name}"
        self._peers = peers.read(f"{name}-peer", settings, args.after, ResourceOptions(parent=self))
        after = [*args.after, *(peer.checked for peer in self._peers.values())]
        # Every resource of the region on AWS is made by it, and so after what has to be there before.
        self._provider_of_aws = provider_in(
            f"{name}-aws",
            self._aws_region,
            self._account,
            self._tags,
            ResourceOptions(parent=self, depends_on=after),
        )
        self._own = ResourceOptions(parent=self, provider=self._provider_of_aws)
        self._network = self._make_network()
        self._cluster = self._make_cluster()
        self._inner = self._inner_certificate()
        self._volumes = storage.storage_class(
            f"{name}-storage-class",
            ResourceOptions(parent=self, provider=self._cluster.provider, depends_on=after),
        )
        self._services = self._install_services(after)
        self.placement = self._lay(after)
        self.backups = self._make_backups(after).stores if settings.backs_up else None
        self.register_outputs({"namespace": self.placement.namespace})

    @property
    def _tags(self) -> Mapping[str, str]:
        own = {"soma:region": self._settings.region.name, "soma:project": PREFIX, "soma:managed-by": "pulumi"}
        return {**own, **self._settings.aws.tags}

    def _make_network(self) -> network.NetworkFacts:
        settings = self._settings
        existing, cidr = settings.aws.network.existing, settings.multiregion.vpc(settings.region.name)
        if existing is not None:
            return network.of_yours(existing, cidr, settings.zone_values)
        args = network.NetworkArgs(
            region=settings.region.name,
            aws_region=self._aws_region,
            account=self._account,
            cidr=cidr,
            zones=settings.zone_values,
            cluster=self._cluster_name,
            flow_log_days=settings.aws.network.flow_log_days,
        )
        return network.Network(f"{self._name}-network", args, self._own)

    def _make_cluster(self) -> eks.ClusterFacts:
        settings, name = self._settings, f"{self._name}-eks"
        existing = settings.aws.cluster.existing
        if existing is not None:
            return eks.of_yours(name, settings.region.name, existing, settings.kubernetes, self)
        args = eks.EksArgs(
            region=settings.region.name,
            name=self._cluster_name,
            account=self._account,
            aws_region=self._aws_region,
            settings=settings.aws,
            network=self._network,
            tags=self._tags,
        )
        return eks.Eks(name, args, self._own).facts

    def _inner_certificate(self) -> InnerCertificate | None:
        settings = self._settings
        if settings.aws.dns.hosted_zone is None or not settings.ingress.enabled:
            return None
        args = InnerCertificateArgs([rule.host for rule in settings.answered.rules])
        return InnerCertificate(f"{self._name}-inner", args, ResourceOptions(parent=self))

    def _install_services(self, after: Sequence[pulumi.Input[pulumi.Resource]]) -> PlatformServices:
        settings, cluster = self._settings, self._cluster
        values, before = self._controller() if CONTROLLER in settings.services_to_install else ({}, [])
        args = ServicesArgs(
            provider=cluster.provider,
            names=settings.services_to_install,
            settings=settings.kubernetes,
            more_values={
                CONTROLLER: values,
                "nginx-ingress": {"controller": self._ingress_controller()},
                "kube-prometheus-stack": merged(
                    merged(UNSEEN, service_values.monitoring_volumes(storage.NAME)),
                    service_values.monitoring(settings.region.name, settings.monitoring, home=settings.is_home),
                ),
            },
            after=[*before, *cluster.ready, self._volumes, *after],
        )
        return PlatformServices(f"{self._name}-services", args, self._own)

    def _controller(self) -> tuple[Mapping[str, Any], list[pulumi.Resource]]:
        """One that is there already has a role of its own."""
        args = load_balancer_controller.ControllerArgs(
            cluster_name=self._cluster.name,
            cluster=self._cluster.serving_name,
            account=self._account,
            aws_region=self._aws_region,
            vpc_id=self._network.vpc_id,
        )
        return load_balancer_controller.controller(f"{self._name}-load-balancers", args, self._own)

    def _ingress_controller(self) -> Mapping[str, Any]:
        """Its load balancer is the program's own, and slow: a target takes two minutes until it gets traffic, and as
        long until it gets none any more (kubernetes-sigs/aws-load-balancer-controller, issue 2366 and
        docs/deploy/pod_readiness_gate.md). So a rollout waits for the one, and a pod that goes for the other.
        """
        return {
            "service": {"type": "ClusterIP"},
            "minReadySeconds": BALANCER_SECONDS,
            "lifecycle": {"preStop": {"sleep": {"seconds": BALANCER_SECONDS}}},
            "terminationGracePeriodSeconds": BALANCER_SECONDS + service_values.INGRESS_ENDS,
            **service_values.ingress_controller(self._settings.ingress),
            **({} if self._inner is None else {"defaultTLS": self._inner.default_tls()}),
        }

    def _lay(self, after: Sequence[pulumi.Input[pulumi.Resource]]) -> Placement:
        settings, cluster = self._settings, self._cluster
        ground = Placement(
            region=settings.region.name,
            namespace=settings.kubernetes.namespace,
            zones=tuple(settings.zone_values.values()),
            provider=cluster.provider,
            storage_class=settings.kubernetes.storage_class or storage.NAME,
            stateful_nodes=cluster.stateful_nodes,
            api_server_ranges=settings.api_server_ranges,
            own_load_balancers=True,
        )
        return lay(self._name, ground, self, [self._volumes, *self._services.ready, *after])

    def _make_backups(self, after: Sequence[pulumi.Input[pulumi.Resource]]) -> RegionBackups:
        args = RegionBackupsArgs(
            settings=self._settings,
            account=self._account,
            tags=self._tags,
            cluster_name=self._cluster.name,
            cluster=self._cluster.serving_name,
            after=after,
        )
        return RegionBackups(f"{self._name}-backups", args, self._own)

    def open(self, name: str, opts: ResourceOptions) -> Mapping[str, Any]:
        """Load balancers, names and links; stack outputs for the owners of links to this region, and for its own next
        run, which must find the regions in the same order and the copies in the same place.
        """
        args = ReachArgs(
            settings=self._settings,
            cluster_name=self._cluster_name,
            account=self._account,
            network=self._network,
            pods=self._cluster.pods,
            placement=self.placement,
            provider=self._provider_of_aws,
            tags=self._tags,
            peers=self._peers,
            inner=self._inner,
            after=self._services.ready,
        )
        reach = Reach(name, args, ResourceOptions.merge(opts, ResourceOptions(provider=self._provider_of_aws)))
        return {
            OUTPUT: reach.output,
            region_order.OUTPUT: list(self._settings.regions),
            copy_place.OUTPUT: copy_place.own(self._settings) or "",
        }


def account(settings: Settings) -> str:
    """The account of the region; the settings' rules see to it that it is stated."""
    found = settings.aws.account
    assert found is not None  # noqa: S101  (settings/rules/aws.py)
    return found
