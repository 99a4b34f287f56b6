"""What ends the command with words for the person at the terminal."""


class PromotionError(Exception):
    """What is wrong and what to do about it; nothing after it was done."""
