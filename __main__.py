"""One region of SomaFractalMemory. `pulumi up -s us-east` brings the picture in README.md up, top to bottom."""

import pulumi

from components.configuration import load_settings
from components.region import Region

settings = load_settings()
region = Region(settings.region.name, settings)

pulumi.export("endpoint", region.endpoint)
pulumi.export("region", settings.region.name)
pulumi.export("role", region.role)
pulumi.export("namespace", region.platform.placement.namespace)
outputs = {**region.for_standbys(), **region.for_regions(), **region.for_monitoring(), **region.for_next_run()}
for name, value in outputs.items():
    pulumi.export(name, value)
