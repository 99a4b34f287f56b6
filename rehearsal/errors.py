"""The one error that the command line prints without a traceback."""


class RehearsalError(Exception):
    """What is wrong and what to do about it, in words for the person at the terminal."""
