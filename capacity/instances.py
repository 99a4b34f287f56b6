"""Machines that a plan may count with, and what of each is left for pods."""

from typing import Final, NamedTuple

from capacity import facts


class InstanceType(NamedTuple):
    """A machine."""

    name: str
    cores: int
    gibibytes: int
    max_pods: int
    """Without prefix delegation (github.com/awslabs/amazon-eks-ami, eni-max-pods.txt)."""

    @property
    def allocatable_cores(self) -> float:
        """What the kubelet leaves: 6 % of the first core, 1 % of the second, 0.5 % of two more, 0.25 % of the rest
        are kept (github.com/awslabs/amazon-eks-ami, nodeadm), and what every node runs.
        """
        kept = 0.06 + 0.01 + 0.005 * min(2, self.cores - 2) + 0.0025 * max(0, self.cores - 4)
        return self.cores - kept - facts.DAEMONS_CPU.value

    @property
    def allocatable_bytes(self) -> float:
        """255 MiB and 11 MiB a pod are kept (the same), about 3 % are the kernel's, and what every node runs."""
        kept = (255 + 11 * self.max_pods) * facts.MIB + facts.EVICTION.value + facts.DAEMONS_BYTES.value
        return self.gibibytes * facts.GIB * 0.97 - kept


TYPES: Final = (
    InstanceType("m7i.xlarge", 4, 16, 58),
    InstanceType("m7i.2xlarge", 8, 32, 58),
    InstanceType("m7i.4xlarge", 16, 64, 234),
    InstanceType("m7i.8xlarge", 32, 128, 234),
    InstanceType("m7i.16xlarge", 64, 256, 737),
    InstanceType("r7i.xlarge", 4, 32, 58),
    InstanceType("r7i.2xlarge", 8, 64, 58),
    InstanceType("r7i.4xlarge", 16, 128, 234),
    InstanceType("r7i.8xlarge", 32, 256, 234),
    InstanceType("r7i.16xlarge", 64, 512, 737),
)
"""General and memory-heavy machines of one generation; docs.aws.amazon.com/ec2/latest/instancetypes."""
LEFT: Final = {each.name: (each.allocatable_cores, each.allocatable_bytes) for each in TYPES}
