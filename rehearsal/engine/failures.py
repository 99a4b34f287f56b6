"""What an update says of its parts that failed: a line for each, and one for all that an absent API server took."""

from collections.abc import Mapping

from rehearsal import kube
from rehearsal.engine.scrub import Scrubber
from rehearsal.errors import RehearsalError

SERVER_ERROR = 500
RECORDED = "What was applied is recorded: the next update takes up here."


def summed_up(region: str, failures: Mapping[str, Exception], total: int, scrub: Scrubber) -> RehearsalError:
    """One error for all failures, by URN, of an update of `total` resources."""
    lost = next((error for error in failures.values() if isinstance(error, kube.Unreachable)), None)
    own = {urn: error for urn, error in failures.items() if lost is None or not _is_outage(error)}
    lines: list[str] = []
    if lost is not None:
        lines.append(
            f"{region}: the API server went away during the update, nothing new was begun: {scrub(lost.message)}"
        )
    if own:
        lines.append(f"{region}: {len(own)} of {total} resources failed; what depends on them was left out:")
        lines += [f"  {urn.split('::')[-1]}: {_words(error, scrub)}" for urn, error in own.items()]
    return RehearsalError("\n".join([*lines, RECORDED]))


def _is_outage(error: Exception) -> bool:
    """A server that is about to go away answers what it still answers with errors of its own."""
    return isinstance(error, kube.Unreachable) or (isinstance(error, kube.KubeError) and error.status >= SERVER_ERROR)


def _words(error: Exception, scrub: Scrubber) -> str:
    if isinstance(error, kube.KubeError):
        return scrub(error.message)
    return scrub(str(error) if isinstance(error, RehearsalError) else f"{type(error).__name__}: {error}")
