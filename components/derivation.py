"""Where a stack's workload becomes settings: handed to `settings.load` by whoever reads configuration."""

from settings.draft import Blocks, Draft


def derived(draft: Draft) -> Blocks:
    """What follows from the workload. Raises UnderivableError.

    Imported when it is asked for: a stack without a workload does not wait for the model.
    """
    from capacity.derive import derived

    return derived(draft)
