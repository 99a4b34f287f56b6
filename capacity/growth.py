"""Each component against its limit, month by month: in the terminal, and as a picture."""

from pathlib import Path
from typing import NamedTuple

from capacity import facts, service
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import SERVICE, Plan, needs_of

_MORE = 12
"""Months beyond the horizon."""
_LEVELS = " ▁▂▃▄▅▆▇█"


class Line(NamedTuple):
    """A need as a share of what the plan gives, at the start of each month."""

    name: str
    shares: tuple[float, ...]

    @property
    def over(self) -> int | None:
        """The first month in which it is more."""
        return next((month for month, share in enumerate(self.shares) if share > 1), None)


def lines(of: Plan) -> list[Line]:
    """Every need, and the service's own limits."""
    months = range(of.workload.horizon_months + _MORE + 1)
    loads = [load(of.workload, month * facts.MONTH_DAYS, QUIET) for month in months]
    needs = [needs_of(of.workload, at, of.layout).flat() for at in loads]
    found = [Line(name, tuple(each[name] / most for each in needs)) for name, most in of.provided.items()]
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


def picture(of: Plan, file: Path) -> None:
    """The same as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(11, 7))
    for line in lines(of):
        axes.plot(range(len(line.shares)), line.shares, label=line.name)
    axes.axhline(1, color="black", linestyle="--", linewidth=1)
    axes.axvline(of.workload.horizon_months, color="grey", linestyle=":", linewidth=1)
    axes.set(xlabel="months", ylabel="share of what the plan gives", ylim=(0, 2), title="Growth against the plan")
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(file, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
