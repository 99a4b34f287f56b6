"""kubelet on one node."""

from pathlib import Path
from typing import Any

import yaml

from rehearsal.real import addresses, containerd
from rehearsal.real.machine import Machine


def start(machine: Machine, program: Path, kubeconfig: Path, number: int, zone: str, region: str) -> None:
    """Starts it; the node registers itself with the labels of its zone and region."""
    config = machine.directory / "kubelet.yaml"
    config.write_text(yaml.safe_dump(configuration(machine, number), sort_keys=False))
    labels = {"topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": region}
    command = [
        str(program),
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={machine.directory.name}",
        f"--node-ip={addresses.node(number)}",
        f"--node-labels={','.join(f'{key}={value}' for key, value in labels.items())}",
        f"--containerd={containerd.socket(machine)}",  # for cAdvisor, which says by it whose each container is
        "--root-dir=/var/lib/kubelet",
        "--cert-dir=/var/lib/kubelet/pki",
    ]
    machine.run("kubelet", command)


def configuration(machine: Machine, number: int) -> dict[str, Any]:
    """KubeletConfiguration. Anybody in the namespace may call kubelet: it is a rehearsal's, and nobody else is there.

    Memory limits hold; CPU limits do not: three nodes share one machine, and probes would miss their time. Each node
    reports the whole machine as its own.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": addresses.node(number),
        "port": addresses.KUBELET_PORT,
        "healthzPort": 0,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{containerd.socket(machine)}",
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "cpuCFSQuota": False,
        "clusterDNS": [addresses.DNS],
        "clusterDomain": addresses.DNS_DOMAIN,
        "resolvConf": "",
        # nothing is evicted and no image removed because of what else is on the machine's disk
        "evictionHard": dict.fromkeys(["imagefs.available", "nodefs.available", "nodefs.inodesFree"], "0%"),
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "eventRecordQPS": 50,
        "shutdownGracePeriod": "0s",
        "volumeStatsAggPeriod": "10s",  # how full volumes are
    }
