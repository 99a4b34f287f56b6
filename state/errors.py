"""What goes wrong, in words for whoever typed the command."""


class StateError(Exception):
    """Nothing goes on; the text says what to do."""
