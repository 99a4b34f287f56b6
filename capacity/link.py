"""The link from home to a standby: what it has to carry to keep the lag under the RPO, and the lag of a slower one.

PostgreSQL alone is replicated over it, asynchronously. Qdrant's snapshots reach the other region by their bucket, Redis
begins empty there (docs/promotion.md), and the requests of the region's users to home share the link.
"""

import math

from capacity import facts
from capacity.ledger import QUIET, Ledger
from capacity.workload import Workload

BITS = 8 / 10**6
"""Mbit/s of a byte a second."""


def needed(workload: Workload, wal: float, users: float, ledger: Ledger = QUIET) -> float:
    """Bytes a second, for `wal` and `users` bytes a second at peak; 0 without a standby.

    At the end of a peak, a link that carries less than what is written is `(wal - carried) * lasts` bytes behind, and
    carries them in the objective's seconds; between peaks it is done with the mean, and catches up.
    """
    if len(workload.regions) < 2:
        return 0.0
    lasts, rpo, peak = facts.PEAK_LASTS.value, workload.objectives.rpo_seconds, workload.peak_factor
    value = max(wal * lasts / (lasts + rpo), wal / peak / facts.BUSY.value) + users
    if ledger.keeps:
        ledger.note(
            "network.link",
            value,
            "B/s to each standby",
            "max(wal * lasts / (lasts + rpo), wal / peak / busy) + users",
            wal=wal,
            lasts=facts.PEAK_LASTS,
            rpo=rpo,
            peak=peak,
            busy=facts.BUSY,
            users=users,
        )
    return value


def lag(workload: Workload, wal: float, users: float, rate: float) -> float:
    """Seconds that a standby is behind at the end of a peak, over a link of `rate` bytes a second; infinite where it
    does not even carry the mean. Users come first, for they wait.
    """
    left = rate - users
    if left <= 0 or left < wal / workload.peak_factor:
        return math.inf
    return max(0.0, wal - left) * facts.PEAK_LASTS.value / left


def stated(workload: Workload) -> float | None:
    """Bytes a second of the link as the workload has it; None where it does not say, or there is no standby."""
    if workload.region_link_mbit is None or len(workload.regions) < 2:
        return None
    return workload.region_link_mbit / BITS
