"""The engines that bring a region up, behind one seam (`model.Engine`)."""

from pathlib import Path

from rehearsal import paths
from rehearsal.engine.model import Engine
from rehearsal.errors import RehearsalError

ENGINES = ("in-process", "pulumi")


def choose(name: str | None = None, checkout: Path = paths.CHECKOUT) -> Engine:
    """The engine of that name; unnamed, the Pulumi CLI where it is there with its plugins, else the one in process."""
    from rehearsal.engine import cli, elsewhere  # here, for each engine takes a second to import
    from rehearsal.engine.in_process import InProcessEngine
    from rehearsal.engine.project import Project

    if name is not None and name not in ENGINES:
        raise RehearsalError(f"no engine {name!r}: choose one of {', '.join(ENGINES)}")
    if name == "pulumi" or (name is None and cli.available()):
        return cli.PulumiEngine(checkout)
    project = Project.load(checkout)
    return InProcessEngine(checkout, there=lambda region: elsewhere.stated(project.settings()[region]))
