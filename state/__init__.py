"""The state of the stacks themselves: where it lies, and how a region's is given up.

Nothing here knows a region's components: the bucket's are components.aws.state_store, and what a stack holds is read
from its state.
"""
