"""Each component against its limit, month by month: in the terminal, and as a picture."""

from pathlib import Path
from typing import Final, NamedTuple

from capacity import facts, limits, service
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import EDGE, POSTGRESQL, QDRANT, REDIS, SERVICE, Plan, needs_of

_MORE = 12
"""Months beyond the horizon."""
_LEVELS = " ▁▂▃▄▅▆▇█"
_DASHES: Final = {SERVICE: "-", QDRANT: "--", POSTGRESQL: "-.", REDIS: ":", EDGE: "-"}
"""Of a component's lines."""
_COLOURS: Final = {
    "cpu": "C0",
    "memory": "C1",
    "storage": "C2",
    "wal_storage": "C3",
    "pods": "C4",
    "max_memories": "C5",
    "store_time": "C6",
    "poolers": "C7",
    f"{EDGE}.pods": "C8",
}
"""By what of a component it is; those of matplotlib, which are told apart in most sights."""


class Line(NamedTuple):
    """A need as a share of what the plan gives, at the start of each month."""

    name: str
    shares: tuple[float, ...]

    @property
    def over(self) -> int | None:
        """The first month in which it is more."""
        return next((month for month, share in enumerate(self.shares) if share > 1), None)


class Style(NamedTuple):
    """How a line is drawn, no two alike."""

    colour: str
    dashes: str


def style(name: str) -> Style:
    """Of the line of a need."""
    component, _, what = name.partition(".")
    return Style(_COLOURS.get(name) or _COLOURS[what], _DASHES[component])


def lines(of: Plan) -> list[Line]:
    """Every need, the edge that is fullest, and the service's own limits."""
    months = range(of.workload.horizon_months + _MORE + 1)
    loads = [load(of.workload, month * facts.MONTH_DAYS, QUIET) for month in months]
    needs = [limits.asked(of.workload, needs_of(of.workload, at, of.layout)) for at in loads]
    given = limits.given(of)
    edges = [name for name in given if name.startswith(f"{EDGE}.")]
    found = [Line(name, tuple(each[name] / given[name] for each in needs)) for name in given if name not in edges]
    if edges:
        found.append(Line(f"{EDGE}.pods", tuple(max(each[name] / given[name] for name in edges) for each in needs)))
    full, late = of.workload.max_memories, of.workload.objectives.latency_ms / 1000
    held = tuple(at.memories / of.workload.namespaces / full for at in loads)
    seconds = tuple(service.costs(of.workload, at).store / late for at in loads)
    return [*found, Line(f"{SERVICE}.max_memories", held), Line(f"{SERVICE}.store_time", seconds)]


def text(of: Plan) -> str:
    """A row for each; a full block is the limit, an exclamation mark beyond it."""
    found = lines(of)
    wide = max(len(line.name) for line in found)
    rows = [f"{'month':{wide}}  0{' ' * (len(found[0].shares) - 4)}{len(found[0].shares) - 1:>3}  at its limit"]
    for line in found:
        bar = "".join("!" if share > 1 else _LEVELS[min(8, round(share * 8))] for share in line.shares)
        over = "later" if line.over is None else f"month {line.over}"
        rows.append(f"{line.name:{wide}}  {bar}  {over}")
    return "\n".join(rows) + "\n"


def picture(of: Plan, file: Path) -> Path:
    """The same as a PNG. The file that is written: it ends in .png unless `file` has an ending."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    named = file if file.suffix else file.with_name(f"{file.name}.png")
    figure, axes = pyplot.subplots(figsize=(11, 7))
    for line in lines(of):
        drawn = style(line.name)
        axes.plot(range(len(line.shares)), line.shares, drawn.dashes, color=drawn.colour, label=line.name)
    axes.axhline(1, color="black", linewidth=1)
    axes.axvline(of.workload.horizon_months, color="grey", linewidth=1)
    axes.set(xlabel="months", ylabel="share of what the plan gives", ylim=(0, 2), title="Growth against the plan")
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(named, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    return named
