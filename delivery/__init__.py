"""What a change goes through from a pull request to the regions: previews, gates, stages, drift.

The workflows under .github/workflows call this room's make targets and nothing of substance beside them, so that every
step runs on a machine of yours as it does there (docs/delivery.md).
"""
