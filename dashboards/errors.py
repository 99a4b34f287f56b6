"""What ends the command with words for the person at the terminal."""


class DashboardError(Exception):
    """What is wrong and what to do about it; no page was written."""


class PanelError(Exception):
    """Why one panel cannot be drawn; whoever draws the page adds which, and goes on to find the other faults."""
