"""The promised numbers, measured as ratios and growths within one run."""

from rehearsal.bench.measure import Measure, show
from rehearsal.bench.suite import run

__all__ = ["Measure", "run", "show"]
