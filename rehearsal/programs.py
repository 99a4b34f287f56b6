"""The command lines of the control plane's programs, and how each is told to be quick on one machine."""

from dataclasses import dataclass
from pathlib import Path

from rehearsal.binaries import Binaries
from rehearsal.ground import LOOPBACK, Ground

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_RANGE_FIRST = "10.96.0.1"
"""The address of the Service `kubernetes`, which the serving certificate must name."""
POD_RANGE = "10.244.0.0/16"
ETCD_SOCKET = "unix://etcd:0"
"""A socket in the control plane's directory, mode 0700: no port, and nobody else on the machine reads the secrets."""
PEER_SOCKET = "unix://peer:0"
SIMULATED = "kwok.x-k8s.io/simulated"
"""Label of the nodes that KWOK plays the kubelet for; a node that loses it goes NotReady as one that lost power."""


@dataclass(frozen=True)
class Place:
    """Where one control plane keeps its files and listens."""

    directory: Path
    port: int
    ground: Ground = LOOPBACK

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.directory / "pki"

    @property
    def tokens(self) -> Path:
        """The static token file of the API server."""
        return self.directory / "tokens.csv"

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig of one of the control plane's own programs."""
        return self.directory / f"{user}.kubeconfig"


def etcd(tools: Binaries, place: Place) -> list[str]:
    """One member, without fsync: what a power cut would lose is made anew by the next `up`."""
    return [
        *place.ground.enter,
        str(tools.etcd),
        f"--data-dir={place.directory / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={ETCD_SOCKET}",
        f"--advertise-client-urls={ETCD_SOCKET}",
        f"--listen-peer-urls={PEER_SOCKET}",
        f"--initial-advertise-peer-urls={PEER_SOCKET}",
        f"--initial-cluster=default={PEER_SOCKET}",
        "--log-level=warn",
    ]


def api_server(tools: Binaries, place: Place) -> list[str]:
    """RBAC, the default admission plugins, and the aggregation layer for metrics.k8s.io."""
    pki = place.pki
    return [
        *place.ground.enter,
        str(tools.kube_apiserver),
        f"--etcd-servers={ETCD_SOCKET}",
        f"--secure-port={place.port}",
        f"--bind-address={place.ground.bind}",
        *(_to_real_nodes(place.ground.advertise) if place.ground.advertise is not None else ()),
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--service-account-key-file={pki / 'sa.key'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={place.tokens}",
        "--authorization-mode=RBAC",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--allow-privileged",
        f"--requestheader-client-ca-file={pki / 'proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'proxy.crt'}",
        f"--proxy-client-key-file={pki / 'proxy.key'}",
        "--profiling=false",
        "--shutdown-delay-duration=0s",
    ]


def _to_real_nodes(advertise: str) -> list[str]:
    """Pods reach the server at `advertise`; it reaches kubelets by address, for no name of theirs resolves."""
    return [f"--advertise-address={advertise}", "--kubelet-preferred-address-types=InternalIP"]


LEASE_SECONDS = 40
"""Of a simulated node's lease; renewed every quarter of it, as by kubelet."""
HURRIED_SECONDS = 12
"""After which a silent node is noticed in a drill, instead of the default 50: its lease is renewed the more often."""


def controller_manager(tools: Binaries, place: Place, hurried: bool = False) -> list[str]:
    """Every default controller, and the host-path provisioner so that claims bind.

    Autoscalers look every 5 s instead of 15, take a new pod's usage at once instead of after 5 min, and scale down
    after 30 s of less load instead of 5 min, unless they state a window of their own.
    """
    return [
        *place.ground.enter,
        str(tools.kube_controller_manager),
        f"--kubeconfig={place.kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={place.pki / 'sa.key'}",
        f"--root-ca-file={place.pki / 'ca.crt'}",
        "--enable-hostpath-provisioner",
        "--leader-elect=false",
        "--secure-port=0",
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
        "--horizontal-pod-autoscaler-downscale-stabilization=30s",
        "--pvclaimbinder-sync-period=2s",
        *((f"--node-monitor-grace-period={HURRIED_SECONDS}s", "--node-monitor-period=1s") if hurried else ()),
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]


def scheduler(tools: Binaries, place: Place) -> list[str]:
    """The default profile: spread, affinity, taints and volumes count as in a real cluster."""
    return [
        *place.ground.enter,
        str(tools.kube_scheduler),
        f"--kubeconfig={place.kubeconfig('scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]


def kwok(tools: Binaries, place: Place, stages: Path, hurried: bool = False) -> list[str]:
    """Plays the kubelets of the labelled nodes, by the stages in `stages`. Serves nothing: no logs, no exec."""
    return [
        str(tools.kwok),
        f"--kubeconfig={place.kubeconfig('kwok')}",
        *(f"--config={file}" for file in sorted(stages.glob("*.yaml"))),
        f"--manage-nodes-with-label-selector={SIMULATED}=true",
        f"--node-lease-duration-seconds={HURRIED_SECONDS if hurried else LEASE_SECONDS}",
        f"--cidr={POD_RANGE}",
        "--node-ip=",
    ]
