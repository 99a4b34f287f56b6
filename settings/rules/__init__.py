"""Rules across fields and blocks, by concern."""

from settings.rules import (
    availability,
    aws,
    aws_ingress,
    aws_names,
    aws_regions,
    aws_zones,
    backups,
    images,
    least,
    monitoring,
    placement,
    promotion,
    regions,
    sizes,
    traffic,
    workload,
)

RULES = (
    *availability.RULES,
    *sizes.RULES,
    *least.RULES,
    *placement.RULES,
    *regions.RULES,
    *promotion.RULES,
    *traffic.RULES,
    *monitoring.RULES,
    *images.RULES,
    *aws.RULES,
    *aws_regions.RULES,
    *aws_zones.RULES,
    *aws_names.RULES,
    *aws_ingress.RULES,
    *backups.RULES,
    *workload.RULES,
)
"""All rules; their order does not matter, since faults are put in the order of the file."""
