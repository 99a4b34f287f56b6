"""One of three regions. `pulumi up -s us-east` brings the home region up, us-west and eu-west its standbys."""

import pulumi

from components.configuration import load_settings
from components.region import Region

settings = load_settings()
region = Region(settings.region.name, settings)

for name, value in region.outputs().items():
    pulumi.export(name, value)
