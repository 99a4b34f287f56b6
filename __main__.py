"""One region of SomaFractalMemory. `pulumi up -s us-east` brings the picture in README.md up, top to bottom."""

import pulumi

from components.configuration import load_settings
from components.region import Region

settings = load_settings()
region = Region(settings.region.name, settings)

for name, value in region.outputs().items():
    pulumi.export(name, value)
