"""What goes wrong, in words for whoever reads the run."""


class DeliveryError(Exception):
    """Nothing after it was done; the text says what to do."""
