"""How much a workload needs, why, and until when.

`plan(workload.read({...}))` answers what each part has to have; `python -m capacity` is the command line.
"""

from capacity.estimate import Resources, estimate_resources
from capacity.plan import Plan, plan
from capacity.workload import Workload, WorkloadError

__all__ = ["Plan", "Resources", "Workload", "WorkloadError", "estimate_resources", "plan"]
